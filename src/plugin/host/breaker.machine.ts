import { setup } from 'xstate';
import { type StepTable, stepTable } from '../../runtime/step-table.ts';

/** Whether calls get through to a plugin. */
export type BreakerState = 'closed' | 'open' | 'halfOpen' | 'trying';

/** Facts of a breaker's life. */
export type BreakerFact =
  /** So many calls in a row have failed as the settings allow. */
  | 'limit.reached'
  /** The time is over in which the plugin is left alone. */
  | 'reset.elapsed'
  | 'trial.started'
  | 'trial.succeeded'
  | 'trial.failed'
  /** Its caller gave up, so it says nothing about the plugin. */
  | 'trial.dropped';

/** What the breaker has to do when it takes a step. */
export type BreakerEffect = 'leaveAlone' | 'reportClosed';

/**
 * A circuit breaker, without its data.
 *
 * ```
 * closed ─ limit.reached ─→ open ─ reset.elapsed ─→ halfOpen ─ trial.started ─→ trying
 *   ↑                         ↑                        ↑                          │││
 *   │                         │                        └───── trial.dropped ──────┘││
 *   │                         └────────────────────────────── trial.failed ────────┘│
 *   └──────────────────────────────────────────────────────── trial.succeeded ──────┘
 * ```
 *
 * Calls get through when it is `closed`, and one in `halfOpen`. An answer to a call that began
 * before the breaker opened means nothing any more: only the trial decides.
 */
export const breakerMachine = setup({
  types: { events: {} as { type: BreakerFact } },
  actions: { leaveAlone: () => {}, reportClosed: () => {} },
}).createMachine({
  id: 'circuitBreaker',
  initial: 'closed',
  states: {
    closed: { on: { 'limit.reached': 'open' } },
    open: { entry: 'leaveAlone', on: { 'reset.elapsed': 'halfOpen' } },
    halfOpen: { on: { 'trial.started': 'trying' } },
    trying: {
      on: {
        'trial.succeeded': { target: 'closed', actions: 'reportClosed' },
        'trial.failed': 'open',
        'trial.dropped': 'halfOpen',
      },
    },
  },
});

const facts: readonly BreakerFact[] = [
  'limit.reached',
  'reset.elapsed',
  'trial.started',
  'trial.succeeded',
  'trial.failed',
  'trial.dropped',
];

/** The machine as a table: it is looked at with each write. */
export function breakerTable(): StepTable<BreakerState, BreakerFact, BreakerEffect> {
  return stepTable(breakerMachine, facts);
}
