import { javaStringHash } from '../../codec/java-hash.ts';
import type { Brand } from '../../model/brand.ts';
import { DataIntegrityError } from '../../model/errors.ts';
import type { Key } from '../../model/key.ts';
import type { SeqNr } from '../../model/seq-nr.ts';
import type { StoredRange } from '../../ports/eventual-journal.ts';
import type { ExpiredRange } from '../../ports/replicated-journal.ts';

/** 0-based slice of a journal, or of the metajournal: one partition of the store. */
export type SegmentNr = Brand<number, 'SegmentNr'>;

/**
 * Sizes of the metajournal; rows that old versions created are still in segments of the second
 * one.
 */
const metaSegments = 10_000;
const legacyMetaSegments = 100;

/** A row without `segment_size` counts as one of this size (docs/format.md#tables). */
export const defaultSegmentSize = 10_000;

/** Which segment holds what, and which segments there are. */
export const SegmentNr = {
  /** The segment that holds event `seqNr` of a journal (docs/format.md#tables). */
  of(seqNr: SeqNr | number, segmentSize: number): SegmentNr {
    return Math.floor((seqNr - 1) / segmentSize) as SegmentNr;
  },

  /**
   * Where a journal's row is looked for: first choice, then the older one (docs/format.md#tables).
   */
  ofId(id: string): readonly [SegmentNr, ...SegmentNr[]] {
    const hash = Math.abs(javaStringHash(id.toLowerCase()));
    const first = (hash % metaSegments) as SegmentNr;
    const second = (hash % legacyMetaSegments) as SegmentNr;
    return first === second ? [first] : [first, second];
  },

  /** From `first` to `last`, both inclusive. */
  *between(first: number, last: number): Generator<SegmentNr> {
    for (let segment = first; segment <= last; segment++) yield segment as SegmentNr;
  },

  /** All segments a topic's journal rows are in, those of old versions among them. */
  all(): Generator<SegmentNr> {
    return SegmentNr.between(0, metaSegments - 1);
  },

  /**
   * The segments of one of `of` shares: together all, none twice; more shares than segments leave
   * some empty.
   */
  *ofShare({ index, of }: ExpiredRange['share']): Generator<SegmentNr> {
    for (let segment = index; segment < metaSegments; segment += of) yield segment as SegmentNr;
  },
};

/**
 * Far more than any journal has, and so few that a walk over empty ones ends: a last number that
 * asks for more is a mistake of whoever chose it.
 */
const maxSegments = 1_000_000;

/**
 * @throws {DataIntegrityError} the segments from `first` to that of the number `to` are too many to
 * look into
 */
export function checkWalk(
  { topic, id }: Key,
  { to, segmentSize }: Pick<StoredRange, 'to' | 'segmentSize'>,
  first: number,
): void {
  const segments = SegmentNr.of(to, segmentSize) - first + 1;
  if (segments <= maxSegments) return;
  throw new DataIntegrityError(
    `${topic}:${id} would have events in ${segments} segments of ${segmentSize} numbers, since its row in metajournal ` +
      `names ${to}; more than ${maxSegments} are not looked into: correct the columns seq_nr and delete_to`,
    { place: { topic, id, seqNr: to } },
  );
}
