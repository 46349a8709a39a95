import { setTimeout as sleep } from 'node:timers/promises';
import { assign, fromPromise, setup } from 'xstate';
import { createPersistence } from '../../src/index.ts';
import type { Armed, FromWaking, ToWaking } from './wake-protocol.ts';

/**
 * One process of a service whose entities wait: for three timers, and for work that is under way.
 * In the first life of the service that work never ends, in a later one soon. It arms what the
 * parent says, and asks no entity for anything else.
 *
 *     node wake-process.ts CONFIG-FILE first|later
 */
const [file = '', life = ''] = process.argv.slice(2);
const isFirst = life === 'first';
const workMs = 20;
const armingAtOnce = 200;
const mostTries = 10;

const delayOf =
  (timer: number) =>
  ({ context }: { context: { readonly delays: readonly number[] } }): number =>
    context.delays[timer] ?? 0;
const hasTimer =
  (timer: number) =>
  ({ event }: { event: Armed | { readonly type: 'ended' } }): boolean =>
    event.type === 'armed' && timer < event.delays.length;

const work = fromPromise<void>(async () => {
  await (isFirst ? new Promise(() => {}) : sleep(workMs));
});

const sleeper = setup({
  types: {
    context: {} as { readonly isArmed: boolean; readonly delays: readonly number[] },
    events: {} as Armed | { readonly type: 'ended' },
    input: {} as { readonly id: string },
  },
  actors: { work },
  actions: {
    note: assign(({ context, event }) => {
      if (event.type !== 'armed') return context;
      if (event.isPoison && !isFirst) throw new Error('poison');
      return { isArmed: true, delays: event.delays };
    }),
  },
  guards: {
    hasWork: ({ event }) => event.type === 'armed' && event.hasWork,
    has0: hasTimer(0),
    has1: hasTimer(1),
    has2: hasTimer(2),
  },
  delays: { delay0: delayOf(0), delay1: delayOf(1), delay2: delayOf(2) },
}).createMachine({
  id: 'sleeper',
  context: { isArmed: false, delays: [] },
  initial: 'living',
  states: {
    living: {
      type: 'parallel',
      on: { ended: 'over' },
      states: {
        noting: { on: { armed: { actions: 'note' } } },
        timer0: {
          initial: 'off',
          states: {
            off: { on: { armed: { guard: 'has0', target: 'on' } } },
            on: { after: { delay0: 'fired' } },
            fired: {},
          },
        },
        timer1: {
          initial: 'off',
          states: {
            off: { on: { armed: { guard: 'has1', target: 'on' } } },
            on: { after: { delay1: 'fired' } },
            fired: {},
          },
        },
        timer2: {
          initial: 'off',
          states: {
            off: { on: { armed: { guard: 'has2', target: 'on' } } },
            on: { after: { delay2: 'fired' } },
            fired: {},
          },
        },
        working: {
          initial: 'off',
          states: {
            off: { on: { armed: { guard: 'hasWork', target: 'busy' } } },
            busy: { invoke: { id: 'work', src: 'work', onDone: 'done' } },
            done: {},
          },
        },
      },
    },
    over: { type: 'final' },
  },
});

const persistence = await createPersistence({ file });
const sleepers = persistence.entities(
  'sleeper',
  persistence.persistent(sleeper, {
    persistenceId: ({ input }) => `sleeper-${input.id}`,
    initEvent: 'never',
    passivateAfter: '500ms',
    // A command whose answer was lost is sent again.
    decide: ({ snapshot, command }) =>
      command.type === 'armed' && snapshot.context.isArmed
        ? { type: 'none' }
        : { type: 'persist', events: [command] },
  }),
);
const tell = (message: FromWaking): void => void process.send?.(message);
process.on('message', (message: ToWaking) => {
  if (message === 'stop') stop().catch(fail);
  else arm(message.arm).catch(fail);
});
tell('ready');

async function arm(plans: readonly (readonly [string, readonly (Armed | { type: 'ended' })[]])[]) {
  let next = 0;
  const lane = async (): Promise<void> => {
    for (let plan = plans[next++]; plan !== undefined; plan = plans[next++]) {
      for (const command of plan[1]) await surely(plan[0], command);
    }
  };
  await Promise.all(Array.from({ length: armingAtOnce }, lane));
  tell('armed');
}

/** On a machine that stands still at times the process may lose its partitions for a moment. */
async function surely(id: string, command: Armed | { type: 'ended' }): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      await sleepers.ask(id, command, { timeout: 60_000 });
      return;
    } catch (error) {
      if (tries === mostTries) throw error;
    }
  }
}

async function stop(): Promise<void> {
  await persistence.shutdown();
  process.removeAllListeners('message');
  process.disconnect();
}

function fail(error: unknown): void {
  console.error(error);
  process.exit(1);
}
