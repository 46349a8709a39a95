import type { EventRecord } from '../../model/event.ts';
import type { JournalPointer } from '../../model/journal-pointer.ts';
import type { Key } from '../../model/key.ts';
import { SeqNr } from '../../model/seq-nr.ts';
import type { CallOptions } from '../../ports/call-options.ts';
import type { StoredEvent } from '../../ports/eventual-journal.ts';
import type { JournalParts } from '../journal-parts.ts';
import type { Cut } from './cut.ts';
import { onConflict } from './integrity.ts';

/** Which stored events to read: those of one journal from `from` on, as of the cut. */
export interface StoredPart {
  readonly key: Key;
  readonly cut: Cut;
  readonly pointer: JournalPointer;
  readonly from: SeqNr;
  /** Inclusive; the last number of the journal unless given. */
  readonly to?: SeqNr;
}

/**
 * The stored events as of the replicated offset, ascending, each number once.
 *
 * Rows beyond the replicated offset are left out, whatever the replicator is doing at the moment: the
 * log has them, whole. Rows of another generation are left out too.
 */
export async function* readStored(
  parts: JournalParts,
  part: StoredPart,
  options?: CallOptions,
): AsyncGenerator<readonly EventRecord[], void> {
  const { key, pointer, from } = part;
  if (from > pointer.seqNr) return;
  const to = SeqNr.lesserOf(part.to ?? pointer.seqNr, pointer.seqNr);
  const range = { from, to, segmentSize: pointer.segmentSize };
  const pages = parts.eventual.read(key, range, options);
  const rows: Rows = { parts, key, pages, belongs: membership(parts, part) };
  if (parts.settings.dataIntegrity.seqNrUniqueness) yield* uniquePages(rows);
  else yield* withoutLosers(rows);
}

interface Rows {
  readonly parts: JournalParts;
  readonly key: Key;
  readonly pages: AsyncIterable<readonly StoredEvent[]>;
  readonly belongs: Belongs;
}

type Belongs = (row: StoredEvent) => boolean;

function membership(parts: JournalParts, { cut, pointer }: StoredPart): Belongs {
  const { end, replicated } = cut;
  const strict = parts.settings.dataIntegrity.correlateEventsWithMeta;
  return ({ record, recordId }) => {
    const { at } = record;
    if (at.partition === end.partition && (replicated === undefined || at.offset > replicated)) {
      return false;
    }
    if (pointer.recordId === undefined || pointer.recordId === recordId) return true;
    return recordId === undefined && !strict;
  };
}

/**
 * Ascending numbers have ascending offsets unless two writers wrote at once. Since the loser may be
 * out already when it is found, this order is for reads that fail on it.
 */
async function* uniquePages(rows: Rows): AsyncGenerator<readonly EventRecord[], void> {
  let previous: StoredEvent | undefined;
  for await (const page of rows.pages) {
    const kept = page.every(rows.belongs) ? page : page.filter(rows.belongs);
    for (const row of kept) {
      if (previous !== undefined && conflicts(previous, row)) report(rows, previous, row);
      previous = row;
    }
    if (kept.length > 0) yield kept;
  }
}

function conflicts(a: StoredEvent, b: StoredEvent): boolean {
  if (b.event.seqNr === a.event.seqNr) return true;
  const from = a.record.at;
  const to = b.record.at;
  return to.offset < from.offset && to.partition === from.partition;
}

/** Reads all rows, lets the records take their numbers in offset order, and drops the losers whole. */
async function* withoutLosers(rows: Rows): AsyncGenerator<readonly EventRecord[], void> {
  const byOffset = new Map<number, StoredEvent[]>();
  for await (const page of rows.pages) {
    for (const row of page) if (rows.belongs(row)) collect(byOffset, row);
  }
  const kept: StoredEvent[] = [];
  for (const [, record] of [...byOffset].sort(([a], [b]) => a - b)) {
    const winner = kept.at(-1);
    const first = record[0];
    if (winner !== undefined && first !== undefined && first.event.seqNr <= winner.event.seqNr) {
      report(rows, winner, first);
    } else kept.push(...record);
  }
  if (kept.length > 0) yield kept;
}

function collect(byOffset: Map<number, StoredEvent[]>, row: StoredEvent): void {
  const record = byOffset.get(row.record.at.offset);
  if (record === undefined) byOffset.set(row.record.at.offset, [row]);
  else record.push(row);
}

function report({ parts, key }: Rows, ...pair: [StoredEvent, StoredEvent]): void {
  const [winner, loser] = pair.sort((a, b) => a.record.at.offset - b.record.at.offset);
  onConflict(parts, key, {
    winner: winner.record,
    loser: loser.record,
    seqNr: SeqNr.lesserOf(winner.event.seqNr, loser.event.seqNr),
  });
}
