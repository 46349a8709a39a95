import type { TokenReader } from './token-reader.ts';
import type { Token } from './tokens.ts';

/** What an `include` statement asks for. */
export interface IncludeRequest {
  /** `any` = the bare form: relative to the including file, extension optional. */
  readonly kind: 'any' | 'file' | 'classpath' | 'url';
  readonly name: string;
  /** A missing file is an error instead of an empty object. */
  readonly required: boolean;
}

/** Reads the rest of an `include` statement, after the keyword. */
export function parseInclude(reader: TokenReader): IncludeRequest {
  const first = reader.takeBeyondSpace();
  if (first.type === 'quoted') return { kind: 'any', name: first.text, required: false };
  if (first.type !== 'unquoted') throw reader.unexpected(first, 'a quoted file name after include');
  const opened = /^(required\()?(?:(file|classpath|url)\()?$/.exec(first.text);
  if (opened === null) throw reader.unexpected(first, 'a quoted file name after include');
  return insideParentheses(reader, opened[1] !== undefined, opened[2]);
}

/** `required( file( "x" ) )` may have white space after each parenthesis. */
function insideParentheses(
  reader: TokenReader,
  required: boolean,
  kind: string | undefined,
): IncludeRequest {
  let name = reader.takeBeyondSpace();
  let kindText = kind;
  if (required && kind === undefined && name.type === 'unquoted') {
    kindText = /^(file|classpath|url)\($/.exec(name.text)?.[1];
    if (kindText === undefined) throw reader.unexpected(name, 'a quoted file name after required(');
    name = reader.takeBeyondSpace();
  }
  if (name.type !== 'quoted') throw reader.unexpected(name, 'a quoted file name in include(…)');
  closeParentheses(reader, (required ? 1 : 0) + (kindText === undefined ? 0 : 1));
  const kinds = ['file', 'classpath', 'url'] as const;
  const named = kinds.find((known) => known === kindText);
  return { kind: named ?? 'any', name: name.text, required };
}

function closeParentheses(reader: TokenReader, count: number): void {
  for (let open = count; open > 0; ) {
    const token: Token = reader.takeBeyondSpace();
    const closes = token.type === 'unquoted' && /^\)+$/.test(token.text) ? token.text.length : 0;
    if (closes === 0 || closes > open) throw reader.unexpected(token, "')'");
    open -= closes;
  }
}
