import { SeqNr } from '../../model/seq-nr.ts';
import type { Entity } from '../entity.ts';
import type { HostedState } from '../entity-logic.ts';
import type { HostEvent } from '../host-events.ts';
import { PermitGranted, Recovered, RecoveryFailed } from '../host-events.ts';
import { ReplayFold, replay } from './replay.ts';
import { SilenceWatch } from './silence-watch.ts';

export interface RecoveryAttempt {
  /** Aborted by the host when the actor stops, and when the attempt is over. */
  readonly recovery: AbortController;
  readonly tell: (event: HostEvent) => void;
}

/**
 * Permit → journal → events → state. What comes of it is told to the actor, once and last, so this
 * never rejects and an earlier attempt has nothing to say any more when the next one starts. The
 * permit is held until the actor has taken the result.
 */
export async function recoverEntity<S extends HostedState>(
  entity: Entity<S>,
  { recovery, tell }: RecoveryAttempt,
): Promise<void> {
  const { signal } = recovery;
  let release: (() => void) | undefined;
  try {
    release = await entity.deps.permits.acquire(signal);
    tell(new PermitGranted());
    const { watch, fold } = openFold(entity, recovery);
    // Opening a journal and settling a write have bounds of their own.
    const lingering = entity.deps.live.lingeringWrite(entity.persistenceId);
    if (lingering !== undefined) await watch.guard(lingering);
    const { journalPluginId, recoverTo, recoverMaxEvents, actor } = entity.settings;
    const journal = await watch.guard(entity.deps.journal(journalPluginId, signal));
    watch.start();
    const replayed = await replay({
      journal,
      persistenceId: entity.persistenceId,
      to: recoverTo ?? SeqNr.max,
      maxEvents: recoverMaxEvents,
      yieldEvery: actor.replayYieldEvery,
      fold,
      watch,
      signal,
    });
    tell(new Recovered(journal, replayed));
  } catch (error) {
    tell(new RecoveryFailed(error));
  } finally {
    release?.();
    recovery.abort(over);
  }
}

/**
 * Reason of an abort that nobody is told about; an `AbortError` would cost more than a short
 * recovery.
 */
const over = 'the recovery is over';

function openFold<S extends HostedState>(
  entity: Entity<S>,
  recovery: AbortController,
): { readonly watch: SilenceWatch; readonly fold: ReplayFold<S> } {
  const { persistenceId, deps, settings, logic, input } = entity;
  const limitMs = settings.actor.recoveryEventTimeoutMs;
  const watch = new SilenceWatch({ clock: deps.clock, limitMs, recovery });
  const fold = new ReplayFold({
    persistenceId,
    input,
    run: logic.replayRun(),
    nowMs: () => deps.clock.nowMs(),
    unhandled: settings.actor.unhandledReplayedEvent,
    describe: (state) => logic.describe(state),
    warn: (fields, message) => deps.log.warn(fields, message),
  });
  return { watch, fold };
}
