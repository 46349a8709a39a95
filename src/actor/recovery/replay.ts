import { JournalError, WriteFailedError } from '../../model/errors.ts';
import { SeqNr } from '../../model/seq-nr.ts';
import type {
  BegunRecovery,
  JournalPlugin,
  PersistenceId,
  Recovery,
  ReplayRequest,
} from '../../ports/journal-plugin.ts';
import { nextTurn } from '../../runtime/waiting.ts';
import type { HostedState } from '../entity/entity-logic.ts';
import { checkReached, type ReplayEnd } from '../entity/moment.ts';
import type { Replayed } from '../entity/replayed.ts';
import type { ReplayFold } from './replay-fold.ts';
import type { SilenceWatch } from './silence-watch.ts';

/** One read of a journal, and the fold that takes its events. */
export interface ReplayRun<S extends HostedState> {
  readonly journal: JournalPlugin;
  /** The same read, where it has begun already. */
  readonly begun?: BegunRecovery | undefined;
  readonly persistenceId: PersistenceId;
  /** Number of the first event to read, which is the last one of a snapshot, or 1. */
  readonly from: number;
  /** Inclusive; 0 = apply nothing, only learn the highest number. */
  readonly to: number;
  readonly maxEvents: number;
  /**
   * Events that were stored after this are not applied, nor those after them; ms since the epoch.
   */
  readonly untilMs?: number | undefined;
  /** Number of events after which the event loop gets its turn. */
  readonly yieldEvery: number;
  readonly fold: ReplayFold<S>;
  readonly watch: SilenceWatch;
  readonly signal: AbortSignal;
}

/**
 * Reads and folds one journal in one pass where the plugin can do that (ADR 22).
 *
 * @throws {RecoveryFailedError} an event cannot be applied, or the journal went silent
 * @throws {DataIntegrityError} events came in the wrong order
 * @throws {SnapshotUnproven} the journal does not prove the snapshot from which the fold begins
 * @throws what the plugin rejects with, or the abort reason of `signal`
 */
export async function replay<S extends HostedState>(run: ReplayRun<S>): Promise<Replayed<S>> {
  const { journal, persistenceId, watch, signal } = run;
  if (run.to === 0) {
    return run.fold.result(await watch.guard(journal.highestSeqNr(persistenceId, 0, { signal })));
  }
  const recovery = await open(run);
  await foldAll(run, recovery.events);
  return run.fold.result(await watch.guard(recovery.highestSeqNr()));
}

/**
 * As {@link replay}, up to a moment.
 *
 * @throws {InvalidInputError} the journal has not come to the moment
 * @throws {RecoveryFailedError} as `replay`, or the events of the moment are deleted
 * @throws what the plugin rejects with, or the abort reason of `signal`
 */
export async function replayUntil<S extends HostedState>(
  run: ReplayRun<S>,
  end: ReplayEnd,
): Promise<Replayed<S>> {
  const { fold, persistenceId, watch } = run;
  if (end.to !== 0) {
    const recovery = await open(run);
    const next = await foldAll(run, recovery.events);
    const last = fold.lastSeqNr;
    // What was left early does not know it.
    const highest = next === undefined ? await watch.guard(recovery.highestSeqNr()) : last;
    checkReached(persistenceId, end, { last, highest, next });
  }
  return fold.result(fold.lastSeqNr);
}

async function open<S extends HostedState>(run: ReplayRun<S>): Promise<Recovery> {
  const { journal, persistenceId, watch, signal } = run;
  const request: ReplayRequest = {
    persistenceId,
    from: SeqNr.of(run.from),
    to: SeqNr.of(run.to),
    maxEvents: run.maxEvents,
  };
  if (run.begun !== undefined) return await watch.guard(run.begun.recover(request));
  if (journal.recover !== undefined) {
    return await watch.guard(journal.recover(request, { signal }));
  }
  const highest = await watch.guard(journal.highestSeqNr(persistenceId, 0, { signal }));
  const to = Math.min(request.to, highest);
  const events =
    to < run.from ? nothing() : journal.replay({ ...request, to: SeqNr.of(to) }, { signal });
  return { highestSeqNr: async () => highest, events };
}

/** @returns the number of the event before which it ended, since that was stored too late */
async function foldAll<S extends HostedState>(
  run: ReplayRun<S>,
  events: Recovery['events'],
): Promise<number | undefined> {
  const { fold, watch, yieldEvery, untilMs = Number.POSITIVE_INFINITY } = run;
  const batches = events[Symbol.asyncIterator]();
  let untilYield = yieldEvery;
  try {
    for (;;) {
      const step = await watch.guard(batches.next());
      if (step.done === true) return undefined;
      for (const repr of step.value) {
        if (--untilYield < 0) {
          watch.touch(); // the program took the time since then, and not the journal
          await nextTurn();
          run.signal.throwIfAborted();
          untilYield = yieldEvery - 1;
        }
        if ((repr.timestampMs ?? 0) > untilMs) {
          batches.return?.().then(undefined, () => {});
          return repr.seqNr;
        }
        fold.apply(repr);
      }
    }
  } catch (error) {
    // A plugin that went silent may not answer this either, so nobody waits for it.
    batches.return?.().then(undefined, () => {});
    throw error;
  }
}

async function* nothing(): Recovery['events'] {}

/** Whether trying again may help: stored bytes that are wrong stay wrong. */
export function mayRecoverLater(error: unknown): boolean {
  // The mark that bounds a read is a write.
  if (error instanceof WriteFailedError) return true;
  return error instanceof JournalError ? error.retryable : true;
}
