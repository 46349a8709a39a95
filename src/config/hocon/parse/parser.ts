import { ConfigError } from '../../../model/errors.ts';
import { limits } from '../limits.ts';
import { hoconError, type Origin, withPath } from '../origin.ts';
import { concatenate } from '../resolve/merge.ts';
import {
  depthOf,
  type ListValue,
  listOf,
  type ObjectValue,
  type Reference,
  textScalar,
  type Value,
} from '../values.ts';
import { ObjectDraft } from './draft.ts';
import { type IncludeRequest, parseInclude } from './include.ts';
import { parsePath } from './path.ts';
import { TokenReader } from './token-reader.ts';
import { isMark, type Token } from './tokens.ts';

/**
 * What an include statement stands for, with its references pointing into the place of inclusion;
 * `undefined` = there is no such file.
 */
export type Includer = (
  request: IncludeRequest,
  origin: Origin,
  prefix: readonly string[],
) => ObjectValue | undefined;

/** What the parser cannot see in the text. */
export interface ParseOptions {
  /** Named in origins. */
  readonly file?: string | undefined;
  /** Without one every include is of a missing file. */
  readonly includer?: Includer | undefined;
  /** A key may be there only once in an object, as the reference implementation has it for JSON. */
  readonly uniqueKeys?: boolean;
}

/**
 * Parses one HOCON document, whose references stay unresolved.
 *
 * @throws {ConfigError} for the first place where the text is not HOCON
 */
export function parseConfig(text: string, options: ParseOptions = {}): ObjectValue {
  const parser = new Parser(new TokenReader(text, options.file), options);
  try {
    return parser.document();
  } catch (error) {
    throw error instanceof ConfigError ? withPath(error, parser.path) : error;
  }
}

class Parser {
  readonly #reader: TokenReader;
  readonly #options: ParseOptions;
  /** Keys above the value being parsed, for `+=` and for references of included files. */
  readonly #path: (readonly string[])[] = [];
  /** Elements of that path, and lists around the value. */
  #nesting = 0;
  #lists = 0;

  constructor(reader: TokenReader, options: ParseOptions) {
    this.#reader = reader;
    this.#options = options;
  }

  /** Where it is. */
  get path(): readonly string[] {
    return this.#path.flat();
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
    return this.#object(this.#reader.take(), true);
  }

  /** What `parse` reads, `levels` deeper than what is around it. */
  #nested<T>(levels: number, start: Token, parse: () => T): T {
    this.#nesting += levels;
    this.#checkNesting(this.#nesting, start);
    const value = parse();
    this.#nesting -= levels;
    return value;
  }

  #checkNesting(depth: number, start: Token): void {
    if (depth <= limits.nesting) return;
    const origin = this.#reader.originOf(start);
    throw hoconError(`nested deeper than ${limits.nesting}`, origin, this.path);
  }

  #object(open: Token, braces: boolean): ObjectValue {
    const draft = new ObjectDraft(this.#reader.originOf(open));
    while (!this.#atObjectEnd(braces)) {
      const first = this.#reader.peek();
      if (first.type === 'unquoted' && first.text === 'include') this.#include(draft);
      else this.#field(draft);
      if (this.#reader.passSeparator()) continue;
      if (!this.#atObjectEnd(braces))
        throw this.#missingSeparator(braces ? "'}' or a comma" : 'a comma');
    }
    if (braces) this.#reader.take();
    return draft.finish();
  }

  #atObjectEnd(braces: boolean): boolean {
    const token = this.#reader.peekBeyondSpace();
    return braces ? isMark(token, '}') : token.type === 'end';
  }

  #missingSeparator(expected: string): Error {
    return this.#reader.unexpected(this.#reader.peekBeyondSpace(), expected);
  }

  #include(draft: ObjectDraft): void {
    const keyword = this.#reader.take();
    const origin = this.#reader.originOf(keyword);
    const request = parseInclude(this.#reader);
    const tree = this.#options.includer?.(request, origin, this.path);
    if (tree === undefined) {
      if (request.required) throw hoconError(`there is no ${request.name} to include`, origin);
      return;
    }
    if (this.#lists > 0 && tree.unresolved > 0)
      throw hoconError('a file included in a list must not hold substitutions', origin);
    this.#checkNesting(this.#nesting + depthOf(tree) - 1, keyword);
    for (const [key, value] of tree.fields) draft.put([key], value);
  }

  #field(draft: ObjectDraft): void {
    const start = this.#reader.peek();
    const key: Token[] = [];
    while (keyTokens.has(this.#reader.peek().type)) key.push(this.#reader.take());
    if (key.length === 0) throw this.#reader.unexpected(start, 'a key');
    const path = parsePath(key, this.#reader.originOf(start));
    this.#path.push(path);
    const value = this.#nested(path.length, start, () => this.#fieldValue());
    if (this.#options.uniqueKeys && draft.has(path[0] ?? ''))
      throw hoconError('JSON has each key once', this.#reader.originOf(start), this.path);
    this.#path.pop();
    draft.put(path, value);
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
    const path = this.path;
    const before: Reference = {
      kind: 'reference',
      path,
      prefixLength: 0,
      optional: true,
      asList: false,
      origin,
    };
    return concatenate([before, listOf([item], origin)], { appends: true }) ?? before;
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
    if (token.type === 'mark' || token.type === 'newline') return undefined;
    const origin = this.#reader.originOf(token);
    if (token.type === 'unquoted') return textScalar(token.text, false, origin);
    if (token.type === 'quoted') return textScalar(token.text, true, origin);
    if (token.type === 'substitution') return referenceOf(token, origin);
    if (token.type !== 'literal') return undefined;
    return { kind: 'scalar', value: token.value, text: token.text, quoted: false, origin };
  }

  #list(): ListValue {
    const open = this.#reader.take();
    return this.#nested(1, open, () => {
      this.#lists++;
      const items: Value[] = [];
      while (!isMark(this.#reader.peekBeyondSpace(), ']')) {
        items.push(this.#value());
        if (this.#reader.passSeparator()) continue;
        if (!isMark(this.#reader.peekBeyondSpace(), ']'))
          throw this.#missingSeparator("']' or a comma");
      }
      this.#reader.take();
      this.#lists--;
      return listOf(items, this.#reader.originOf(open));
    });
  }
}

const keyTokens: ReadonlySet<Token['type']> = new Set(['unquoted', 'quoted', 'literal']);

function referenceOf(token: Extract<Token, { type: 'substitution' }>, origin: Origin): Reference {
  const { optional } = token;
  const [open, close] = token.tokens.slice(-2);
  const asList =
    open !== undefined && close !== undefined && isMark(open, '[') && isMark(close, ']');
  const path = parsePath(asList ? token.tokens.slice(0, -2) : token.tokens, origin);
  return { kind: 'reference', path, prefixLength: 0, optional, asList, origin };
}
