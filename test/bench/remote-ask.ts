import { setTimeout as sleep } from 'node:timers/promises';
import { RestartableProcess } from '../chaos/child-process.ts';
import { withConfigFile } from '../chaos/replicator-process.ts';
import { journalPath, newNames, type Servers } from './bench-world.ts';
import { elapsedMs, type Figure, figure, median } from './figures.ts';
import { type AccountCommand, depositOf, openAccounts } from './remote-accounts.ts';

const keys = Array.from({ length: 64 }, (_, index) => `account-${index}`);
const warmUpCommands = 1_000;
const commands = 2_000;
const shareLimitMs = 30_000;
const stopLimitMs = 20_000;

type Accounts = Awaited<ReturnType<typeof openAccounts>>['accounts'];

/**
 * Two instances of a fleet share the accounts; one asks, one command at a time, in turn an account
 * of its own and one of the other's. Beside each figure of remote ones is that of its own.
 */
export async function benchRemoteAsk(servers: Servers): Promise<readonly Figure[]> {
  const fleet = `${journalPath}.fleet { enabled = on, balance-delay = 0s }`;
  const config = [newNames(servers).configText, fleet].join('\n');
  return await withConfigFile(config, async (file) => {
    const other = new RestartableProcess({
      file: new URL('remote-process.ts', import.meta.url),
      args: () => [file],
    });
    const { accounts, close } = await openAccounts({ file });
    try {
      other.start();
      const { mine, others } = await shared(accounts);
      const ask = (ids: readonly string[], command: (index: number) => AccountCommand) => {
        return async (index: number): Promise<unknown> =>
          await accounts.ask(ids[index % ids.length] as string, command(index));
      };
      const asked = await inTurn(ask(others, depositOf), ask(mine, depositOf));
      const look = (): AccountCommand => ({ type: 'look' });
      const looked = await inTurn(ask(others, look), ask(mine, look));
      return [
        figure('remote.ask', 'ms p50', [asked.a, asked.b]),
        figure('remote.ask.more', 'ms', [asked.a - asked.b]),
        figure('remote.look', 'ms p50', [looked.a, looked.b]),
        figure('remote.look.more', 'ms', [looked.a - looked.b]),
      ];
    } finally {
      await other.stop(stopLimitMs);
      await close();
    }
  });
}

/** Which accounts each instance has, once both have some. */
async function shared(accounts: Accounts) {
  const limitMs = performance.now() + shareLimitMs;
  for (;;) {
    const owners = new Map<string, unknown>();
    for (const id of keys) owners.set(id, (await accounts.ask(id, { type: 'look' })).reply);
    const mine = keys.filter((id) => owners.get(id) === process.pid);
    const others = keys.filter((id) => owners.get(id) !== process.pid);
    if (mine.length > 0 && others.length > 0) return { mine, others };
    if (performance.now() > limitMs) throw new Error('the instances do not share the accounts');
    await sleep(100);
  }
}

/** The medians of both, A B A B …, one call at a time. */
async function inTurn(
  a: (index: number) => Promise<unknown>,
  b: (index: number) => Promise<unknown>,
): Promise<{ readonly a: number; readonly b: number }> {
  const [as, bs]: [number[], number[]] = [[], []];
  for (let index = -warmUpCommands; index < commands; index++) {
    const aMs = await elapsedMs(() => a(Math.abs(index)));
    const bMs = await elapsedMs(() => b(Math.abs(index)));
    if (index < 0) continue;
    as.push(aMs);
    bs.push(bMs);
  }
  return { a: median(as), b: median(bs) };
}
