import { limits } from '../limits.ts';
import { hoconError } from '../origin.ts';
import { type ObjectValue, textScalar } from '../values.ts';
import { ObjectDraft } from './draft.ts';

const escapes: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', f: '\f' };

/**
 * Parses a Java properties file. Keys are paths, values are strings; where one key is a prefix of
 * another (`a` and `a.b`) the object wins.
 *
 * @throws {ConfigError} for a key that is too long a path
 */
export function parseProperties(text: string, file: string | undefined): ObjectValue {
  const root = new ObjectDraft({ file, line: 1 });
  const properties = logicalLines(text).map(({ content, line }) => {
    const end = endOfKey(content);
    const path = unescaped(content.slice(0, end)).split('.');
    const origin = { file, line };
    if (path.length > limits.nesting)
      throw hoconError(`the key has more than ${limits.nesting} elements`, origin);
    const value = content.slice(end).replace(/^[ \t\f]*[:=]?[ \t\f]*/, '');
    return { path, value: textScalar(unescaped(value), true, origin) };
  });
  // An object hides a value of the same path, wherever the two are written.
  const parents = new Set(
    properties.flatMap(({ path }) =>
      path.slice(1).map((_, index) => path.slice(0, index + 1).join('.')),
    ),
  );
  for (const { path, value } of properties) if (!parents.has(path.join('.'))) root.put(path, value);
  return root.finish();
}

/** White space, a colon or an equals sign, unless it is escaped. */
function endOfKey(content: string): number {
  let at = 0;
  while (at < content.length && !' \t\f:='.includes(content.charAt(at)))
    at += content.charAt(at) === '\\' ? 2 : 1;
  return at;
}

/** Lines with their continuations, without comments and empty ones. */
function logicalLines(text: string): { content: string; line: number }[] {
  const lines: { content: string; line: number }[] = [];
  let open: { content: string; line: number } | undefined;
  for (const [index, raw] of text.split(/\r\n|\r|\n/).entries()) {
    const content = raw.replace(/^[ \t\f]+/, '');
    if (open === undefined && /^(?:[#!].*)?$/.test(content)) continue;
    const current: { content: string; line: number } = open ?? { content: '', line: index + 1 };
    const continues = /(?:^|[^\\])(?:\\\\)*\\$/.test(content);
    current.content += continues ? content.slice(0, -1) : content;
    if (open === undefined) lines.push(current);
    open = continues ? current : undefined;
  }
  return lines;
}

function unescaped(text: string): string {
  return text.replace(/\\(?:u([0-9a-fA-F]{4})|(.)|$)/gs, (_, hex?: string, c?: string) => {
    if (hex !== undefined) return String.fromCharCode(Number.parseInt(hex, 16));
    return c === undefined ? '' : (escapes[c] ?? c);
  });
}
