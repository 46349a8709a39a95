import type { Head } from '../../history/head.ts';
import type { JournalPointer } from '../../model/journal-pointer.ts';
import type { Key } from '../../model/key.ts';
import { SeqNr } from '../../model/seq-nr.ts';
import type { CallOptions } from '../../ports/call-options.ts';
import type { JournalParts } from '../journal-parts.ts';
import type { Cut } from './cut.ts';
import { readStored } from './read-stored.ts';
import { type Snapshot, torn } from './snapshot.ts';

/**
 * The last number stored as of the cut, as far as the journal's row tells it. The row may run ahead of
 * the cut: it still tells when nothing was appended between the two.
 */
export function lastStoredByRow(
  { end, replicated }: Cut,
  pointer: JournalPointer | undefined,
  head: Head,
): SeqNr | undefined {
  if (pointer === undefined || replicated === undefined) return undefined;
  const { at, seqNr } = pointer;
  if (at.partition !== end.partition || at.offset <= replicated) return seqNr;
  return at.offset < end.offset && !head.hasAppendUpTo(at.offset) ? seqNr : undefined;
}

/**
 * The last number stored as of the cut, when the row does not tell it: from the events that a first
 * append of the head would have to come behind. `undefined` when none is in its way.
 *
 * @throws {@link torn} what could be in its way is deleted, and nothing tells whether that was so at the cut
 */
export async function lastStoredByEvents(
  parts: JournalParts,
  { key, snapshot }: { readonly key: Key; readonly snapshot: Snapshot },
  options: CallOptions,
): Promise<SeqNr | undefined> {
  const { cut, head, pointer } = snapshot;
  const from = head.firstAppend?.action.header.range.from;
  if (pointer === undefined || from === undefined) return undefined;
  // A raw delete of an old version: its number stays, and there is nothing to look for.
  if (pointer.seqNr === SeqNr.max) return SeqNr.max;
  let last: SeqNr | undefined;
  for await (const rows of readStored(parts, { key, cut, pointer, from }, options)) {
    last = rows.at(-1)?.event.seqNr;
  }
  if (last !== undefined || (pointer.deleteTo ?? 0) < from) return last;
  // Deleted by the head, which the row has run ahead with, or else behind the end: then the next look
  // finds the delete in its head.
  if (!head.hasDelete) throw torn;
  return undefined;
}
