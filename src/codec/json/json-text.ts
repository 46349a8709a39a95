/**
 * Questions about JSON texts that a parser or printer asks before it takes its fast path.
 */

/** A mantissa digit, then `e`, inside what stands where a number may: not inside a UUID. */
const exponent = /\d[eE](?<=[:,[\s]-?[\d.]+[eE])[-+\d]/;
/** So many characters of `0-9.` in a row may be more than the 15 digits that every double keeps. */
const longRun = 16;

/**
 * Whether the text may hold a number that a double cannot, or that JavaScript prints otherwise than
 * the JVM: one of more than 15 digits or with an exponent. A "yes" may be wrong (digits inside a
 * string), a "no" is certain. A number that is the whole text is not looked at.
 */
export function mayHoldWideNumber(text: string): boolean {
  // Looks at every 16th character only: no run of 16 fits between two of them.
  for (let at = longRun - 1; at < text.length; at += longRun) {
    if (!isNumeric(text.charCodeAt(at))) continue;
    let first = at;
    let end = at + 1;
    while (first > 0 && isNumeric(text.charCodeAt(first - 1))) first--;
    while (end < text.length && isNumeric(text.charCodeAt(end))) end++;
    if (end - first >= longRun) return true;
  }
  return exponent.test(text);
}

/** `.` and `0` to `9` (the one between them, `/`, stands in no number and does no harm). */
function isNumeric(code: number): boolean {
  return code >= 46 && code <= 57;
}

/**
 * Whether a member of the text has a name that is spelt with an escape. `JSON.parse` of Node 24 and
 * 26 may take such a name for another one that it has met before: after `{"a":1,"\\":1}` it reads
 * `{"a":1,"\n":1}` as `{"a":1,"\\":1}` (nodejs/node#63785).
 */
export function hasEscapedName(text: string): boolean {
  for (let at = text.indexOf('\\'); at !== -1; at = text.indexOf('\\', at)) {
    at = endOfString(text, at) + 1;
    while (isSpace(text.charCodeAt(at))) at++;
    if (text.charCodeAt(at) === 0x3a) return true;
  }
  return false;
}

/** The white space that may stand between tokens. */
export function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09;
}

/** Levels of arrays and objects that a document may have; more are refused on both ways. */
export const maxDepth = 1300;
/** Levels of a payload or of metadata that is written: a record puts up to three around it. */
export const maxDataLevels = maxDepth - 3;

/** Whether the text nests deeper than `maxDepth`; short texts cost nothing. */
export function isTooDeep(text: string): boolean {
  if (text.length <= 2 * maxDepth) return false;
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === 0x22) at = endOfString(text, at);
    else if (code === 0x5b || code === 0x7b) depth++;
    else if (code === 0x5d || code === 0x7d) depth--;
    if (depth > maxDepth) return true;
  }
  return false;
}

/** Index of the quote that closes the string opened at `start`; the text's length if none does. */
export function endOfString(text: string, start: number): number {
  let end = text.indexOf('"', start + 1);
  while (end !== -1 && isEscaped(text, end)) end = text.indexOf('"', end + 1);
  return end === -1 ? text.length : end;
}

function isEscaped(text: string, quote: number): boolean {
  let first = quote;
  while (text.charCodeAt(first - 1) === 0x5c) first--;
  return (quote - first) % 2 === 1;
}
