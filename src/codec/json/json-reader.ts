import { CodecError } from '../../model/errors.ts';
import type { JsonValue } from '../../model/payload.ts';
import { JsonNumber } from '../../model/payload.ts';
import { setMember } from '../../model/stored-form.ts';
import { maxNumberDigits, readNumber } from './json-number.ts';
import { endOfString, isSpace, maxDepth } from './json-text.ts';
import { keepOrder } from './member-order.ts';

/** Longest number token: digits, sign, point, and an exponent of any sane length. */
const maxNumberLength = maxNumberDigits + 40;
/** What this reader read that is, or holds somewhere below, a `JsonNumber` or a kept order. */
const holders = new WeakSet<object>();

/**
 * Reads what `JSON.parse` cannot: numbers without loss, the order of members, a leading byte-order
 * mark, and further values after the first, which JVM readers ignore.
 *
 * @throws {CodecError} naming the character where the text breaks the grammar
 */
export function readJsonText(text: string): JsonValue {
  return new JsonReader(text).readText();
}

/** Whether `value` came from {@link readJsonText} and holds a `JsonNumber` or a kept order. */
export function holdsMoreThanPlain(value: object): boolean {
  return holders.has(value);
}

/** A recursive reader; `maxDepth` keeps it far from the end of the stack. */
class JsonReader {
  readonly #text: string;
  #at = 0;
  #depth = 0;
  /** Numbers and orders so far that an ordinary value does not hold. */
  #beyondPlain = 0;

  constructor(text: string) {
    this.#text = text;
  }

  readText(): JsonValue {
    if (this.#peek() === '\ufeff') this.#at++;
    const first = this.#readValue();
    while (this.#peekToken() !== '') this.#readValue();
    return first;
  }

  #readValue(): JsonValue {
    const next = this.#peekToken();
    if (next === '{') return this.#readContainer(() => this.#readObject());
    if (next === '[') return this.#readContainer(() => this.#readArray());
    if (next === '"') return this.#readString();
    if (next === '-' || (next >= '0' && next <= '9')) return this.#readNumber();
    if (this.#acceptWord('true')) return true;
    if (this.#acceptWord('false')) return false;
    if (this.#acceptWord('null')) return null;
    throw this.#error('a value is missing');
  }

  #readContainer<T extends object>(readMembers: () => T): T {
    if (++this.#depth > maxDepth) throw this.#error(`nested deeper than ${maxDepth} levels`);
    const before = this.#beyondPlain;
    this.#at++;
    const container = readMembers();
    if (this.#beyondPlain > before) holders.add(container);
    this.#depth--;
    return container;
  }

  #readObject(): { readonly [name: string]: JsonValue } {
    const members: Record<string, JsonValue> = {};
    if (this.#accept('}')) return members;
    const names: string[] = [];
    do {
      if (this.#peekToken() !== '"') throw this.#error('a member name is missing');
      const name = this.#readString();
      if (!this.#accept(':')) throw this.#error("':' is missing");
      setMember(members, name, this.#readValue());
      names.push(name);
    } while (this.#accept(','));
    if (!this.#accept('}')) throw this.#error("',' or '}' is missing");
    if (keepOrder(members, names)) this.#beyondPlain++;
    return members;
  }

  #readArray(): JsonValue[] {
    const items: JsonValue[] = [];
    if (this.#accept(']')) return items;
    do items.push(this.#readValue());
    while (this.#accept(','));
    if (!this.#accept(']')) throw this.#error("',' or ']' is missing");
    return items;
  }

  #readString(): string {
    const end = endOfString(this.#text, this.#at);
    const token = this.#text.slice(this.#at, end + 1);
    try {
      const value: string = JSON.parse(token);
      this.#at = end + 1;
      return value;
    } catch (cause) {
      throw this.#error('the string is malformed', cause);
    }
  }

  #readNumber(): number | JsonNumber {
    let end = this.#at + 1;
    while (isNumberCharacter(this.#text.charCodeAt(end))) end++;
    if (end - this.#at > maxNumberLength) throw this.#error('the number is too long');
    const value = readNumber(this.#text.slice(this.#at, end));
    if (value instanceof JsonNumber) this.#beyondPlain++;
    this.#at = end;
    return value;
  }

  #acceptWord(word: string): boolean {
    if (!this.#text.startsWith(word, this.#at)) return false;
    this.#at += word.length;
    return true;
  }

  #accept(character: string): boolean {
    if (this.#peekToken() !== character) return false;
    this.#at++;
    return true;
  }

  /** The first character of the next token, `''` at the end of the text. */
  #peekToken(): string {
    while (isSpace(this.#text.charCodeAt(this.#at))) this.#at++;
    return this.#peek();
  }

  #peek(): string {
    return this.#text.charAt(this.#at);
  }

  #error(problem: string, cause?: unknown): CodecError {
    return new CodecError(`malformed JSON at character ${this.#at}: ${problem}`, { cause });
  }
}

/** `0` to `9`, `+`, `-`, `.`, `e`, `E`. */
function isNumberCharacter(code: number): boolean {
  if (code >= 0x30 && code <= 0x39) return true;
  return code === 0x2b || code === 0x2d || code === 0x2e || code === 0x65 || code === 0x45;
}
