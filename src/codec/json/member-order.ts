/**
 * The order of an object's members where JavaScript does not keep it: it puts the names that are
 * whole numbers first, ascending. The JVM keeps what it read, and so do copies of it
 * (docs/format.md#strings).
 */

/** Names in the order of the text, of objects that would have them in another. */
const orders = new WeakMap<object, readonly string[]>();

/** A name of digits, some perhaps escaped, up to its colon: not digits that end another name. */
const wholeNumberName = /\d"\s*:(?<="(?:\d|\\u003\d)+"\s*:)/;

/**
 * Whether a member of the text may have a whole number for its name. A "yes" may be wrong, a "no"
 * is certain.
 */
export function mayHoldWholeNumberName(text: string): boolean {
  return wholeNumberName.test(text);
}

/** Remembers the order in which names were read, if the object does not have them in it. */
export function keepOrder(members: object, names: readonly string[]): boolean {
  if (!names.some(beginsWithDigit)) return false;
  // Of equal names the first gives the place.
  const read = [...new Set(names)];
  const own = Object.keys(members);
  if (read.every((name, index) => name === own[index])) return false;
  orders.set(members, read);
  return true;
}

/** Gives a copy the order that is remembered of its original, if there is one. */
export function copyOrder(original: object, copy: object): boolean {
  const names = orders.get(original);
  if (names === undefined) return false;
  orders.set(copy, names);
  return true;
}

/** The names of an object's members in the order in which they are printed. */
export function namesOf(members: object): readonly string[] {
  const own = Object.keys(members);
  // JavaScript puts whole numbers first: without one there is no other order.
  const [first] = own;
  const kept = first !== undefined && beginsWithDigit(first) ? orders.get(members) : undefined;
  if (kept?.length !== own.length) return own;
  // A program may have exchanged members since: its own order is then as good as any.
  return kept.every((name) => Object.hasOwn(members, name)) ? kept : own;
}

function beginsWithDigit(name: string): boolean {
  const code = name.charCodeAt(0);
  return code >= 0x30 && code <= 0x39;
}
