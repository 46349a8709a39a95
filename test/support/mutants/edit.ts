/** One place of a product file, exactly once there, and what stands there instead. */
export interface Edit {
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

/** Holds the edits of the mutant that a process is, as JSON. */
const editsVariable = 'KAFKA_JOURNAL_MUTANT_EDITS';

/** The environment of a process that is to be the mutant with these edits. */
export function environmentOf(edits: readonly Edit[]): Readonly<Record<string, string>> {
  return { [editsVariable]: JSON.stringify(edits) };
}

/** The edits of this process; none when it is no mutant. */
export function editsOfProcess(): readonly Edit[] {
  return JSON.parse(process.env[editsVariable] ?? '[]') as readonly Edit[];
}
