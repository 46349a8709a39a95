import type { Action, ActionHeader, ActionRecord } from '../../model/action.ts';
import { CodecError, InvalidInputError } from '../../model/errors.ts';
import type { Headers } from '../../model/event.ts';
import type { LogRecord } from '../../model/log-record.ts';
import type { Offset, Partition, Topic } from '../../model/position.ts';
import { setMember } from '../../model/stored-form.ts';
import { asBuffer, decodeUtf8Lenient, decodeUtf8Strict, encodeUtf8 } from '../utf8.ts';
import { decodeActionHeader, encodeActionHeader } from './action-header-codec.ts';

/*
 * docs/format.md#record
 *
 *   key        UTF-8 of the journal's id
 *   value      encoded events of an append; null of anything else
 *   timestamp  the writer's clock, ms
 *   headers    journal.action, then the user headers of an append, or journal.purge-only-at of a
 *              conditional purge
 */

/** The record header that says what the action is: a record without it is not of a journal. */
export const actionHeaderName = 'journal.action';
/** Ours alone: JVM readers look at no further header of a purge. */
const onlyAtHeaderName = 'journal.purge-only-at';
const noHeaders: Headers = Object.freeze({});

/** A Kafka record as the producer takes it. */
export interface EncodedRecord {
  readonly key: Buffer;
  readonly value: Buffer | null;
  readonly timestampMs: number;
  /** `journal.action` first. */
  readonly headers: Record<string, Buffer>;
}

/**
 * The record that stands for an action.
 *
 * @throws {InvalidInputError} when the id or a user header cannot be written, or a user header is
 * named `journal.action`
 */
export function encodeAction(action: Action): EncodedRecord {
  const { header, key, timestampMs } = action;
  const headers: Record<string, Buffer> = {
    [actionHeaderName]: Buffer.from(encodeActionHeader(header), 'utf8'),
  };
  const id = encodeUtf8(key.id, 'journal id');
  if (!('value' in action)) {
    if (header.type === 'purge' && header.onlyAt !== undefined) {
      headers[onlyAtHeaderName] = Buffer.from(String(header.onlyAt));
    }
    return { key: id, value: null, timestampMs, headers };
  }
  for (const name in action.headers) {
    if (name === actionHeaderName) {
      throw new InvalidInputError(`a user header must not be named ${actionHeaderName}`);
    }
    setMember(headers, name, encodeUtf8(action.headers[name] ?? '', `header ${name}`));
  }
  return { key: id, value: asBuffer(action.value), timestampMs, headers };
}

/**
 * What a record means. The value of an append stays encoded.
 *
 * @returns `undefined` for a record that is no journal action: without key, timestamp or
 * `journal.action`, of an unknown action, or an append without value
 * @throws {CodecError} naming topic, partition and offset when the record breaks the format
 */
export function decodeAction(
  topic: Topic,
  partition: Partition,
  record: LogRecord,
): ActionRecord | undefined {
  const { key, timestampMs } = record;
  if (key === undefined || timestampMs === undefined) return undefined;
  try {
    const header = decodeHeader(record);
    if (header === undefined) return undefined;
    const id = decodeUtf8Lenient(key);
    const common = { key: { topic, id }, timestampMs };
    const at = { partition, offset: record.offset };
    if (header.type !== 'append') return { action: { ...common, header }, at };
    const { value } = record;
    if (value === undefined) return undefined;
    if (record.headers.length === 1) {
      return { action: { ...common, header, value, headers: noHeaders }, at };
    }
    // Of a repeated name the last counts.
    const headers: Record<string, string> = {};
    for (const [name, bytes] of record.headers) {
      if (name !== actionHeaderName) setMember(headers, name, headerText(name, bytes));
    }
    return { action: { ...common, header, value, headers }, at };
  } catch (cause) {
    const place = { topic, partition, offset: record.offset };
    throw new CodecError('a journal record cannot be decoded', { cause, place });
  }
}

/**
 * Whether a record may be an opening mark, by a look at its bytes. Readers of one key look at every
 * record like this, so that they decode no others; a mark that looks otherwise opens nothing, for
 * everybody (docs/format.md#tenures).
 */
export function mayOpenTenure({ value, headers }: Pick<LogRecord, 'value' | 'headers'>): boolean {
  if (value !== undefined) return false;
  const header = headers.find(([name]) => name === actionHeaderName);
  return header?.[1] !== undefined && isOpeningHeader(asBuffer(header[1]));
}

const markStart = Buffer.from('{"mark":');
const tenureName = Buffer.from('"tenure"');

/** The same of the bytes of a `journal.action` header, in a record without value. */
export function isOpeningHeader(bytes: Buffer): boolean {
  const { length } = markStart;
  return (
    bytes.length > length &&
    bytes.compare(markStart, 0, length, 0, length) === 0 &&
    bytes.includes(tenureName, length)
  );
}

/** The opening mark that a record is; `undefined` for every other one, also one that is broken. */
export function decodeOpeningMark(
  topic: Topic,
  partition: Partition,
  record: LogRecord,
): ActionRecord | undefined {
  if (!mayOpenTenure(record)) return undefined;
  try {
    const mark = decodeAction(topic, partition, record);
    const header = mark?.action.header;
    return header?.type === 'mark' && header.opens !== undefined ? mark : undefined;
  } catch {
    return undefined;
  }
}

function decodeHeader(record: LogRecord): ActionHeader | undefined {
  const { headers } = record;
  const text = firstHeader(headers, actionHeaderName);
  if (text === undefined) return undefined;
  const header = decodeActionHeader(text);
  if (header?.type === 'mark' && header.opens !== undefined && !mayOpenTenure(record)) {
    return { ...header, opens: undefined };
  }
  if (header?.type !== 'purge') return header;
  const onlyAt = firstHeader(headers, onlyAtHeaderName);
  if (onlyAt === undefined) return header;
  const offset = Number(onlyAt);
  // One spelling only, and none that a `number` would round.
  if (!decimalInteger.test(onlyAt) || !Number.isSafeInteger(offset)) {
    const excerpt = JSON.stringify(onlyAt.slice(0, 40));
    throw new CodecError(
      `header ${onlyAtHeaderName} must be an offset in 0..2^53-1, not ${excerpt}`,
    );
  }
  return { ...header, onlyAt: offset as Offset };
}

const decimalInteger = /^(?:0|[1-9]\d*)$/;

/** Of a repeated name the first counts, in the journal's own headers. */
function firstHeader(headers: LogRecord['headers'], name: string): string | undefined {
  const header = headers.find(([other]) => other === name);
  return header && headerText(name, header[1]);
}

/** Kafka allows a header without value; a journal does not. */
function headerText(name: string, value: Uint8Array | undefined): string {
  if (value === undefined) throw new CodecError(`header ${name} has no value`);
  return decodeUtf8Strict(value, `header ${name}`);
}
