import { limits } from '../limits.ts';

/** One token; `line` is 1-based, that of a newline token the line it ends. */
export type Token = (
  | { readonly type: 'newline' }
  | { readonly type: 'end' }
  | { readonly type: 'mark'; readonly text: string }
  | { readonly type: 'unquoted'; readonly text: string }
  | { readonly type: 'quoted'; readonly text: string }
  | { readonly type: 'literal'; readonly text: string; readonly value: number | boolean | null }
  | { readonly type: 'substitution'; readonly optional: boolean; readonly tokens: readonly Token[] }
  | { readonly type: 'problem'; readonly message: string }
) & { readonly line: number };

const reserved = '$"{}[]:=,+#`^?!@*&\\';
const numeric = /[0-9eE+.-]+/y;
/** Control characters that the JVM counts as white space, and those that a string must not hold. */
const [separators, controls] = [String.raw`\x1c-\x1f`, String.raw`\x00-\x1f`];
const blank = new RegExp(String.raw`(?:[^\S\n]|[${separators}])*`, 'y');
const plainQuoted = new RegExp(String.raw`[^"\\${controls}]*`, 'y');
/** A slash ends it only together with a second one. */
const plainUnquoted = new RegExp(String.raw`[^$"{}[\]:=,+#\x60^?!@*&\\\s${separators}/]*`, 'y');
const marks = ':,={}[]';
const escapes: Readonly<Record<string, string>> = {
  '"': '"',
  '\\': '\\',
  '/': '/',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
};

class Problem extends Error {}

/** All tokens of the text; the last is `end`, or the first `problem`. */
export function tokenize(text: string): readonly Token[] {
  const tokenizer = new Tokenizer(text);
  const tokens = [tokenizer.next()];
  for (let last = tokens[0]; last?.type !== 'end' && last?.type !== 'problem'; ) {
    last = tokenizer.next();
    tokens.push(last);
  }
  return tokens;
}

/** Between two simple values on a line white space belongs to the value. */
const simpleValues: ReadonlySet<Token['type']> = new Set([
  'unquoted',
  'quoted',
  'literal',
  'substitution',
]);

/**
 * Splits HOCON text into tokens, one at a time: all of them at once would take a hundred times the
 * memory of their text. Comments are dropped; white space between two simple values is an unquoted
 * token, elsewhere it is dropped.
 */
export class Tokenizer {
  readonly #text: string;
  #at = 0;
  #line = 1;
  #nesting = 0;
  #afterSimpleValue = false;
  /** The last token was white space, and this simple value follows it in the text. */
  #pending: Token | undefined;

  constructor(text: string) {
    this.#text = text;
  }

  /** The next token; `end` again and again at the end, `problem` where the text is wrong. */
  next(): Token {
    try {
      return this.#nextOrThrow();
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      return { type: 'problem', message: error.message, line: this.#line };
    }
  }

  #nextOrThrow(): Token {
    const pending = this.#pending;
    this.#pending = undefined;
    if (pending !== undefined) return pending;
    const line = this.#line;
    const space = this.#take(blank);
    const mayCount = this.#afterSimpleValue && space !== '';
    const token = this.#pull();
    const simple = simpleValues.has(token.type);
    this.#afterSimpleValue = simple;
    if (!(simple && mayCount)) return token;
    this.#pending = token;
    return { type: 'unquoted', text: space, line };
  }

