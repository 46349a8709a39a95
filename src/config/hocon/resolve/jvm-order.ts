/** Objects with more keys are taken as they are written: siblings mostly refer to earlier ones. */
const maxOrdered = 500;

/**
 * The keys in the order in which the reference implementation resolves the fields of an object:
 * that of a `java.util.HashMap`. It matters where a value is reached both on its own and while a
 * merge looks back through it, since whatever comes first is remembered. Then the same file must
 * mean the same in Node as on the JVM.
 */
export function jvmOrder(keys: readonly string[]): readonly string[] {
  if (keys.length > maxOrdered) return keys;
  let buckets = 16;
  while (keys.length > buckets * 0.75) buckets *= 2;
  const bucketOf = new Map(keys.map((key) => [key, spreadHash(key) & (buckets - 1)]));
  return keys.toSorted((a, b) => (bucketOf.get(a) ?? 0) - (bucketOf.get(b) ?? 0));
}

/** `String.hashCode`, with its upper half folded in as HashMap does. */
function spreadHash(text: string): number {
  let hash = 0;
  for (let at = 0; at < text.length; at++) hash = (Math.imul(hash, 31) + text.charCodeAt(at)) | 0;
  return hash ^ (hash >>> 16);
}
