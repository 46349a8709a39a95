import type { Wake } from '../../model/wake-up.ts';
import type { AtomicWrite, PersistentRepr } from '../../ports/journal-plugin.ts';
import { EventFacts } from '../../ports/journal-plugin.ts';
import type { Entity } from '../entity/entity.ts';
import type { HostedState } from '../entity/entity-logic.ts';
import { type Evaluated, isStored } from '../entity/evaluated.ts';
import type { WaitsFor } from '../entity/waits.ts';
import { commandFact } from './named-command.ts';

/** A command that stores something, and its write. */
export interface PlannedWrite<S> {
  readonly evaluated: Evaluated<S>;
  readonly write: AtomicWrite;
}

/**
 * Numbers the events of commands without gaps, and puts those of a command into one atomic write,
 * which also says what the entity waits for once it is stored. Commands without events have none.
 */
export function planWrites<S extends HostedState>(
  entity: Entity<S>,
  batch: readonly Evaluated<S>[],
): readonly PlannedWrite<S>[] {
  const { persistenceId, deps, waits } = entity;
  const nowMs = deps.clock.nowMs();
  const planned: PlannedWrite<S>[] = [];
  let { initPending, sequenceNr, timers } = entity;
  let { stillMs } = timers;
  let deliveries = entity.outbox.size;
  for (const evaluated of batch) {
    waits.reported(evaluated.envelope, nowMs);
    let { state } = entity;
    const events: PersistentRepr[] = [];
    const command = commandFact(evaluated, initPending ? sequenceNr + 1 : sequenceNr);
    for (const step of evaluated.steps) {
      if (!isStored(step)) continue;
      const { timerChanges, facts, part } = step;
      step.command = command;
      if (part === 0) {
        if (initPending) events.push(entity.initRepr(++sequenceNr, EventFacts.none));
        initPending = false;
        const first = stillMs === 0 ? step : { ...step, facts: { ...facts, stillMs } };
        events.push(entity.reprOf(++sequenceNr, step.payload, first));
        stillMs = 0;
        deliveries += openedBy(facts);
      }
      step.seqNr = sequenceNr;
      const armed = { seqNr: sequenceNr, part, delaysMs: facts.delaysMs ?? [] };
      timers = timers.after(timerChanges, armed, nowMs);
      state = step.next;
    }
    if (!isSome(events)) continue;
    const wake = wakeIn(entity, state, { timers, deliveries });
    const { beside } = evaluated;
    const said = { ...(wake !== undefined && { wake }), ...(beside !== undefined && { beside }) };
    planned.push({ evaluated, write: { persistenceId, events, ...said } });
  }
  return planned;
}

/** How many more deliveries are open after an event: its facts are exact changes. */
function openedBy({ deliveries = [], confirmed = [] }: EventFacts): number {
  return deliveries.length - confirmed.length;
}

/** What to say of what the entity waits for in a state; `undefined` = what was said is still so. */
function wakeIn<S extends HostedState>(
  { waits, logic }: Entity<S>,
  state: S,
  { timers, deliveries }: Omit<WaitsFor, 'children'>,
): Wake | undefined {
  if (state.status !== 'active') return deliveries > 0 ? 'now' : 'none';
  return waits.next({ children: logic.childrenOf(state), timers, deliveries });
}

function isSome<T>(items: readonly T[]): items is readonly [T, ...T[]] {
  return items.length > 0;
}
