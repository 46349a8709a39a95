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

/** Nested `${${…`, far beyond anything sensible. */
const maxSubstitutionNesting = 20;

const reserved = '$"{}[]:=,+#`^?!@*&\\';
const numeric = /[0-9eE+.-]+/y;
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

/**
 * Splits HOCON text into tokens. Comments are dropped; white space between two simple values is an
 * unquoted token, elsewhere it is dropped. The last token is `end`, or the first `problem`.
 */
export function tokenize(text: string): readonly Token[] {
  return new Tokenizer(text).all();
}

/** Between two simple values on a line white space belongs to the value. */
function isSimpleValue({ type }: Token): boolean {
  return type === 'unquoted' || type === 'quoted' || type === 'literal' || type === 'substitution';
}

class Tokenizer {
  readonly #text: string;
  #at = 0;
  #line = 1;
  #nesting = 0;

  constructor(text: string) {
    this.#text = text;
  }

  all(): readonly Token[] {
    const tokens: Token[] = [];
    try {
      this.#pullUntil(tokens, (token) => token.type === 'end');
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      tokens.push({ type: 'problem', message: error.message, line: this.#line });
    }
    return tokens;
  }

  #pullUntil(tokens: Token[], isLast: (token: Token) => boolean): void {
    let afterSimpleValue = false;
    for (;;) {
      const line = this.#line;
      const space = this.#pullBlank();
      const token = this.#pull();
      const simple = isSimpleValue(token);
      if (simple && afterSimpleValue && space !== '')
        tokens.push({ type: 'unquoted', text: space, line });
      afterSimpleValue = simple;
      tokens.push(token);
      if (isLast(token)) return;
    }
  }

  #pullBlank(): string {
    const from = this.#at;
    while (this.#at < this.#text.length && isBlank(this.#peek())) this.#at++;
    return this.#text.slice(from, this.#at);
  }

  #pull(): Token {
    if (this.#startsComment()) this.#skipComment();
    const c = this.#peek();
    const line = this.#line;
    if (c === '') return { type: 'end', line };
    if (c === '\n') return this.#pullNewline();
    if (marks.includes(c)) return this.#pullMark(c);
    if (c === '"') return this.#pullQuoted();
    if (c === '$') return this.#pullSubstitution();
    if (c === '+') return this.#pullPlusEquals();
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

  #skipComment(): void {
    const end = this.#text.indexOf('\n', this.#at);
    this.#at = end < 0 ? this.#text.length : end;
  }

  #pullNewline(): Token {
    this.#at++;
    return { type: 'newline', line: this.#line++ };
  }

  #pullMark(text: string): Token {
    this.#at++;
    return { type: 'mark', text, line: this.#line };
  }

  #pullPlusEquals(): Token {
    if (this.#text.charAt(this.#at + 1) !== '=')
      throw new Problem("'+' must be quoted, or followed by '='");
    this.#at += 2;
    return { type: 'mark', text: '+=', line: this.#line };
  }

  #pullNumber(): Token {
    numeric.lastIndex = this.#at;
    const text = numeric.exec(this.#text)?.[0] ?? '';
    this.#at += text.length;
    const line = this.#line;
    if (isNumber(text)) return { type: 'literal', text, value: Number(text), line };
    if (text.includes('+')) throw this.#reservedCharacter('+');
    return { type: 'unquoted', text, line };
  }

  /** `true`, `false` and `null` are tokens of their own even in front of more text. */
  #pullUnquoted(): Token {
    const line = this.#line;
    const literal = /^(?:true|false|null)/.exec(this.#text.slice(this.#at, this.#at + 5))?.[0];
    if (literal !== undefined) {
      this.#at += literal.length;
      return { type: 'literal', text: literal, value: JSON.parse(literal) as boolean | null, line };
    }
    const from = this.#at;
    while (this.#at < this.#text.length && this.#continuesUnquoted()) this.#at++;
    return { type: 'unquoted', text: this.#text.slice(from, this.#at), line };
  }

  #continuesUnquoted(): boolean {
    const c = this.#peek();
    return !reserved.includes(c) && c !== '\n' && !isBlank(c) && !this.#startsComment();
  }

  #pullQuoted(): Token {
    if (this.#text.startsWith('"""', this.#at)) return this.#pullTripleQuoted();
    const line = this.#line;
    this.#at++;
    let text = '';
    for (;;) {
      const c = this.#peek();
      if (c === '') throw new Problem('the string is not closed');
      if (c < ' ')
        throw new Problem(
          'a quoted string must not hold a control character or line break; escape it',
        );
      this.#at++;
      if (c === '"') return { type: 'quoted', text, line };
      text += c === '\\' ? this.#pullEscape() : c;
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
    if (++this.#nesting > maxSubstitutionNesting)
      throw new Problem('too many nested substitutions');
    this.#at += 2;
    const optional = this.#peek() === '?';
    if (optional) this.#at++;
    const tokens: Token[] = [];
    this.#pullUntil(tokens, (token) => token.type === 'end' || isMark(token, '}'));
    const last = tokens.pop();
    this.#nesting--;
    if (last?.type === 'end') {
      this.#line = line;
      throw new Problem('${ is not closed');
    }
    return { type: 'substitution', optional, tokens, line };
  }

  #reservedCharacter(c: string): Problem {
    return new Problem(`'${c}' must be quoted here`);
  }
}

export function isMark(token: Token, text: string): boolean {
  return token.type === 'mark' && token.text === text;
}

/** White space but for line ends, as the JVM has it. */
function isBlank(c: string): boolean {
  return c !== '\n' && (/\s/.test(c) || (c >= '\u001c' && c <= '\u001f'));
}

/** What the JVM reads as a 64-bit integer or a double; a longer integer is a string. */
function isNumber(text: string): boolean {
  if (/[.eE]/.test(text)) return /^-?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/.test(text);
  return /^-?\d+$/.test(text) && BigInt.asIntN(64, BigInt(text)) === BigInt(text);
}

function countLines(text: string): number {
  return text.split('\n').length - 1;
}
