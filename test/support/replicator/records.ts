import { encodeAction } from '../../../src/codec/record/action-record-codec.ts';
import { encodeEvents } from '../../../src/codec/record/events-codec.ts';
import type { Action, ActionHeader, ActionRecord } from '../../../src/model/action.ts';
import type { Event } from '../../../src/model/event.ts';
import type { ExpireAfter } from '../../../src/model/expire-after.ts';
import { Key } from '../../../src/model/key.ts';
import type { LogRecord } from '../../../src/model/log-record.ts';
import { Offset, Partition, Topic } from '../../../src/model/position.ts';
import { SeqNr } from '../../../src/model/seq-nr.ts';
import type { Tenure, TenureOpening } from '../../../src/model/tenure.ts';
import type { Wake } from '../../../src/model/wake-up.ts';

export const topic = Topic.of('journal');
export const partition0 = Partition.of(0);
export const partition1 = Partition.of(1);
export const timestampMs = Date.UTC(2024, 0, 2);

/** What happens to one key, in the words of the batch table. */
export type Step = Deed & { readonly tenure?: Tenure };

type Deed =
  | {
      readonly type: 'append';
      readonly from: number;
      readonly to: number;
      readonly expireAfter?: ExpireAfter;
      readonly wake?: Wake;
    }
  | { readonly type: 'delete'; readonly to: number; readonly origin?: string | undefined }
  | {
      readonly type: 'purge';
      readonly onlyAt?: number | undefined;
      readonly origin?: string | undefined;
    }
  | { readonly type: 'mark'; readonly opens?: TenureOpening };

export const append = (from: number, to = from): Step => ({ type: 'append', from, to });
export const deleteTo = (to: number): Step => ({ type: 'delete', to });
export const purge: Step = { type: 'purge' };
export const purgeOnlyAt = (onlyAt: number): Step => ({ type: 'purge', onlyAt });
export const mark: Step = { type: 'mark' };

/** An opening mark; its holder is named after its scope. */
export const opens = (scope = ''): Step => ({ type: 'mark', opens: openingOf(scope) });
export const openingOf = (scope: string): TenureOpening => ({
  scope,
  holder: `holder of "${scope}"`,
  address: undefined,
});

/** The step as an action of a tenure. */
export const under = (of: number, step: Step, scope = ''): Step => ({
  ...step,
  tenure: { scope, of: Offset.of(of) },
});

export function actionOf(id: string, step: Step): Action {
  const key = Key.of(topic, id);
  if (step.type !== 'append') return { key, timestampMs, header: headerOf(step) };
  const numbers = Array.from({ length: step.to - step.from + 1 }, (_, index) => step.from + index);
  const [first, ...rest] = numbers.map(eventOf);
  if (first === undefined) throw new Error('an append holds events');
  const { expireAfter } = step;
  const encoded = encodeEvents([first, ...rest], expireAfter === undefined ? {} : { expireAfter });
  return {
    key,
    timestampMs,
    header: {
      type: 'append',
      range: { from: SeqNr.of(step.from), to: SeqNr.of(step.to) },
      origin: undefined,
      version: undefined,
      payloadType: encoded.payloadType,
      metadata: {},
      ...tenureOf(step),
      ...(step.wake === undefined ? {} : { wake: step.wake }),
    },
    value: encoded.value,
    headers: {},
  };
}

const tenureOf = ({ tenure }: Step) => (tenure === undefined ? {} : { tenure });

function headerOf(
  step: Exclude<Step, { type: 'append' }>,
): Exclude<ActionHeader, { type: 'append' }> {
  const version = undefined;
  if (step.type === 'mark') {
    const opening = step.opens === undefined ? {} : { opens: step.opens };
    return { type: 'mark', id: 'mark', origin: undefined, version, ...opening };
  }
  const { origin } = step;
  if (step.type === 'purge') {
    const onlyAt = step.onlyAt === undefined ? {} : { onlyAt: Offset.of(step.onlyAt) };
    return { type: 'purge', ...onlyAt, origin, version, ...tenureOf(step) };
  }
  return { type: 'delete', to: SeqNr.of(step.to), origin, version, ...tenureOf(step) };
}

function eventOf(seqNr: number): Event {
  return { seqNr: SeqNr.of(seqNr), tags: [], payload: { type: 'text', value: `event ${seqNr}` } };
}

export function actionRecord(id: string, offset: number, step: Step): ActionRecord {
  return { action: actionOf(id, step), at: { partition: partition0, offset: Offset.of(offset) } };
}

/** The record as the log holds it. */
export function logRecord(id: string, offset: number, step: Step): LogRecord {
  const { key, value, headers } = encodeAction(actionOf(id, step));
  return {
    offset: Offset.of(offset),
    key,
    value: value ?? undefined,
    timestampMs,
    headers: Object.entries(headers),
  };
}

/** A record of something else that shares the topic. */
export function foreignRecord(offset: number, key?: string): LogRecord {
  return {
    offset: Offset.of(offset),
    key: key === undefined ? undefined : Buffer.from(key),
    value: Buffer.from('not ours'),
    timestampMs,
    headers: [],
  };
}

/** A record of ours whose header is broken. */
export function unreadableHeader(id: string, offset: number): LogRecord {
  const record = logRecord(id, offset, append(1));
  return { ...record, headers: [['journal.action', Buffer.from('{"append":')]] };
}

/** An append of ours whose header is fine and whose events are not. */
export function unreadableEvents(id: string, offset: number, seqNr = 1): LogRecord {
  return { ...logRecord(id, offset, append(seqNr)), value: Buffer.from('{"events":[') };
}

/** An append of ours whose header names other numbers than its events have. */
export function contradictingEvents(id: string, offset: number, seqNr = 1): LogRecord {
  const { value } = logRecord(id, offset, append(seqNr + 1));
  return { ...logRecord(id, offset, append(seqNr)), value };
}
