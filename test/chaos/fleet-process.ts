import { createWriteStream } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { assign, fromPromise, setup } from 'xstate';
import { createPersistence, type Decision, JournalError } from '../../src/index.ts';
import {
  type Call,
  type CallResult,
  type FromInstance,
  monotonicMs,
  type ToInstance,
  type WorkReport,
} from './fleet-protocol.ts';

/**
 * One instance of a service: entities with a running timer and, at times, invoked work. It asks
 * what the parent sends it to ask, and reports each answer, and each beginning and end of work.
 *
 *     node fleet-process.ts CONFIG-FILE NAME [LOG-FILE]
 */
const [file = '', name = '', logFile] = process.argv.slice(2);
const tickMs = 20_000;
const shortestWorkMs = 50;
const longestWorkMs = 1_500;
const reportEveryMs = 2;

type Command =
  | { readonly type: 'add'; readonly operation: string; readonly isWork: boolean }
  | { readonly type: 'look' };
interface Added {
  readonly type: 'added';
  readonly operation: string;
  readonly isWork: boolean;
}

let results: CallResult[] = [];
let works: WorkReport[] = [];
const tell = (more: Partial<FromInstance> = {}): void => {
  if (results.length + works.length > 0 || more.isReady) {
    process.send?.({ results, works, ...more } satisfies FromInstance);
  }
  results = [];
  works = [];
};

const work = fromPromise<void, { attempt: string }>(async ({ input: { attempt }, signal }) => {
  const report = (type: WorkReport['type']): void => {
    works.push({ type, attempt, atMs: monotonicMs() });
  };
  report('begun');
  signal.addEventListener('abort', () => report('aborted'), { once: true });
  await sleep(shortestWorkMs + Math.random() * (longestWorkMs - shortestWorkMs));
  if (!signal.aborted) report('done');
});

const counter = setup({
  types: {
    context: {} as { readonly id: string; readonly events: number },
    events: {} as Added,
    input: {} as { readonly id: string },
  },
  actors: { work },
  actions: { count: assign({ events: ({ context }) => context.events + 1 }) },
  guards: { isWork: ({ event }) => event.isWork },
  delays: { tickMs },
}).createMachine({
  id: 'counter',
  type: 'parallel',
  context: ({ input }) => ({ id: input.id, events: 0 }),
  states: {
    counting: { on: { added: { actions: 'count' } } },
    working: {
      initial: 'resting',
      states: {
        resting: { on: { added: { guard: 'isWork', target: 'busy' } } },
        busy: {
          invoke: {
            id: 'work',
            src: 'work',
            input: ({ context: { id, events } }) => ({ attempt: `${id}:${events}:work` }),
            onDone: { target: 'resting', actions: 'count' },
          },
        },
      },
    },
    ticking: {
      initial: 'waiting',
      states: {
        waiting: { after: { tickMs: { target: 'waiting', reenter: true, actions: 'count' } } },
      },
    },
  },
});

/** How often each entity has recovered in this process. */
const recoveries = new Map<string, number>();
const log = logFile === undefined ? undefined : pino({ name }, createWriteStream(logFile));
const persistence = await createPersistence({ file, ...(log && { log }) });
const counters = persistence.entities(
  'counter',
  persistence.persistent(counter, {
    types: { commands: {} as Command },
    persistenceId: ({ input }) => input.id,
    onPersistFailure: { minBackoff: '50ms', maxBackoff: '1s' },
    initEvent: 'never',
    decide: ({ snapshot, command }): Decision<Added> => {
      const { id } = snapshot.context;
      const reply = `${name}/${recoveries.get(id) ?? 0}`;
      if (command.type === 'look') return { type: 'none', reply };
      return { type: 'persist', events: [{ ...command, type: 'added' }], reply };
    },
    onSignal: ({ type }, { context: { id } }) => {
      if (type === 'recovery-completed') recoveries.set(id, (recoveries.get(id) ?? 0) + 1);
    },
  }),
);

const underWay = new Set<Promise<void>>();
process.on('message', (message: ToInstance) => {
  if (message === 'stop') stop().catch(fail);
  else for (const call of message.calls) begin(call);
});
// The parent is gone: nobody is left to answer.
process.once('disconnect', () => process.exit());
const telling = setInterval(tell, reportEveryMs);
tell({ isReady: true });

function begin(call: Call): void {
  const asking = ask(call).then((result) => {
    results.push(result);
    underWay.delete(asking);
  });
  underWay.add(asking);
}

async function ask({ id, key, operation, isWork, timeoutMs }: Call): Promise<CallResult> {
  const command: Command =
    operation === undefined ? { type: 'look' } : { type: 'add', operation, isWork };
  try {
    const { sequenceNr, reply } = await counters.ask(key, command, { timeout: timeoutMs });
    return { id, seqNr: sequenceNr, life: String(reply) };
  } catch (error) {
    if (error instanceof JournalError) return { id, stored: error.stored, code: error.code };
    return { id, stored: 'unknown', code: String(error) };
  }
}

function fail(error: unknown): void {
  console.error(name, error);
  process.exit(1);
}

/** Every command that was taken is answered before the process ends. */
async function stop(): Promise<void> {
  await persistence.shutdown();
  await Promise.all(underWay);
  clearInterval(telling);
  tell();
  process.removeAllListeners('message');
  process.disconnect();
}
