import { parseArgs } from 'node:util';
import { editDistance } from '../config/keys/nearest.ts';

/** A command line that cannot be followed; the message says why. */
export class UsageError extends Error {}

/**
 * Values of options of the form `--name VALUE` or `--name=VALUE`; the last one of a name counts.
 *
 * @param flags options without a value: theirs is the empty text
 * @throws {UsageError} an option that is in neither list, one without a value or a flag with one,
 *   or an argument that is no option
 */
export function readOptions<N extends string, F extends string = never>(
  command: string,
  args: readonly string[],
  names: readonly N[],
  flags: readonly F[] = [],
): Partial<Record<N | F, string>> {
  const options = {
    ...Object.fromEntries(names.map((name) => [name, { type: 'string' }] as const)),
    ...Object.fromEntries(flags.map((flag) => [flag, { type: 'boolean' }] as const)),
  };
  const { tokens } = parseArgs({ args: [...args], options, strict: false, tokens: true });
  const values: Partial<Record<N | F, string>> = {};
  for (const token of tokens) {
    if (token.kind === 'option-terminator') continue;
    if (token.kind === 'positional') {
      throw new UsageError(`${command} takes options only, not "${token.value}"`);
    }
    const flag = flags.find((known) => known === token.name);
    if (flag !== undefined) {
      if (token.value !== undefined) throw new UsageError(`--${flag} takes no value`);
      values[flag] = '';
      continue;
    }
    const name = names.find((known) => known === token.name);
    if (name === undefined) {
      const hint = didYouMean(
        token.rawName,
        [...names, ...flags].map((known) => `--${known}`),
      );
      throw new UsageError(`${command} has no option ${token.rawName}${hint}`);
    }
    const { value } = token;
    if (value === undefined || value === '' || (!token.inlineValue && value.startsWith('-'))) {
      throw new UsageError(`--${name} needs a value`);
    }
    values[name] = value;
  }
  return values;
}

/** Edits that a name may be away from the one that was meant. */
const maxEdits = 2;

/** "; did you mean x?" when one of `names` is near. */
export function didYouMean(name: string, names: readonly string[]): string {
  const [best] = names
    .map((known) => ({ known, edits: editDistance(name, known) }))
    .filter(({ edits }) => edits <= maxEdits)
    .toSorted((a, b) => a.edits - b.edits);
  return best === undefined ? '' : `; did you mean ${best.known}?`;
}