  /** What the sticky pattern matches here. */
  #take(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    const text = pattern.exec(this.#text)?.[0] ?? '';
    this.#at += text.length;
    return text;
  }

  #pull(): Token {
    if (this.#startsComment()) {
      const end = this.#text.indexOf('\n', this.#at);
      this.#at = end < 0 ? this.#text.length : end;
    }
    const c = this.#peek();
    const line = this.#line;
    if (c === '') return { type: 'end', line };
    if (c === '\n') {
      this.#at++;
      return { type: 'newline', line: this.#line++ };
    }
    if (marks.includes(c)) {
      this.#at++;
      return { type: 'mark', text: c, line };
    }
    if (c === '"') return this.#pullQuoted();
    if (c === '$') return this.#pullSubstitution();
    if (c === '+') {
      if (this.#text.charAt(this.#at + 1) !== '=')
        throw new Problem("'+' must be quoted, or followed by '='");
      this.#at += 2;
      return { type: 'mark', text: '+=', line };
    }
    if (/[0-9-]/.test(c)) return this.#pullNumber();
    if (reserved.includes(c)) throw this.#reservedCharacter(c);
    return this.#pullUnquoted();
  }

  #peek(): string {
    return this.#text.charAt(this.#at);
  }

  #startsComment(): boolean {
    return this.#peek() === '#' || this.#text.startsWith('//', this.#at);
  }

  #pullNumber(): Token {
    const text = this.#take(numeric);
    const line = this.#line;
    if (isNumber(text)) return { type: 'literal', text, value: Number(text), line };
    if (text.includes('+')) throw this.#reservedCharacter('+');
    return { type: 'unquoted', text, line };
  }

  /** `true`, `false` and `null` are tokens of their own even when more text follows. */
  #pullUnquoted(): Token {
    const line = this.#line;
    const literal = /^(?:true|false|null)/.exec(this.#text.slice(this.#at, this.#at + 5))?.[0];
    if (literal !== undefined) {
      this.#at += literal.length;
      return { type: 'literal', text: literal, value: JSON.parse(literal) as boolean | null, line };
    }
    let unquoted = this.#take(plainUnquoted);
    while (this.#peek() === '/' && !this.#startsComment()) {
      this.#at++;
      unquoted += `/${this.#take(plainUnquoted)}`;
    }
    return { type: 'unquoted', text: unquoted, line };
  }

  #pullQuoted(): Token {
    if (this.#text.startsWith('"""', this.#at)) return this.#pullTripleQuoted();
    const line = this.#line;
    this.#at++;
    let text = '';
    for (;;) {
      text += this.#take(plainQuoted);
      const c = this.#peek();
      if (c === '') throw new Problem('the string is not closed');
      if (c < ' ')
        throw new Problem(
          'a quoted string must not hold a control character or line break; escape it',
        );
      this.#at++;
      if (c === '"') return { type: 'quoted', text, line };
      text += this.#pullEscape();
    }
  }

  #pullEscape(): string {
    const c = this.#peek();
    this.#at++;
    if (c !== 'u') {
      const escaped = Object.hasOwn(escapes, c) ? escapes[c] : undefined;
      if (escaped === undefined)
        throw new Problem(`\\${c} is not an escape sequence; write \\\\ for a backslash`);
      return escaped;
    }
    const digits = this.#text.slice(this.#at, this.#at + 4);
    if (!/^[0-9a-fA-F]{4}$/.test(digits))
      throw new Problem('\\u must be followed by four hexadecimal digits');
    this.#at += 4;
    return String.fromCharCode(Number.parseInt(digits, 16));
  }

  /** Of more than three closing quotes the last three close, the others belong to the text. */
  #pullTripleQuoted(): Token {
    const from = this.#at + 3;
    let end = this.#text.indexOf('"""', from);
    if (end < 0) {
      this.#line += countLines(this.#text.slice(from));
      throw new Problem('the triple-quoted string is not closed');
    }
    while (this.#text.charAt(end + 3) === '"') end++;
    const text = this.#text.slice(from, end);
    this.#line += countLines(text);
    this.#at = end + 3;
    return { type: 'quoted', text, line: this.#line };
  }

  #pullSubstitution(): Token {
    const line = this.#line;
    if (this.#text.charAt(this.#at + 1) !== '{')
      throw new Problem("'$' must be quoted, or followed by '{'");
    if (++this.#nesting > limits.substitutionNesting)
      throw new Problem('too many nested substitutions');
    this.#at += 2;
    const optional = this.#peek() === '?';
    if (optional) this.#at++;
    const tokens: Token[] = [];
    this.#afterSimpleValue = false;
    for (;;) {
      const token = this.#nextOrThrow();
      if (isMark(token, '}')) break;
      if (token.type === 'end') {
        this.#line = line;
        throw new Problem('${ is not closed');
      }
      tokens.push(token);
    }
    this.#nesting--;
    return { type: 'substitution', optional, tokens, line };
  }

  #reservedCharacter(c: string): Problem {
    return new Problem(`'${c}' must be quoted here`);
  }
}

/** Whether the token is the punctuation `text`. */
export function isMark(token: Token, text: string): boolean {
  return token.type === 'mark' && token.text === text;
}

/** What the JVM reads as a 64-bit integer or a double; a longer integer is a string. */
function isNumber(text: string): boolean {
  if (/[.eE]/.test(text)) return /^-?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$/.test(text);
  const digits = /^-?0*(\d+)$/.exec(text)?.[1];
  if (digits === undefined || digits.length > 19) return false;
  return BigInt.asIntN(64, BigInt(text)) === BigInt(text);
}

function countLines(text: string): number {
  return text.split('\n').length - 1;
}
