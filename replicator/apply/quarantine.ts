import { isUtf8 } from 'node:buffer';
import { CodecError, JournalError } from '../../src/model/errors.ts';
import type { LogRecord } from '../../src/model/log-record.ts';
import { Offset } from '../../src/model/position.ts';
import type { Logger } from '../../src/observability/logger.ts';
import type { BlockedStretch } from '../../src/ports/topic-consumer.ts';
import type { Clock } from '../../src/runtime/clock.ts';
import type { PartitionSource } from '../topic/group-records.ts';
import type { QuarantinedText, QuarantineEntry, QuarantineFile } from './quarantine-file.ts';

const skippedRecord =
  'a record that cannot be decoded was skipped; it is kept in the quarantine file';
const skippedForRow =
  'a record of a journal whose stored row cannot be decoded was skipped; it is kept in the quarantine file';

/** Whether it is a row of the store, and no record of the log, that cannot be decoded. */
export function isOfRow(error: unknown): error is CodecError {
  return error instanceof CodecError && error.place.table !== undefined;
}

/**
 * What to do with what cannot be decoded; resolved from `quarantine…` of the replicator's section.
 */
export interface QuarantineRules {
  /** `fail` holds the partition; `skip-and-record` writes the record down and goes on. */
  readonly policy: 'fail' | 'skip-and-record';
  /** `topic:partition:offset` of each record that an operator gave up, whatever the policy. */
  readonly skip: readonly string[];
}

interface QuarantineParts {
  /** Absent = nothing is ever skipped. */
  readonly file: QuarantineFile | undefined;
  readonly log: Logger;
  readonly clock: Clock;
}

/** A record, or a stretch of the log, that cannot be decoded. */
interface Undecodable extends PartitionSource {
  readonly offset: Offset;
  readonly nextOffset: Offset;
  readonly error: unknown;
  readonly record?: LogRecord;
}

/**
 * Decides what may be skipped, and writes it down first: whoever asks moves on only after the entry
 * is on disk. Asked again after a crash it writes the entry again, so entries are at least once.
 */
export class Quarantine {
  readonly #policy: QuarantineRules['policy'];
  readonly #skip: ReadonlySet<string>;
  readonly #parts: QuarantineParts;

  constructor(rules: QuarantineRules, parts: QuarantineParts) {
    this.#policy = rules.policy;
    this.#skip = new Set(rules.skip);
    this.#parts = parts;
  }

  /**
   * A record whose header or events cannot be decoded.
   *
   * @throws the entry cannot be written: do not skip
   */
  takesRecord(source: PartitionSource, record: LogRecord, error: unknown): Promise<boolean> {
    const { offset } = record;
    return this.#takes({ ...source, offset, nextOffset: Offset.next(offset), error, record });
  }

  /**
   * A stretch of the log that is no records. What the log lost is skipped only on an operator's
   * word: that is no bad record, but missing ones.
   *
   * @throws the entry cannot be written: do not skip
   */
  async takesStretch(source: PartitionSource, stretch: BlockedStretch): Promise<boolean> {
    const { offset, nextOffset, error } = stretch;
    return nextOffset !== undefined && this.#takes({ ...source, offset, nextOffset, error });
  }

  async #takes(found: Undecodable): Promise<boolean> {
    const { file, clock, log } = this.#parts;
    const reason = this.#reasonToSkip(found);
    if (reason === undefined || file === undefined) return false;
    const entry = entryOf(found, reason, clock.nowMs());
    await file.append(entry);
    const { topic, partition, offset, nextOffset, key } = entry;
    const place = { topic, partition, offset, nextOffset, key };
    const skipped = isOfRow(found.error) ? skippedForRow : skippedRecord;
    log.error({ ...place, reason, err: found.error }, skipped);
    return true;
  }

  #reasonToSkip({ topic, partition, offset, error }: Undecodable): string | undefined {
    if (this.#skip.has(`${topic}:${partition}:${offset}`)) return 'quarantine-skip';
    const isPoison = error instanceof CodecError && this.#policy === 'skip-and-record';
    return isPoison ? 'skip-and-record' : undefined;
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
