import type { HeldJournal } from '../../src/journal/holding/held-journal.ts';
import { Key } from '../../src/model/key.ts';
import { newNames, type Servers } from './bench-world.ts';
import { throughput } from './figures.ts';
import { eventOf, openProcess } from './held.ts';

const keys = 1_000;
const inFlight = 256;
const appends = 30_000;

/**
 * One side of `append.256.held`: appends to journals that this process holds, or that it does not.
 *
 *     node held-process.ts held|plain SERVERS
 *
 * All journals were read before, as they are by whoever has to know their last numbers. Says
 * `ready` then; each message begins a round, whose answer is its appends a second.
 */
const [side, servers = ''] = process.argv.slice(2);
const names = newNames(JSON.parse(servers) as Servers);
const { journals } = await openProcess(names);
const all = Array.from({ length: keys }, (_, index) => Key.of(names.topic, `key-${index}`));
const open: readonly Pick<HeldJournal, 'append' | 'pointer'>[] =
  side === 'held'
    ? await Promise.all(all.map((key) => journals.hold(key)))
    : all.map((key) => journals.of(key));
await Promise.all(open.map((journal) => journal.pointer()));

const last = all.map(() => 0);
const append = async (index: number): Promise<void> => {
  const at = index % keys;
  const number = (last[at] ?? 0) + 1;
  last[at] = number;
  await open[at]?.append([eventOf(number)]);
};
const round = async (): Promise<void> => {
  process.send?.(await throughput(appends, inFlight, append));
};
process.on('message', () => void round());
process.once('disconnect', () => process.exit());
process.send?.('ready');
