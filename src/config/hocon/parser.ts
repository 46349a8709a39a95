import { type IncludeRequest, parseInclude } from './include.ts';
import { concatenate, withFallback } from './merge.ts';
import { hoconError, type Origin } from './origin.ts';
import { parsePath } from './path.ts';
import { relativized } from './relativize.ts';
import { TokenReader } from './token-reader.ts';
import { isMark, type Token, tokenize } from './tokens.ts';
import {
  emptyObject,
  type ListValue,
  listOf,
  type ObjectValue,
  objectOf,
  objectUnder,
  type Reference,
  textScalar,
  type Value,
} from './values.ts';

/** What an include statement stands for; `undefined` = there is no such file. */
export type Includer = (request: IncludeRequest, origin: Origin) => ObjectValue | undefined;

export interface ParseOptions {
  /** Named in origins. */
  readonly file?: string | undefined;
  /** Without one every include is of a missing file. */
  readonly includer?: Includer | undefined;
}

/** Lists and objects inside each other. */
const maxNesting = 200;

/**
 * Parses one HOCON document, whose references stay unresolved.
 *
 * @throws {ConfigError} for the first place where the text is not HOCON
 */
export function parseConfig(text: string, options: ParseOptions = {}): ObjectValue {
  return new Parser(new TokenReader(tokenize(text), options.file), options.includer).document();
}

class Parser {
  readonly #reader: TokenReader;
  readonly #includer: Includer | undefined;
  /** Keys above the value being parsed, for `+=` and for references of included files. */
  readonly #path: (readonly string[])[] = [];
  #nesting = 0;
  #lists = 0;

  constructor(reader: TokenReader, includer: Includer | undefined) {
    this.#reader = reader;
    this.#includer = includer;
  }

  document(): ObjectValue {
    const first = this.#reader.peekBeyondSpace();
    if (isMark(first, '[')) throw this.#reader.unexpected(first, 'an object at the root');
    const braces = isMark(first, '{');
    const root = braces ? this.#braces() : this.#object(first, false);
    const end = this.#reader.takeBeyondSpace();
    if (end.type !== 'end') throw this.#reader.unexpected(end, 'the end of the document');
    return root;
  }

