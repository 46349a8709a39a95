import { assign, setup } from 'xstate';
import { createPersistence, JournalError } from '../../src/index.ts';
import type { Acknowledged, Outcomes } from './ledger.ts';

/**
 * The process under fire: persistent counters, each told to `add` as soon as it has answered and
 * rested. What became of each command is told to the parent, which outlives this process; it may
 * say `rest`, `work` and `stop`.
 *
 *     node actors-process.ts CONFIG-FILE RUN KEYS REST-MS
 */
const [file = '', run = '', keyCount = '1', restMs = '0'] = process.argv.slice(2);
const stopping = new AbortController();
let work: PromiseWithResolvers<void> | undefined;
process.on('message', (message) => {
  if (message === 'rest') work ??= Promise.withResolvers<void>();
  else work?.resolve();
  if (message === 'work') work = undefined;
  if (message === 'stop') stopping.abort();
});

const counter = setup({
  types: {
    context: {} as { sum: number },
    events: {} as { type: 'added'; operation: string },
    input: {} as { id: string },
  },
}).createMachine({
  id: 'counter',
  context: { sum: 0 },
  on: { added: { actions: assign({ sum: ({ context }) => context.sum + 1 }) } },
});

const persistence = await createPersistence({ file });
const counters = persistence.entities(
  'counter',
  persistence.persistent(counter, {
    persistenceId: ({ input }) => input.id,
    onPersistFailure: { minBackoff: '50ms', maxBackoff: '1s' },
    initEvent: 'never',
  }),
);

let operations = 0;
let acknowledged: Acknowledged[] = [];
let rejected: string[] = [];
const tell = (): void => {
  const outcomes: Outcomes = { acknowledged, rejected };
  if (acknowledged.length + rejected.length > 0) process.send?.(outcomes);
  acknowledged = [];
  rejected = [];
};
const telling = setInterval(tell, 5);

await Promise.all(Array.from({ length: Number(keyCount) }, (_, index) => load(`key-${index}`)));
clearInterval(telling);
tell();
await persistence.shutdown();
process.removeAllListeners('message');
process.disconnect();

/**
 * One command at a time for one key, until the parent says stop. A failed command is not repeated.
 */
async function load(key: string): Promise<void> {
  while (!stopping.signal.aborted) {
    await work?.promise;
    const operation = `${run}-${operations++}`;
    try {
      const command = { type: 'added', operation } as const;
      const { sequenceNr } = await counters.ask(key, command, { timeout: 20_000 });
      acknowledged.push({ key, seqNr: sequenceNr, operation });
      if (restMs !== '0') await pause(Number(restMs));
    } catch (error) {
      const stored = error instanceof JournalError ? error.stored : 'unknown';
      if (stored === 'yes') acknowledged.push({ key, operation });
      if (stored === 'no') rejected.push(operation);
      await pause(20);
    }
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
