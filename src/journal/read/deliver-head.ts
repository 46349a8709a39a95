import { eventRecordsOf } from '../../codec/record/events-codec.ts';
import type { HeadFold } from '../../history/head.ts';
import { judgeNumbers } from '../../history/judge-cut.ts';
import type { EventRecord } from '../../model/event.ts';
import type { PartitionOffset } from '../../model/position.ts';
import type { SeqNr } from '../../model/seq-nr.ts';
import { type Claim, onConflict } from '../conflicts.ts';
import type { EventAttempt } from './attempt.ts';

/** Events given out at once. */
const batchEvents = 500;

/**
 * The events of the head from `from` on. Answers false when the first ones are missing and no purge
 * in the head explains it: the journal may have been purged between the looks at R and at its row.
 * That holds also where nothing of the partition is replicated: the journal may have moved there.
 *
 * @throws {DataIntegrityError} conflicting records, or a hole between two events, as the settings
 *   say
 * @throws {CodecError} a record cannot be decoded
 */
export async function* deliverHead(
  attempt: EventAttempt,
  fold: HeadFold,
  from: SeqNr,
): AsyncGenerator<readonly EventRecord[], boolean> {
  const { head, row, order, looks } = attempt;
  await reportLosers(attempt, fold);
  if (row === undefined) order.expect(from);
  for (const batch of batchesOf(fold, from)) {
    const missing = head.purged ? undefined : order.missingFrom(batch);
    if (missing !== undefined) {
      const again = missing === 'first' && looks.beginsAgain(batch) ? 'first again' : missing;
      const facts = { part: 'head', missing: again, rowAgain: 'unread' } as const;
      if (judgeNumbers(facts) === 'torn') return false;
    }
    yield order.pass(batch);
  }
  return true;
}

/**
 * Each record that loses is reported (ADR 17).
 *
 * @throws {DataIntegrityError} as the settings say
 */
async function reportLosers(attempt: EventAttempt, { conflicts }: HeadFold): Promise<void> {
  const { deps, key } = attempt;
  for (const { winner: taker, loser } of conflicts) {
    const { range, origin } = loser.action.header;
    const winner =
      taker === undefined
        ? await storedClaim(attempt, range.from)
        : { at: taker.at, origin: taker.action.header.origin };
    if (winner === undefined) continue;
    onConflict(deps, key, { winner, loser: { at: loser.at, origin }, seqNr: range.from });
  }
}

function* batchesOf(fold: HeadFold, from: SeqNr): Generator<readonly EventRecord[]> {
  let batch: EventRecord[] = [];
  for (const append of fold.appends) {
    if (append.action.header.range.to < from) continue;
    for (const record of eventRecordsOf(append)) {
      if (record.event.seqNr >= from) batch.push(record);
    }
    if (batch.length < batchEvents) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

/**
 * The record stored as of R that has the number. Where that is deleted, the last thing that was
 * stored; a row ahead of R does not say where that was, but not after R.
 */
async function storedClaim(
  { deps, key, cut, row, deadline: { signal } }: EventAttempt,
  seqNr: SeqNr,
): Promise<Claim | undefined> {
  const { end, replicated } = cut;
  if (row === undefined) return undefined;
  const isAhead = ({ partition, offset }: PartitionOffset): boolean =>
    partition === end.partition && offset > (replicated ?? -1);
  const range = { from: seqNr, to: seqNr, segmentSize: row.segmentSize };
  let claim: Claim | undefined;
  for await (const rows of deps.eventual.read(key, range, { signal })) {
    for (const { record } of rows) {
      if (isAhead(record.at)) continue;
      if (claim === undefined || record.at.offset < claim.at.offset) claim = record;
    }
  }
  const isCut = replicated !== undefined && isAhead(row.at);
  const at = isCut ? { ...row.at, offset: replicated } : row.at;
  return claim ?? { at, origin: undefined };
}