  #braces(): ObjectValue {
    return this.#nested(this.#reader.take(), (open) => this.#object(open, true));
  }

  #nested<T>(open: Token, parse: (open: Token) => T): T {
    if (++this.#nesting > maxNesting) {
      throw hoconError(`nested deeper than ${maxNesting}`, this.#reader.originOf(open));
    }
    const value = parse(open);
    this.#nesting--;
    return value;
  }

  #object(open: Token, braces: boolean): ObjectValue {
    const fields = new Map<string, Value>();
    while (!this.#atObjectEnd(braces)) {
      if (isInclude(this.#reader.peek())) this.#include(fields);
      else this.#field(fields);
      if (this.#reader.passSeparator()) continue;
      if (!this.#atObjectEnd(braces))
        throw this.#missingSeparator(braces ? "'}' or a comma" : 'a comma');
    }
    if (braces) this.#reader.take();
    return objectOf(fields, this.#reader.originOf(open));
  }

  #atObjectEnd(braces: boolean): boolean {
    const token = this.#reader.peekBeyondSpace();
    return braces ? isMark(token, '}') : token.type === 'end';
  }

  #missingSeparator(expected: string): Error {
    return this.#reader.unexpected(this.#reader.peekBeyondSpace(), expected);
  }

  #include(fields: Map<string, Value>): void {
    const origin = this.#reader.originOf(this.#reader.take());
    const request = parseInclude(this.#reader);
    const included = this.#includer?.(request, origin);
    if (included === undefined && request.required)
      throw hoconError(`there is no ${request.name} to include`, origin);
    const tree = included ?? emptyObject(origin);
    if (this.#lists > 0 && !tree.resolved)
      throw hoconError('a file included in a list must not hold substitutions', origin);
    const prefix = this.#path.flat();
    for (const [key, value] of tree.fields) put(fields, key, relativized(value, prefix));
  }

  #field(fields: Map<string, Value>): void {
    const path = this.#key();
    this.#path.push(path);
    const value = this.#fieldValue();
    this.#path.pop();
    const [key = '', ...rest] = path;
    put(fields, key, objectUnder(rest, value));
  }

  #key(): readonly string[] {
    const first = this.#reader.peek();
    const tokens: Token[] = [];
    while (isKeyToken(this.#reader.peek())) tokens.push(this.#reader.take());
    if (tokens.length === 0) throw this.#reader.unexpected(first, 'a key');
    return parsePath(tokens, this.#reader.originOf(first));
  }

  #fieldValue(): Value {
    const separator = this.#reader.peekBeyondSpace();
    if (isMark(separator, '{')) return this.#braces();
    this.#reader.take();
    if (isMark(separator, '+=')) return this.#appended(separator);
    if (!isMark(separator, ':') && !isMark(separator, '=')) {
      throw this.#reader.unexpected(separator, "':' or '=' after a key");
    }
    return this.#value();
  }

  /** `a += b` is `a = ${?a} [b]`, and no path leads to an element of a list. */
  #appended(separator: Token): Value {
    if (this.#lists > 0)
      throw hoconError('+= does not work inside a list', this.#reader.originOf(separator));
    this.#lists++;
    const item = this.#value();
    this.#lists--;
    const { origin } = item;
    const path = this.#path.flat();
    const before: Reference = {
      kind: 'reference',
      path,
      prefixLength: 0,
      optional: true,
      asList: false,
      origin,
    };
    return concatenate([before, listOf([item], origin)]) ?? before;
  }

  /** Line ends may come before a value, not between its pieces. */
  #value(): Value {
    const first = this.#reader.peekBeyondSpace();
    const pieces: Value[] = [];
    for (let piece = this.#piece(); piece !== undefined; piece = this.#piece()) pieces.push(piece);
    const value = concatenate(pieces);
    if (value === undefined) throw this.#reader.unexpected(first, 'a value');
    return value;
  }

  #piece(): Value | undefined {
    const token = this.#reader.peek();
    if (isMark(token, '{')) return this.#braces();
    if (isMark(token, '[')) return this.#list();
    const value = this.#simpleValue(token);
    if (value !== undefined) this.#reader.take();
    return value;
  }

  #simpleValue(token: Token): Value | undefined {
    const origin = this.#reader.originOf(token);
    if (token.type === 'unquoted') return textScalar(token.text, false, origin);
    if (token.type === 'quoted') return textScalar(token.text, true, origin);
    if (token.type === 'substitution') return referenceOf(token, origin);
    if (token.type !== 'literal') return undefined;
    return { kind: 'scalar', value: token.value, text: token.text, quoted: false, origin };
  }

  #list(): ListValue {
    return this.#nested(this.#reader.take(), (open) => {
      this.#lists++;
      const items = this.#items();
      this.#lists--;
      return listOf(items, this.#reader.originOf(open));
    });
  }

  #items(): Value[] {
    const items: Value[] = [];
    while (!isMark(this.#reader.peekBeyondSpace(), ']')) {
      items.push(this.#value());
      if (this.#reader.passSeparator()) continue;
      if (!isMark(this.#reader.peekBeyondSpace(), ']'))
        throw this.#missingSeparator("']' or a comma");
    }
    this.#reader.take();
    return items;
  }
}

function put(fields: Map<string, Value>, key: string, value: Value): void {
  const existing = fields.get(key);
  fields.set(key, existing === undefined ? value : withFallback(value, existing));
}

function isInclude(token: Token): boolean {
  return token.type === 'unquoted' && token.text === 'include';
}

function isKeyToken({ type }: Token): boolean {
  return type === 'unquoted' || type === 'quoted' || type === 'literal';
}

function referenceOf(token: Extract<Token, { type: 'substitution' }>, origin: Origin): Reference {
  const { optional } = token;
  const [open, close] = token.tokens.slice(-2);
  const asList =
    open !== undefined && close !== undefined && isMark(open, '[') && isMark(close, ']');
  const path = parsePath(asList ? token.tokens.slice(0, -2) : token.tokens, origin);
  return { kind: 'reference', path, prefixLength: 0, optional, asList, origin };
}
