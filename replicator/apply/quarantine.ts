import { isUtf8 } from 'node:buffer';
import type { QuarantineSettings } from '../../src/config/settings/replicator-settings.ts';
import { CodecError, DataIntegrityError, JournalError } from '../../src/model/errors.ts';
import type { LogRecord } from '../../src/model/log-record.ts';
import { Offset, type Partition, type Topic } from '../../src/model/position.ts';
import type { Logger } from '../../src/observability/logger.ts';
import type { BlockedStretch } from '../../src/ports/topic-consumer.ts';
import type { Clock } from '../../src/runtime/clock.ts';
import type { QuarantinedText, QuarantineEntry, QuarantineFile } from './quarantine-file.ts';

const skippedRecord =
  'a record that cannot be decoded was skipped; it is kept in the quarantine file';
const skippedForRow =
  'a record of a journal whose stored row cannot be decoded was skipped; it is kept in the quarantine file';

const skippedForTenure =
  'a record that names a tenure that was never opened was skipped; it is kept in the quarantine file';

/** The partition that records come from. */
export interface PartitionSource {
  readonly topic: Topic;
  readonly partition: Partition;
}

/** Whether what cannot be decoded is a row of the store: then the record itself may be sound. */
export function isOfRow(error: unknown): error is CodecError {
  return error instanceof CodecError && error.place.table !== undefined;
}

/** What may be skipped. Where it is written down is the `QuarantineFile`'s. */
export type QuarantineRules = Omit<QuarantineSettings, 'file'>;

interface QuarantineDeps {
  /** `undefined` = nothing is ever skipped. */
  readonly file: QuarantineFile | undefined;
  readonly log: Logger;
  readonly clock: Clock;
}

/** A record, or a stretch of the log, that cannot be decoded or used. */
interface Undecodable extends PartitionSource {
  readonly offset: Offset;
  readonly nextOffset: Offset;
  readonly error: unknown;
  readonly record?: LogRecord;
}

/**
 * Decides what may be skipped, and writes it down first: the replicator moves on only after the
 * entry is on disk. Asked again after a crash it writes the entry again, so an entry may be there
 * more than once.
 */
export class Quarantine {
  readonly #policy: QuarantineRules['policy'];
  readonly #skip: ReadonlySet<string>;
  readonly #deps: QuarantineDeps;

  constructor(rules: QuarantineRules, deps: QuarantineDeps) {
    this.#policy = rules.policy;
    this.#skip = new Set(rules.skip);
    this.#deps = deps;
  }

  /**
   * A record that cannot be decoded, whose journal has a row that cannot, or that names a tenure
   * that was never opened.
   *
   * @returns whether it may be skipped: then its entry is on disk
   * @throws the entry cannot be written: do not skip
   */
  takesRecord(source: PartitionSource, record: LogRecord, error: unknown): Promise<boolean> {
    const { offset } = record;
    return this.#takes({ ...source, offset, nextOffset: Offset.next(offset), error, record });
  }

  /**
   * A stretch that the log cannot give. Records that the log has lost are skipped only if an
   * operator named the offset: they are not bad records, but missing ones.
   *
   * @returns whether it may be skipped: then its entry is on disk
   * @throws the entry cannot be written: do not skip
   */
  async takesStretch(source: PartitionSource, stretch: BlockedStretch): Promise<boolean> {
    const { offset, nextOffset, error } = stretch;
    return nextOffset !== undefined && this.#takes({ ...source, offset, nextOffset, error });
  }

  async #takes(found: Undecodable): Promise<boolean> {
    const { file, clock, log } = this.#deps;
    const { topic, partition, offset, nextOffset, error } = found;
    const isNamed = this.#skip.has(`${topic}:${partition}:${offset}`);
    // Of a stretch it means that records are missing.
    const isWrong = error instanceof DataIntegrityError && found.record !== undefined;
    const isPoison = isWrong || error instanceof CodecError;
    const mayBeTaken = isNamed || (isPoison && this.#policy === 'skip-and-record');
    if (file === undefined || !mayBeTaken) return false;
    const reason = isNamed ? 'quarantine-skip' : 'skip-and-record';
    const entry = entryOf(found, reason, clock.nowMs());
    await file.append(entry);
    const place = { topic, partition, offset, nextOffset, key: entry.key };
    const undecodable = isOfRow(error) ? skippedForRow : skippedRecord;
    log.error({ ...place, reason, err: error }, isWrong ? skippedForTenure : undecodable);
    return true;
  }
}

function entryOf(found: Undecodable, reason: string, nowMs: number): QuarantineEntry {
  const { topic, partition, offset, nextOffset, error, record } = found;
  const place = { at: new Date(nowMs).toISOString(), topic, partition, offset, nextOffset, reason };
  const problem = {
    code: error instanceof JournalError ? error.code : undefined,
    error: error instanceof Error ? error.message : String(error),
  };
  if (record === undefined) return { ...place, ...problem };
  const { key, value, timestampMs, headers } = record;
  return {
    ...place,
    key: textOrBytes(key),
    ...problem,
    ...(isOfRow(error) && { row: { table: error.place.table, column: error.place.column } }),
    timestampMs,
    headers: headers.map(([name, bytes, nameBytes]) => {
      return [nameBytes === undefined ? name : textOrBytes(nameBytes), base64(bytes)] as const;
    }),
    value: base64(value),
  };
}

function textOrBytes(bytes: Uint8Array | undefined): QuarantinedText {
  if (bytes === undefined) return null;
  const buffer = Buffer.from(bytes);
  return isUtf8(buffer) ? buffer.toString('utf8') : { base64: buffer.toString('base64') };
}

function base64(bytes: Uint8Array | undefined): string | null {
  return bytes === undefined ? null : Buffer.from(bytes).toString('base64');
}
