import { setup } from 'xstate';
import { type StepTable, stepTable } from '../../runtime/step-table.ts';

/** Where an entity is in its life. */
export type LifeState =
  | 'awaitingPermit'
  | 'replaying'
  | 'loadingSnapshot'
  | 'initialising'
  | 'ready'
  | 'persisting'
  | 'unowned'
  | 'backingOff'
  | 'stopped'
  | 'failed';

/** Facts of an entity's life, in the order in which they usually happen. */
export type LifeFact =
  | 'permit.granted'
  | 'snapshot.asked'
  | 'snapshot.answered'
  | 'replay.completed'
  | 'recovery.failed'
  | 'init.started'
  | 'write.started'
  | 'write.settled'
  | 'write.failed'
  | 'tenure.lost'
  | 'work.found'
  | 'backoff.elapsed'
  | 'entity.failed'
  | 'entity.ended';

/** What has to be done when a state is entered. */
export type LifeEffect =
  | 'recover'
  | 'drainStash'
  | 'stopChildren'
  | 'forgetState'
  | 'lookForWork'
  | 'scheduleRestart'
  | 'endAskers';

/**
 * The life of one persistent actor, without its data.
 *
 * ```
 * awaitingPermit ─→ replaying ─→ ready ⇄ persisting
 *       ↑               │  └→ initialising ─↗   │
 *       ├─ backingOff ←─┴───────────────────────┤   or failed, when failures stop the actor
 *       └─ unowned ←── the tenure is lost ──────┘   at once, or when there is something to do
 * any ─→ stopped (asked to, or final) | failed
 * ```
 *
 * `awaitingPermit` holds the journal before its turn comes, so the tenure may be lost there, too.
 * `replaying` goes to `loadingSnapshot` and back for each snapshot that it asks the store for. Both
 * end in the same ways: an answer to an attempt that was dropped may come while the next one runs.
 *
 * `ready` may go through `initialising` first: the init record of a new journal is stored before
 * the initial actions run. `unowned` may have a write under way that was begun under the tenure:
 * its answer decides what its askers get, and nothing is recovered before.
 */
export const lifecycleMachine = setup({
  types: {
    context: {} as { readonly restarts: boolean },
    input: {} as { readonly restarts: boolean },
    events: {} as { type: LifeFact },
  },
  guards: { restarts: ({ context }) => context.restarts },
  actions: {
    recover: () => {},
    drainStash: () => {},
    stopChildren: () => {},
    forgetState: () => {},
    lookForWork: () => {},
    scheduleRestart: () => {},
    endAskers: () => {},
  },
}).createMachine({
  id: 'lifecycle',
  context: ({ input }) => ({ restarts: input.restarts }),
  initial: 'awaitingPermit',
  on: { 'entity.failed': '.failed', 'entity.ended': '.stopped' },
  states: {
    awaitingPermit: {
      entry: 'recover',
      on: {
        'permit.granted': 'replaying',
        'tenure.lost': 'unowned',
        'recovery.failed': [{ guard: 'restarts', target: 'backingOff' }, { target: 'failed' }],
      },
    },
    replaying: {
      on: {
        'snapshot.asked': 'loadingSnapshot',
        'replay.completed': 'ready',
        'init.started': 'initialising',
        'tenure.lost': 'unowned',
        'recovery.failed': [{ guard: 'restarts', target: 'backingOff' }, { target: 'failed' }],
      },
    },
    loadingSnapshot: {
      on: {
        'snapshot.answered': 'replaying',
        'replay.completed': 'ready',
        'init.started': 'initialising',
        'tenure.lost': 'unowned',
        'recovery.failed': [{ guard: 'restarts', target: 'backingOff' }, { target: 'failed' }],
      },
    },
    initialising: {
      on: {
        'write.settled': 'ready',
        'tenure.lost': 'unowned',
        'write.failed': [{ guard: 'restarts', target: 'backingOff' }, { target: 'failed' }],
      },
    },
    ready: {
      entry: 'drainStash',
      on: { 'write.started': 'persisting', 'tenure.lost': 'unowned' },
    },
    persisting: {
      on: {
        'write.settled': 'ready',
        'tenure.lost': 'unowned',
        'write.failed': [{ guard: 'restarts', target: 'backingOff' }, { target: 'failed' }],
      },
    },
    unowned: {
      entry: ['stopChildren', 'forgetState', 'lookForWork'],
      on: {
        'work.found': 'awaitingPermit',
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

const facts: readonly LifeFact[] = [
  'permit.granted',
  'snapshot.asked',
  'snapshot.answered',
  'replay.completed',
  'recovery.failed',
  'init.started',
  'write.started',
  'write.settled',
  'write.failed',
  'tenure.lost',
  'work.found',
  'backoff.elapsed',
  'entity.failed',
  'entity.ended',
];

/**
 * The machine as a table. A command takes two steps of this life, and a table look-up costs some
 * thousand times less than interpreting the machine, which has no data that a step could depend
 * on.
 */
export type LifeTable = StepTable<LifeState, LifeFact, LifeEffect>;

/** The table of entities that start over after a failure, or of those that end. */
export function lifeTable(restarts: boolean): LifeTable {
  return stepTable(lifecycleMachine, facts, { restarts });
}
