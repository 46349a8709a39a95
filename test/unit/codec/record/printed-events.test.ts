import { expect } from 'chai';
import { encodeEvents, replicatedEventsOf } from '../../../../src/codec/record/events-codec.ts';
import { printedEventsOf } from '../../../../src/codec/record/printed-events.ts';
import type { Events } from '../../../../src/model/event.ts';
import { Key } from '../../../../src/model/key.ts';
import { Offset, Partition } from '../../../../src/model/position.ts';
import { SeqNr } from '../../../../src/model/seq-nr.ts';

const textOf = (event: string, metadata = '{}'): string =>
  `{"events":[${event}],"metadata":${metadata}}`;
const eventOf = (payload: string): string =>
  `{"seqNr":1,"tags":[],"payloadType":"json","payload":${payload}}`;
const nested = (levels: number): string => '['.repeat(levels) + ']'.repeat(levels);

describe('printedEventsOf (docs/format.md#stored-payload)', () => {
  for (const payload of [
    '{}',
    '[]',
    'true',
    'false',
    '""',
    '0',
    '-12',
    '123456789012345',
    '0.5',
    '-1.25',
    '{"a":{"b":[1,"x",null,{"a":[]}]},"b":{"a":1}}',
    '"é 😀 \\" \\\\ \\n \\t \\b \\f \\r"',
    '{"2":1,"1":2}',
    '{"a\\"b":1,"a":2}',
    nested(100),
  ]) {
    it(`copies ${payload.slice(0, 50)}`, () => {
      const decoded = printedEventsOf(textOf(eventOf(payload)));
      expect(decoded?.events).to.deep.equal([
        { seqNr: 1, tags: [], payload: { type: 'printed-json', text: payload } },
      ]);
    });
  }

  for (const payload of [
    'null',
    '{ }',
    '[1, 2]',
    '{"a":1,"a":2}',
    '{"b":{"a":1,"b":2,"a":3}}',
    '-0',
    '01',
    '1.0',
    '1e3',
    '0.0000001',
    '1234567890123456',
    '-',
    '"\\u0041"',
    '"\\/"',
    '"\x7f"',
    '"\n"',
    '"\ud83d"',
    '"open',
    '{"a"}',
    '{"a":}',
    '[1',
    nested(101),
    `{${Array.from({ length: 33 }, (_, index) => `"n${index}":1`).join()}}`,
  ]) {
    it(`leaves ${JSON.stringify(payload).slice(0, 50)} to be read`, () => {
      expect(printedEventsOf(textOf(eventOf(payload)))).to.equal(undefined);
    });
  }

  for (const [what, text] of [
    ['without type', textOf('{"seqNr":1,"tags":[],"payload":{}}')],
    ['without payload', textOf('{"seqNr":1,"tags":[]}')],
    ['of type text', textOf('{"seqNr":1,"tags":[],"payloadType":"text","payload":"a"}')],
    ['with the number 0', textOf('{"seqNr":0,"tags":[],"payloadType":"json","payload":{}}')],
    ['without metadata', `{"events":[${eventOf('{}')}]}`],
    ['with something behind it', `${textOf(eventOf('{}'))} `],
    ['with no event', textOf('')],
  ] as const) {
    it(`leaves a value to be read that is ${what}`, () => {
      expect(printedEventsOf(text)).to.equal(undefined);
    });
  }

  it('reads numbers, tags and metadata', () => {
    const event = '{"seqNr":41,"tags":["a","b\\n","a"],"payloadType":"json","payload":{}}';
    const decoded = printedEventsOf(textOf(event, '{"expireAfter":"1 day","data":[1]}'));
    expect(decoded?.events[0]).to.deep.include({ seqNr: 41, tags: ['a', 'b\n'] });
    expect(decoded?.metadata).to.deep.equal({
      expireAfter: { length: 1n, unit: 'day' },
      data: [1],
    });
  });
});

describe('replicatedEventsOf', () => {
  const recordOf = (events: Events) => {
    const { payloadType, value } = encodeEvents(events, {});
    const range = { from: SeqNr.min, to: (events.at(-1) ?? events[0]).seqNr };
    const writer = { origin: 'o', version: 'v' };
    const header = { type: 'append', range, ...writer, payloadType, metadata: {} } as const;
    const key = Key.of('journal', 'id');
    const action = { key, timestampMs: 9, header, value, headers: {} };
    return { action, at: { partition: Partition.of(3), offset: Offset.of(7) } };
  };
  const json = (seqNr: number) =>
    ({ seqNr: SeqNr.of(seqNr), tags: [], payload: { type: 'json', value: { a: seqNr } } }) as const;

  it('copies what our writers wrote, and gives all events the one record', () => {
    const events = replicatedEventsOf(recordOf([json(1), json(2)]));
    expect(events.map(({ event }) => event.payload)).to.deep.equal([
      { type: 'printed-json', text: '{"a":1}' },
      { type: 'printed-json', text: '{"a":2}' },
    ]);
    expect(events[1]?.record).to.equal(events[0].record);
  });

  it('decodes the rest', () => {
    const text = { ...json(1), payload: { type: 'text', value: 'a' } } as const;
    const binary = { ...json(1), payload: { type: 'binary', value: Buffer.from('a') } } as const;
    for (const event of [text, binary])
      expect(replicatedEventsOf(recordOf([event]))[0].event).to.deep.equal(event);
  });
});
