import type { Edit } from '../../support/mutants/edit.ts';

/** A rule of the algorithm, taken out. */
export interface Mutant {
  readonly name: string;
  /** The rule in words, or what breaks without it: an invariant or a fault of docs/format.md. */
  readonly rule: string;
  readonly edits: readonly Edit[];
}

export function mutant(
  name: string,
  rule: string,
  ...edits: readonly (readonly [string, string, string])[]
): Mutant {
  return { name, rule, edits: edits.map(([file, find, replace]) => ({ file, find, replace })) };
}
