/** Levels of a value that is looked through; a deeper one is read instead. */
const maxLevels = 100;
/** Members of an object that are compared with each other; one of more is read instead. */
const maxNames = 32;
/** Longest number that is looked at. */
const maxNumberLength = 15;

const space = 0x20;
const quote = 0x22;
const comma = 0x2c;
const minus = 0x2d;
const point = 0x2e;
const zero = 0x30;
const nine = 0x39;
const colon = 0x3a;
const openArray = 0x5b;
const backslash = 0x5c;
const closeArray = 0x5d;
const openObject = 0x7b;
const closeObject = 0x7d;
const del = 0x7f;

/** What follows the backslash of an escape that the printer writes, except `\u`. */
const escapes = '"\\bfnrt';

/**
 * Walks over a JSON text and says which values stand there as `printJson` would print what
 * `parseJson` reads from them, so that they can be copied unread. Every step answers whether it was
 * made; after a "no" the text must be read instead. A "no" may be wrong, a "yes" is certain,
 * provided that the text is well-formed.
 */
export class PrintedJsonScanner {
  readonly #text: string;
  #at = 0;
  /** Of the last string: equal strings have equal ones. */
  #hash = 0;
  /** Of the names of the objects that are open. */
  readonly #names: number[] = [];

  constructor(text: string) {
    this.#text = text;
  }

  /** Where the next step begins. */
  get at(): number {
    return this.#at;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#text.length;
  }

  /** Steps over these very characters. */
  skip(characters: string): boolean {
    if (!this.#text.startsWith(characters, this.#at)) return false;
    this.#at += characters.length;
    return true;
  }

  skipValue(levels = maxLevels): boolean {
    const code = this.#text.charCodeAt(this.#at);
    if (code === quote) return this.skipString();
    if (isOfNumber(code)) return this.skipNumber();
    if (code === openObject || code === openArray) {
      if (levels === 0) return false;
      this.#at++;
      return code === openObject ? this.#skipObject(levels - 1) : this.#skipArray(levels - 1);
    }
    return this.skip('true') || this.skip('false') || this.skip('null');
  }

  #skipArray(levels: number): boolean {
    if (this.#accept(closeArray)) return true;
    do if (!this.skipValue(levels)) return false;
    while (this.#accept(comma));
    return this.#accept(closeArray);
  }

  #skipObject(levels: number): boolean {
    if (this.#accept(closeObject)) return true;
    const outer = this.#names.length;
    do if (!(this.#skipName(outer) && this.skipValue(levels))) return false;
    while (this.#accept(comma));
    this.#names.length = outer;
    return this.#accept(closeObject);
  }

  /** Of a repeated name the last value counts: such an object is not printed as it stands. */
  #skipName(outer: number): boolean {
    if (!this.skipString()) return false;
    const names = this.#names;
    if (names.length - outer === maxNames) return false;
    for (let index = outer; index < names.length; index++)
      if (names[index] === this.#hash) return false;
    names.push(this.#hash);
    return this.#accept(colon);
  }

  skipString(): boolean {
    const text = this.#text;
    if (text.charCodeAt(this.#at) !== quote) return false;
    let hash = 0;
    for (let at = this.#at + 1; at < text.length; at++) {
      const code = text.charCodeAt(at);
      if (code === quote) {
        this.#at = at + 1;
        this.#hash = hash;
        return true;
      }
      if (code < space || code === del) return false;
      hash = (Math.imul(hash, 31) + code) | 0;
      if (code === backslash) {
        at++;
        if (!escapes.includes(text.charAt(at))) return false;
      }
    }
    return false;
  }

  /**
   * One without exponent that is spelt as JavaScript spells it, as the JVM does those of this size.
   */
  skipNumber(): boolean {
    const text = this.#text;
    const start = this.#at;
    let end = start;
    let isWhole = true;
    for (let code = text.charCodeAt(end); isOfNumber(code); code = text.charCodeAt(++end))
      if (code < zero) isWhole = false;
    this.#at = end;
    if (end - start > maxNumberLength) return false;
    if (isWhole && end > start && text.charCodeAt(start) !== zero) return true;
    const token = text.slice(start, end);
    return String(Number(token)) === token;
  }

  #accept(code: number): boolean {
    if (this.#text.charCodeAt(this.#at) !== code) return false;
    this.#at++;
    return true;
  }
}

/** Digits, `-` and `.`. */
function isOfNumber(code: number): boolean {
  return (code >= zero && code <= nine) || code === minus || code === point;
}
