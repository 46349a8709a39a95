import { javaStringHash } from '../java-hash.ts';

/** Shared by all events without tags. */
export const noTags: readonly string[] = Object.freeze([]);

/** Tags are a set: the first of equal ones stays in its place. */
export function uniqueTags(tags: readonly string[]): readonly string[] {
  if (tags.length < 2) return tags;
  const unique = new Set(tags);
  return unique.size === tags.length ? tags : [...unique];
}

/** A Scala set of at most this many elements keeps the order in which they came. */
const orderedSize = 4;
/** Bits of the hash that choose the branch, level by level. */
const bitsPerLevel = 5;

/**
 * The texts, each once, in the order in which a JVM writer of today (Scala 2.13 and 3) lists its
 * set of them: as they come up to four, by hash from five on (docs/format.md#tags).
 */
export function inScalaSetOrder(texts: readonly string[]): readonly string[] {
  const unique = uniqueTags(texts);
  if (unique.length <= orderedSize) return unique;
  const entries = unique.map((text) => ({ text, hash: improved(javaStringHash(text)) }));
  return orderOf(entries, 0).map(({ text }) => text);
}

interface Entry {
  readonly text: string;
  readonly hash: number;
}

/** A node of the trie: what is alone in its branch first, then the branches with more. */
function orderOf(entries: readonly Entry[], shift: number): readonly Entry[] {
  if (shift >= 32) return entries;
  const branches: Entry[][] = Array.from({ length: 1 << bitsPerLevel }, () => []);
  for (const entry of entries) branches[(entry.hash >>> shift) & 31]?.push(entry);
  const alone = branches.filter(({ length }) => length === 1).flat();
  const together = branches.filter(({ length }) => length > 1);
  return [...alone, ...together.flatMap((branch) => orderOf(branch, shift + bitsPerLevel))];
}

/** Scala's mix of the bits, in 32-bit arithmetic. */
function improved(hash: number): number {
  let mixed = (hash + ~(hash << 9)) | 0;
  mixed ^= mixed >>> 14;
  mixed = (mixed + (mixed << 4)) | 0;
  return mixed ^ (mixed >>> 10);
}
