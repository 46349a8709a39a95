import { expect } from 'chai';
import {
  decodeEvents,
  encodeEvents,
  eventRecordsOf,
  replicatedEventsOf,
} from '../../../../src/codec/record/events-codec.ts';
import type { ActionRecord } from '../../../../src/model/action.ts';
import { CodecError, InvalidInputError } from '../../../../src/model/errors.ts';
import type { Event } from '../../../../src/model/event.ts';
import { Events } from '../../../../src/model/event.ts';
import { Key } from '../../../../src/model/key.ts';
import type { Payload } from '../../../../src/model/payload.ts';
import { Offset, Partition } from '../../../../src/model/position.ts';
import { RecordMetadata } from '../../../../src/model/record-metadata.ts';
import { SeqNr } from '../../../../src/model/seq-nr.ts';

const json: Payload = { type: 'json', value: { n: 1 } };
const text: Payload = { type: 'text', value: 't' };
const binary: Payload = { type: 'binary', value: Buffer.from([1]) };
const event = (seqNr: number, payload: Payload | undefined = json): Event => ({
  seqNr: SeqNr.of(seqNr),
  tags: [],
  payload,
});

describe('encodeEvents (docs/format.md#value)', () => {
  it('chooses JSON when no payload is binary, in any mix', () => {
    expect(encodeEvents([event(1), event(2, text), event(3, undefined)], {}).payloadType).to.equal(
      'json',
    );
    const empty: Event = { seqNr: SeqNr.of(1), tags: [], payload: undefined };
    expect(encodeEvents([empty], {}).payloadType).to.equal('json');
  });

  it('chooses binary for all events when one is binary, and keeps the others', () => {
    const events = [event(1), event(2, text), event(3, binary)] as const;
    const { payloadType, value } = encodeEvents(events, {});
    expect(payloadType).to.equal('binary');
    expect(decodeEvents(payloadType, value).events).to.deep.equal(events);
  });

  it('chooses as the JVM does for every mixture of payloads, with and without metadata', () => {
    const kinds = [undefined, json, text, binary];
    const mixtures = kinds.flatMap((a) => kinds.flatMap((b) => kinds.map((c) => [a, b, c])));
    const expireAfter = { length: 1n, unit: 'day' } as const;
    for (const metadata of [{}, { expireAfter }, { data: { k: 'v' } }]) {
      for (const [a, b, c] of mixtures) {
        const events = [event(1, a), event(2, b), event(3, c)] as const;
        // A default parameter would bring the payload back.
        const exact = events.map((one, index) => ({ ...one, payload: [a, b, c][index] }));
        const encoded = encodeEvents(Events.of(exact), metadata);
        const expected = [a, b, c].includes(binary) ? 'binary' : 'json';
        expect(encoded.payloadType).to.equal(expected);
        expect(encoded.value[0]).to.equal(expected === 'binary' ? 1 : 0x7b);
        expect(decodeEvents(expected, encoded.value)).to.deep.equal({ events: exact, metadata });
      }
    }
  });

  it('keeps the json payload null beside a binary one, which it cannot alone', () => {
    const none: Payload = { type: 'json', value: null };
    const mixed = encodeEvents([event(1, none), event(2, binary)], {});
    expect(decodeEvents('binary', mixed.value).events[0].payload).to.deep.equal(none);
    const alone = encodeEvents([event(1, none)], {});
    expect(decodeEvents('json', alone.value).events[0].payload).to.equal(undefined);
  });

  it('refuses a number that comes twice, adjacent or not', () => {
    for (const last of [2, 1]) {
      const events = [event(1), event(2), event(last)] as const;
      expect(() => encodeEvents(events, {})).to.throw(InvalidInputError, `events[2] is ${last}`);
    }
  });

  it('refuses numbers that do not ascend, and the one that no event can have', () => {
    const refused: [readonly number[], string][] = [
      [[4, 3], 'events[1] is 3'],
      [[3, 1, 2], 'events[1] is 1'],
      [[0], 'events[0] is 0'],
      [[-1], 'events[0] is -1'],
      [[1, 1.5], 'events[1] is 1.5'],
      [[Number.NaN], 'events[0] is NaN'],
      [[1, SeqNr.max], 'events[1] is 2^63-1'],
      [[2 ** 60], 'events[0] is 1152921504606847000'],
    ];
    for (const [numbers, text] of refused) {
      const events = numbers.map((seqNr) => ({ ...event(1), seqNr: seqNr as SeqNr }));
      expect(() => encodeEvents(Events.of(events), {})).to.throw(InvalidInputError, text);
    }
  });

  it('takes numbers with gaps, up to 2^53-2', () => {
    const events = [event(3), event(7), event(2 ** 53 - 2)] as const;
    expect(decodeEvents('json', encodeEvents(events, {}).value).events).to.deep.equal(events);
  });
});

