import { judgeView } from '../../history/judge-cut.ts';
import { type ReadView, viewFactsOf } from '../../history/read-view.ts';
import { DeadlineExceededError } from '../../model/errors.ts';
import type { EventRecord } from '../../model/event.ts';
import type { Key } from '../../model/key.ts';
import { SeqNr } from '../../model/seq-nr.ts';
import type { CallOptions } from '../../ports/call-options.ts';
import { ProgressDeadline } from '../../runtime/progress-deadline.ts';
import { unlessAborted } from '../../runtime/waiting.ts';
import { type Attempt, type EventAttempt, firstWanted, Looks, type Outcome } from './attempt.ts';
import { deliverHead } from './deliver-head.ts';
import { deliverRows, lastByRows } from './deliver-rows.ts';
import { DeliveryOrder } from './delivery-order.ts';
import { lookAfterEnd, observe, type ReadDeps } from './observe.ts';

/**
 * Everything acknowledged for the key before this call and not deleted, from `from` on: ascending,
 * each number once. Returns the journal's highest number as of the same moment.
 *
 * The store adds exactly the state as of R, the log everything after it. So what a read gives does
 * not depend on what a replicator does between two of its statements.
 *
 * @throws as of `Journal.read`
 */
export function readEvents(
  deps: ReadDeps,
  key: Key,
  from: SeqNr | Promise<SeqNr>,
  options?: CallOptions,
): AsyncGenerator<readonly EventRecord[], SeqNr | undefined> {
  return readWhole(deps, key, { options, run: (attempt) => deliver(attempt, from) });
}

/**
 * The journal's highest number, of the same kind of look as a read.
 *
 * @throws as of `Journal.pointer`
 */
export async function readPointer(
  deps: ReadDeps,
  key: Key,
  options?: CallOptions,
): Promise<SeqNr | undefined> {
  const run = (attempt: Attempt): AsyncIterator<never, Outcome> => ({
    next: async () => ({ done: true, value: await lastNumber(attempt) }),
  });
  const reading = readWhole(deps, key, { options, run });
  for (;;) {
    const step = await reading.next();
    if (step.done === true) return step.value;
  }
}

interface Reading<Page> {
  readonly options: CallOptions | undefined;
  /** Gives out what an attempt found. It may find it torn after all. */
  readonly run: (attempt: Attempt) => AsyncIterator<Page, Outcome>;
}

/** Observe, judge, deliver; from the beginning until nobody comes between. */
async function* readWhole<Page>(
  deps: ReadDeps,
  key: Key,
  { options, run }: Reading<Page>,
): AsyncGenerator<Page, SeqNr | undefined> {
  const limitMs = deps.settings.readTimeoutMs;
  const onExpiry = (): Error =>
    new DeadlineExceededError(`reading ${key.topic}:${key.id} made no progress for ${limitMs} ms`);
  const deadline = new ProgressDeadline(limitMs, onExpiry, options?.signal);
  const looks = new Looks(deps, key);
  try {
    for (;;) {
      const view = await observe(deps, key, deadline, looks.isAgain);
      const attempt = await judged(deps, key, { view, deadline, looks });
      if (attempt !== 'torn') {
        const pages = run(attempt);
        let hasGiven = false;
        let isOver = false;
        try {
          for (;;) {
            const step = await pages.next();
            if (step.done === true) {
              isOver = true;
              if (step.value !== 'torn') return step.value;
              break;
            }
            hasGiven = true;
            // The time that the caller takes over a page is no silence of log or store.
            deadline.pause();
            yield step.value;
            // What is left may be in memory, and wait for nothing that would look at the signal.
            deadline.signal.throwIfAborted();
            deadline.progress();
          }
        } finally {
          if (!isOver) await pages.return?.('torn');
        }
        // The caller has pages of this attempt: another one may not agree with them.
        if (hasGiven) throw looks.tornError();
      }
      await looks.again(deadline.signal);
    }
  } finally {
    deadline.dispose();
  }
}

/** What is observed becomes an attempt, if it may be the state of one moment. */
async function judged(
  deps: ReadDeps,
  key: Key,
  { view, deadline, looks }: Pick<Attempt, 'deadline' | 'looks'> & { readonly view: ReadView },
): Promise<Attempt | 'torn'> {
  let verdict = judgeView(viewFactsOf(view, key.topic, 'unread'));
  if (verdict.type === 'look') {
    const afterEnd = await lookAfterEnd(deps, key, view, deadline);
    verdict = judgeView(viewFactsOf(view, key.topic, afterEnd));
  }
  if (verdict.type !== 'whole') return 'torn';
  const { cut, head } = view;
  if (head.conditions.length > 0) head.settlePurge(verdict.store === 'purged');
  if (deps.tenure === undefined) deps.headCache?.writers.read(key, cut.end);
  const row = verdict.store === 'alive' ? view.row : undefined;
  const lastStored = verdict.store === 'alive' && verdict.last === 'row' ? row?.seqNr : undefined;
  return { deps, key, cut, head, row, lastStored, deadline, looks };
}

/** The rows as of R, then the events of the head. */
async function* deliver(
  whole: Attempt,
  wanted: SeqNr | Promise<SeqNr>,
): AsyncGenerator<readonly EventRecord[], Outcome> {
  const { deps, key, head, row, deadline } = whole;
  let from = wanted;
  if (from instanceof Promise) {
    // The time until the caller knows it is no silence of log or store.
    deadline.pause();
    from = SeqNr.of(await unlessAborted(from, deadline.signal));
    deadline.progress();
  }
  const attempt: EventAttempt = { ...whole, from, order: new DeliveryOrder(deps, key) };
  const lastStored = row === undefined ? undefined : yield* deliverRows(attempt, row);
  if (lastStored === 'torn') return 'torn';
  const fold = head.fold(lastStored);
  const first = firstWanted(from, fold.deleteTo, row?.deleteTo);
  const isWhole = first === undefined || (yield* deliverHead(attempt, fold, first));
  return isWhole ? fold.last : 'torn';
}

/** The head's last number; where it has none, the store's. */
async function lastNumber(attempt: Attempt): Promise<Outcome> {
  const { head, row, lastStored } = attempt;
  if (row === undefined) return head.fold(undefined).last;
  const last = lastStored ?? (await lastByRows(attempt, row, 'number'));
  return last === 'torn' ? 'torn' : (head.fold(last).last ?? row.seqNr);
}
