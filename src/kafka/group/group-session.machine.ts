import { setup } from 'xstate';
import { type StepTable, stepTable } from '../../runtime/step-table.ts';

/** The last four are how a session ended. */
export type SessionState =
  | 'starting'
  | 'locating'
  | 'provingJoin'
  | 'fetching'
  | 'rebalancing'
  | 'stopping'
  | 'losing'
  | 'failing'
  | 'rebalance'
  | 'stopped'
  | 'lost'
  | 'failed';

/** Facts of a session's life. */
export type SessionFact =
  /** It is known for every partition where to begin. */
  | 'starts.located'
  /** The group answered a heartbeat: the join is still good. */
  | 'join.proven'
  /** The group shares out its partitions anew. */
  | 'group.rebalances'
  /** The group went on without this member. */
  | 'membership.lost'
  | 'stop.requested'
  /** The subscriber, the log or the broker failed for good. */
  | 'work.failed'
  /** The subscriber has answered for every partition that it was given. */
  | 'partitions.returned';

/** What the session has to do when it takes a step. */
export type SessionEffect = 'startFetching' | 'stopFetching' | 'end';

/** Every way out of a state in which the partitions are ours: the first reason decides. */
const endings = {
  'group.rebalances': { target: 'rebalancing', actions: 'stopFetching' },
  'stop.requested': { target: 'stopping', actions: 'stopFetching' },
  'membership.lost': { target: 'losing', actions: 'stopFetching' },
  'work.failed': { target: 'failing', actions: 'stopFetching' },
} as const;

/**
 * A member of a group between joining and the next rebalance, without its data.
 *
 * ```
 *            ┌─→ provingJoin ─┐
 * starting ──┤                ├─→ fetching
 *            └─→ locating ────┘
 *
 * any of these ─→ rebalancing │ stopping │ losing │ failing    fetching stops, work in hand settles
 *                      ↓            ↓         ↓        ↓        the partitions are given back
 *                 rebalance     stopped     lost    failed
 * ```
 *
 * Records are fetched when two facts are known, in any order: where each partition begins, and that
 * the join is still good. An answer to a join may have waited to be read while the group went on.
 *
 * While the partitions are given back a graver reason may come:
 *
 * - *lost* replaces a rebalance or a stop. The partitions belong to others, and the subscriber must
 *   be told so;
 * - *failed* replaces a rebalance, which would join again and hide the error.
 */
export const groupSessionMachine = setup({
  types: { events: {} as { type: SessionFact } },
  actions: { startFetching: () => {}, stopFetching: () => {}, end: () => {} },
}).createMachine({
  id: 'groupSession',
  initial: 'starting',
  states: {
    starting: {
      on: { ...endings, 'starts.located': 'provingJoin', 'join.proven': 'locating' },
    },
    provingJoin: { on: { ...endings, 'join.proven': 'fetching' } },
    locating: { on: { ...endings, 'starts.located': 'fetching' } },
    fetching: { entry: 'startFetching', on: endings },
    rebalancing: {
      on: {
        'membership.lost': 'losing',
        'work.failed': 'failing',
        'partitions.returned': 'rebalance',
      },
    },
    stopping: { on: { 'membership.lost': 'losing', 'partitions.returned': 'stopped' } },
    losing: { on: { 'partitions.returned': 'lost' } },
    failing: { on: { 'partitions.returned': 'failed' } },
    rebalance: { type: 'final', entry: 'end' },
    stopped: { type: 'final', entry: 'end' },
    lost: { type: 'final', entry: 'end' },
    failed: { type: 'final', entry: 'end' },
  },
});

const facts: readonly SessionFact[] = [
  'starts.located',
  'join.proven',
  'group.rebalances',
  'membership.lost',
  'stop.requested',
  'work.failed',
  'partitions.returned',
];

/** The machine as a table: it has no data that a step could depend on. */
export const sessionSteps: StepTable<SessionState, SessionFact, SessionEffect> = stepTable(
  groupSessionMachine,
  facts,
);
