import { parseArgs } from 'node:util';

/** What of a full run is wanted. */
export interface Selection {
  /** Names of levels and tools; `tools` stands for all tools. `undefined` is everything. */
  readonly names: ReadonlySet<string> | undefined;
  /** Only tests whose titles match; tools have no titles and do not run. */
  readonly grep: string | undefined;
}

/** @throws when an option or a name is unknown */
export function readSelection(args: readonly string[], known: readonly string[]): Selection {
  const { values } = parseArgs({
    args: [...args],
    options: { level: { type: 'string', multiple: true }, grep: { type: 'string' } },
  });
  const names = values.level?.flatMap((value) => value.split(',').map((name) => name.trim()));
  const unknown = names?.filter((name) => !known.includes(name)) ?? [];
  if (unknown.length > 0) {
    throw new Error(`unknown level ${unknown.join(', ')}; there are: ${known.join(', ')}`);
  }
  return { names: names === undefined ? undefined : new Set(names), grep: values.grep };
}
