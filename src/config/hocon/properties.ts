import type { Origin } from './origin.ts';
import { emptyObject, type ObjectValue, objectOf, textScalar, type Value } from './values.ts';

/** Elements of one key; deeper ones are cut, like every nesting here. */
const maxKeyLength = 200;

const escapes: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', f: '\f' };

/**
 * Parses a Java properties file. Keys are paths, values are strings; where one key is a prefix of
 * another (`a` and `a.b`) the object wins.
 */
export function parseProperties(text: string, file: string | undefined): ObjectValue {
  let root: ObjectValue = emptyObject({ file, line: 1 });
  for (const { content, line } of logicalLines(text)) {
    const match = /^((?:\\.|[^\\\s:=])*)\s*[:=]?\s*(.*)$/s.exec(content);
    const path = unescaped(match?.[1] ?? '').split('.', maxKeyLength);
    root = withProperty(root, path, { text: unescaped(match?.[2] ?? ''), origin: { file, line } });
  }
  return root;
}

interface Property {
  readonly text: string;
  readonly origin: Origin;
}

function withProperty(
  object: ObjectValue,
  [key = '', ...rest]: readonly string[],
  property: Property,
): ObjectValue {
  const existing = object.fields.get(key);
  const inner = existing?.kind === 'object' ? existing : undefined;
  if (rest.length === 0 && inner !== undefined) return object;
  const value: Value =
    rest.length === 0
      ? textScalar(property.text, true, property.origin)
      : withProperty(inner ?? emptyObject(property.origin), rest, property);
  return objectOf(new Map(object.fields).set(key, value), object.origin);
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
