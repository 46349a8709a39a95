/** Shared by all events without tags. */
export const noTags: readonly string[] = Object.freeze([]);

/** Tags are a set: the first of equal ones stays in its place. */
export function uniqueTags(tags: readonly string[]): readonly string[] {
  if (tags.length < 2) return tags;
  const unique = new Set(tags);
  return unique.size === tags.length ? tags : [...unique];
}
