import { open } from 'node:fs/promises';
import { NotSetUpError } from '../../src/model/errors.ts';

/**
 * A text, or the bytes that are none: what is put aside can be written again byte for byte,
 * whatever it is. `null` stands for what the record has not.
 */
export type QuarantinedText = string | { readonly base64: string } | null;

/** One skipped record, or stretch of records, as a line of JSON. */
export interface QuarantineEntry {
  /** When it was skipped, ISO 8601. */
  readonly at: string;
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  /** Where replication went on: one above the last offset skipped. */
  readonly nextOffset: number;
  /** `skip-and-record` = the policy, `quarantine-skip` = an operator named it. */
  readonly reason: string;
  readonly key?: QuarantinedText;
  readonly code?: string | undefined;
  readonly error: string;
  readonly timestampMs?: number | undefined;
  /**
   * Values in base64, in record order: with `key` and `value`, all that is needed to write the
   * record again.
   */
  readonly headers?: readonly (readonly [name: QuarantinedText, value: string | null])[];
  /** In base64. */
  readonly value?: string | null;
  /**
   * The table and the column of a stored row that cannot be decoded: then the record itself is
   * sound.
   */
  readonly row?: { readonly table: string | undefined; readonly column: string | undefined };
}

/** What was skipped, for people to find: it is only ever appended to. */
export interface QuarantineFile {
  /** Resolves once the entry is on disk; calls may overlap. */
  append(entry: QuarantineEntry): Promise<void>;
}

/**
 * Entries as lines of a file, each written whole and synced. Several processes may share it.
 *
 * @throws {NotSetUpError} the file cannot be written: found at the start, not at the first bad
 * record
 */
export async function openQuarantineFile(path: string): Promise<QuarantineFile> {
  try {
    await appendLine(path, '');
  } catch (cause) {
    throw new NotSetUpError(`the quarantine file ${path} cannot be written`, { cause });
  }
  return { append: (entry) => appendLine(path, `${JSON.stringify(entry)}\n`) };
}

async function appendLine(path: string, line: string): Promise<void> {
  const file = await open(path, 'a');
  try {
    if (line !== '') await file.appendFile(line);
    await file.datasync();
  } finally {
    await file.close();
  }
}
