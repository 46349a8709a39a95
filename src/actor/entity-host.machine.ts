import { setup, transition } from 'xstate';

export type HostState =
  | 'awaitingPermit'
  | 'replaying'
  | 'initialising'
  | 'ready'
  | 'persisting'
  | 'backingOff'
  | 'stopped'
  | 'failed';

/** Facts of an entity's life, in the order in which they usually happen. */
export type HostFact =
  | 'permit.granted'
  | 'replay.completed'
  | 'recovery.failed'
  | 'init.started'
  | 'write.started'
  | 'write.settled'
  | 'write.failed'
  | 'backoff.elapsed'
  | 'entity.failed'
  | 'entity.ended';

/** What the host has to do when a state is entered. */
export type HostEffect =
  | 'recover'
  | 'drainStash'
  | 'stopChildren'
  | 'forgetState'
  | 'scheduleRestart'
  | 'endAskers';

/**
 * The life of one persistent actor, without its data.
 *
 * ```
 * awaitingPermit ─→ replaying ─→ ready ⇄ persisting
 *       ↑               │  └→ initialising ─↗   │
 *       └─ backingOff ←─┴───────────────────────┘   or failed, when failures stop the actor
 * any ─→ stopped (asked to, or final) | failed
 * ```
 *
 * `ready` may go through `initialising` first: the init record of a new journal is stored before
 * the initial actions run.
 */
export const entityHostMachine = setup({
  types: {
    context: {} as { readonly restarts: boolean },
    input: {} as { readonly restarts: boolean },
    events: {} as { type: HostFact },
  },
  guards: { restarts: ({ context }) => context.restarts },
  actions: {
    recover: () => {},
    drainStash: () => {},
    stopChildren: () => {},
    forgetState: () => {},
    scheduleRestart: () => {},
    endAskers: () => {},
  },
}).createMachine({
  id: 'entityHost',
  context: ({ input }) => ({ restarts: input.restarts }),
  initial: 'awaitingPermit',
  on: { 'entity.failed': '.failed', 'entity.ended': '.stopped' },
  states: {
    awaitingPermit: {
      entry: 'recover',
      on: {
        'permit.granted': 'replaying',
        'recovery.failed': [{ guard: 'restarts', target: 'backingOff' }, { target: 'failed' }],
      },
    },
    replaying: {
      on: {
        'replay.completed': 'ready',
        'init.started': 'initialising',
        'recovery.failed': [{ guard: 'restarts', target: 'backingOff' }, { target: 'failed' }],
      },
    },
    initialising: {
      on: {
        'write.settled': 'ready',
        'write.failed': [{ guard: 'restarts', target: 'backingOff' }, { target: 'failed' }],
      },
    },
    ready: { entry: 'drainStash', on: { 'write.started': 'persisting' } },
    persisting: {
      on: {
        'write.settled': 'ready',
        'write.failed': [{ guard: 'restarts', target: 'backingOff' }, { target: 'failed' }],
      },
    },
    backingOff: {
      entry: ['stopChildren', 'forgetState', 'scheduleRestart'],
      on: { 'backoff.elapsed': 'awaitingPermit' },
    },
    stopped: { type: 'final', entry: 'endAskers' },
    failed: { type: 'final', entry: ['stopChildren', 'endAskers'] },
  },
});

export interface HostStep {
  readonly state: HostState;
  readonly effects: readonly HostEffect[];
}

const facts: readonly HostFact[] = [
  'permit.granted',
  'replay.completed',
  'recovery.failed',
  'init.started',
  'write.started',
  'write.settled',
  'write.failed',
  'backoff.elapsed',
  'entity.failed',
  'entity.ended',
];

/**
 * The machine as a table. A command takes two steps of this life, and a table look-up costs some
 * thousand times less than interpreting the machine, which has no data that a step could depend on.
 */
export type HostTable = Readonly<Record<HostState, Readonly<Partial<Record<HostFact, HostStep>>>>>;

export function hostTable(restarts: boolean): HostTable {
  const states = Object.keys(entityHostMachine.states) as HostState[];
  return Object.fromEntries(
    states.map((state) => [state, stepsFrom(state, restarts)]),
  ) as HostTable;
}

function stepsFrom(value: HostState, restarts: boolean): Partial<Record<HostFact, HostStep>> {
  const from = entityHostMachine.resolveState({ value, context: { restarts } });
  if (from.status !== 'active') return {};
  const steps: Partial<Record<HostFact, HostStep>> = {};
  for (const type of facts) {
    const [to, actions] = transition(entityHostMachine, from, { type });
    if (to.value === value) continue;
    const effects = actions.map((action) => action.type as HostEffect);
    steps[type] = { state: to.value as HostState, effects };
  }
  return steps;
}
