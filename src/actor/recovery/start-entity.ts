import type { Entity } from '../entity.ts';
import type { HostedState } from '../entity-logic.ts';
import type { ResolvedBackoff } from '../entity-options.ts';
import type { Timers } from '../timers.ts';
import { dueMs, longestTimeoutMs } from '../timers.ts';
import type { Replayed } from './replay.ts';

/**
 * When the init record of a new journal is stored. At once if the initial state does anything, so
 * that it does so once; else with the first event, so that an entity that was only looked at leaves
 * no journal.
 */
export function initTime<S extends HostedState>(
  entity: Entity<S>,
): 'at-once' | 'with-first-event' | 'never' {
  const { settings, logic } = entity;
  if (settings.actor.initEvent === 'always') return 'at-once';
  if (settings.actor.initEvent === 'never') return 'never';
  if (entity.initialActs) return 'at-once';
  return logic.needsInit(entity.input) ? 'with-first-event' : 'never';
}

/**
 * Arms what the replay found waiting; what is overdue fires right away, earliest deadline first.
 */
export function rearmTimers<S extends HostedState>(
  entity: Entity<S>,
  { timers, lastEventMs }: Replayed<S>,
): Timers {
  const { deps, settings, logic, persistenceId } = entity;
  const nowMs = deps.clock.nowMs();
  timers.forgetSent(lastEventMs);
  for (const timer of timers.pending()) {
    if (settings.actor.timers === 'restart') timer.fromMs = nowMs;
    const delayMs = Math.max(0, dueMs(timer) - nowMs);
    if (logic.arm(entity.state, timer, { target: timer.target, delayMs })) continue;
    timers.remove(timer);
    const fields = { persistenceId, timer: timer.id };
    deps.log.warn(fields, 'a delayed event is lost: nobody can tell whom it was for');
  }
  return timers;
}

/** One link of a long delay has passed: arms the next one. */
export function continueTimer<S extends HostedState>(entity: Entity<S>, key: string): void {
  const { deps, logic, timers, state } = entity;
  const timer = timers.get(key);
  if (timer === undefined) return;
  const delayMs = Math.max(0, dueMs(timer) - deps.clock.nowMs());
  const isArmed = logic.arm(state, timer, { target: timer.target, delayMs });
  const isLastLink = delayMs <= longestTimeoutMs;
  // What goes to others is not seen again.
  if (!isArmed || (isLastLink && timer.target.type !== 'self')) timers.remove(timer);
}

/** The delay before try number `failures` + 1, ms. */
export function restartDelayMs(backoff: ResolvedBackoff, failures: number, random: number): number {
  const step = Math.min(backoff.maxMs, backoff.minMs * 2 ** Math.min(failures - 1, 30));
  return Math.round(step * (1 + random * backoff.randomFactor));
}
