import { javaStringHash } from '../codec/java-hash.ts';
import type { Brand } from '../model/brand.ts';
import type { SeqNr } from '../model/seq-nr.ts';

/** 0-based slice of a journal, or of the metajournal: one partition of the store. */
export type SegmentNr = Brand<number, 'SegmentNr'>;

/**
 * Sizes of the metajournal; rows that old versions created still lie in segments of the second
 * one.
 */
const metaSegments = 10_000;
const legacyMetaSegments = 100;

/** A row without `segment_size` counts as one of this size (docs/format.md#tables). */
export const defaultSegmentSize = 10_000;

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

  /** All segments a topic's journal rows lie in, those of old versions among them. */
  *all(): Generator<SegmentNr> {
    for (let segment = 0; segment < metaSegments; segment++) yield segment as SegmentNr;
  },

  /** The segments of one of `of` shares: together all, none twice; more shares than segments leave some empty. */
  *ofShare({ index, of }: { readonly index: number; readonly of: number }): Generator<SegmentNr> {
    for (let segment = index; segment < metaSegments; segment += of) yield segment as SegmentNr;
  },
};