describe('decodeEvents (docs/format.md#value)', () => {
  it('lets the first of two events with one number count', () => {
    const one = (n: number, seqNr: number): string => `{"seqNr":${seqNr},"tags":[],"payload":${n}}`;
    const value = Buffer.from(
      `{"events":[${one(10, 1)},${one(20, 2)},${one(30, 1)},${one(40, 3)}]}`,
    );
    const { events } = decodeEvents('json', value);
    expect(events.map(({ payload }) => payload?.value)).to.deep.equal([10, 20, 40]);
  });

  it('goes by the payload type alone', () => {
    const value = encodeEvents([event(1)], {}).value;
    expect(() => decodeEvents('binary', value)).to.throw(CodecError);
  });
});

describe('eventRecordsOf', () => {
  const at = { partition: Partition.of(3), offset: Offset.of(7) };
  function recordOf(value: Uint8Array, metadata = {}, [from, to] = [1, 2]): ActionRecord {
    const range = { from: SeqNr.of(from), to: SeqNr.of(to) };
    const writer = { origin: 'o', version: 'v' };
    const header = { type: 'append', range, ...writer, payloadType: 'json', metadata } as const;
    const key = Key.of('journal', 'id');
    return { action: { key, timestampMs: 9, header, value, headers: { h: '1' } }, at };
  }

  it('gives every event the one record it came in', () => {
    const expireAfter = { length: 1n, unit: 'day' } as const;
    const { value } = encodeEvents([event(1), event(2)], { expireAfter });
    const records = eventRecordsOf(recordOf(value, { data: 1 }));
    expect(records.map((one) => one.event)).to.deep.equal([event(1), event(2)]);
    expect(records[1]?.record).to.equal(records[0].record);
    expect(records[0].record).to.deep.equal({
      at,
      timestampMs: 9,
      origin: 'o',
      version: 'v',
      metadata: { header: { data: 1 }, payload: { expireAfter } },
      headers: { h: '1' },
    });
  });

  it('shares the empty metadata', () => {
    const [first] = eventRecordsOf(recordOf(encodeEvents([event(1)], {}).value, {}, [1, 1]));
    expect(first.record.metadata).to.equal(RecordMetadata.empty);
  });

  it('names the place of a value that breaks the format', () => {
    expect(() => eventRecordsOf(recordOf(Buffer.from('{"events":[]}'))))
      .to.throw(CodecError, /topic journal, partition 3, offset 7, id id/)
      .with.nested.property('cause.message', 'events must not be empty');
  });

  const printed = (...numbers: string[]): Buffer =>
    Buffer.from(`{"events":[${numbers.map((n) => `{"seqNr":${n},"tags":[]}`).join(',')}]}`);
  const decoders = { eventRecordsOf, replicatedEventsOf };
  const wrong: [range: [number, number], numbers: string[], why: RegExp][] = [
    [[3, 4], ['4', '3'], /3\.\.4, but the first one is 4/],
    [[3, 4], ['3', '5'], /3\.\.4, but the last one is 5/],
    [[3, 4], ['3'], /3\.\.4, but the last one is 3/],
    [[3, 4], ['2', '4'], /3\.\.4, but the first one is 2/],
    [[1, 4], ['1', '3', '2', '4'], /1\.\.4, but 2 follows 3/],
    [[1, 4], ['1', '9223372036854775807'], /1\.\.4, but the last one is/],
    [[1, 4], ['1', '9007199254740991'], /9007199254740991/],
  ];
  for (const [name, decode] of Object.entries(decoders)) {
    for (const [range, numbers, why] of wrong) {
      it(`refuses events ${numbers.join(', ')} of a header ${range.join('..')}, naming the record: ${name}`, () => {
        expect(() => decode(recordOf(printed(...numbers), {}, range)))
          .to.throw(CodecError, /topic journal, partition 3, offset 7, id id/)
          .with.nested.property('cause.message')
          .match(why);
      });
    }

    it(`lets the first of two events with one number count, and takes gaps: ${name}`, () => {
      const numbersOf = (range: [number, number], ...numbers: string[]): number[] =>
        decode(recordOf(printed(...numbers), {}, range)).map((one) => one.event.seqNr);
      expect(numbersOf([1, 3], '1', '2', '1', '3')).to.deep.equal([1, 2, 3]);
      expect(numbersOf([1, 9], '1', '4', '9')).to.deep.equal([1, 4, 9]);
    });
  }

  it('refuses a record that is no append', () => {
    const { action } = recordOf(Buffer.alloc(0));
    const header = { type: 'purge', origin: undefined, version: undefined } as const;
    const purge = { action: { key: action.key, timestampMs: 1, header }, at };
    expect(() => eventRecordsOf(purge)).to.throw(InvalidInputError, /purge/);
  });
});
