import { hoconError, type Origin } from '../origin.ts';
import { describeToken } from './path.ts';
import { isMark, type Token, Tokenizer } from './tokens.ts';

/** Walks over tokens and knows the line it is on. */
export class TokenReader {
  readonly #tokens: Tokenizer;
  readonly #file: string | undefined;
  #next: Token | undefined;

  constructor(text: string, file: string | undefined) {
    this.#tokens = new Tokenizer(text);
    this.#file = file;
  }

  /**
   * The next token, which stays next.
   *
   * @throws {ConfigError} when the text is wrong there
   */
  peek(): Token {
    this.#next ??= this.#tokens.next();
    const token = this.#next;
    if (token.type === 'problem') throw hoconError(token.message, this.originOf(token));
    return token;
  }

  take(): Token {
    const token = this.peek();
    this.#next = undefined;
    return token;
  }

  /** The next token that is neither white space nor the end of a line; it stays next. */
  peekBeyondSpace(): Token {
    while (isSpace(this.peek()) || this.peek().type === 'newline') this.take();
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
        this.take();
        return true;
      }
      if (token.type === 'newline') passed = true;
      else if (!isSpace(token)) return passed;
      this.take();
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
