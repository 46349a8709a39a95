import { hoconError, type Origin } from './origin.ts';
import { describeToken } from './path.ts';
import { isMark, type Token } from './tokens.ts';

/** Walks over tokens and knows the line it is on. */
export class TokenReader {
  readonly #tokens: readonly Token[];
  readonly #file: string | undefined;
  #at = 0;

  constructor(tokens: readonly Token[], file: string | undefined) {
    this.#tokens = tokens;
    this.#file = file;
  }

  /** The next token, which stays next. @throws {ConfigError} when the text is wrong there */
  peek(): Token {
    const token = this.#tokens[Math.min(this.#at, this.#tokens.length - 1)];
    if (token === undefined) return { type: 'end', line: 1 };
    if (token.type === 'problem') throw hoconError(token.message, this.originOf(token));
    return token;
  }

  take(): Token {
    const token = this.peek();
    this.#at++;
    return token;
  }

  /** The next token that is neither white space nor the end of a line; it stays next. */
  peekBeyondSpace(): Token {
    while (isSpace(this.peek()) || this.peek().type === 'newline') this.#at++;
    return this.peek();
  }

  takeBeyondSpace(): Token {
    this.peekBeyondSpace();
    return this.take();
  }

  /** Passes what separates two elements: line ends, one comma, or both. */
  passSeparator(): boolean {
    let passed = false;
    for (;;) {
      const token = this.peek();
      if (isMark(token, ',')) {
        this.#at++;
        return true;
      }
      if (token.type === 'newline') passed = true;
      else if (!isSpace(token)) return passed;
      this.#at++;
    }
  }

  originOf({ line }: Token): Origin {
    return { file: this.#file, line };
  }

  unexpected(token: Token, expected: string): Error {
    return hoconError(`${expected} expected, not ${describeToken(token)}`, this.originOf(token));
  }
}

function isSpace(token: Token): boolean {
  return token.type === 'unquoted' && token.text.trim() === '';
}
