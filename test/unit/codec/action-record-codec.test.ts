import { expect } from 'chai';
import { decodeAction, encodeAction } from '../../../src/codec/action-record-codec.ts';
import type { Action, ActionRecord } from '../../../src/model/action.ts';
import { CodecError, InvalidInputError } from '../../../src/model/errors.ts';
import { Key } from '../../../src/model/key.ts';
import type { LogRecord } from '../../../src/model/log-record.ts';
import { Offset, Partition, Topic } from '../../../src/model/position.ts';
import { SeqNr } from '../../../src/model/seq-nr.ts';

const topic = Topic.of('journal');
const partition = Partition.of(3);
const offset = Offset.of(41);
const range = { from: SeqNr.of(1), to: SeqNr.of(1) };
const writer = { origin: 'node-1', version: undefined };
const appendText =
  '{"append":{"range":{"from":1,"to":1},"origin":"node-1","payloadType":"json","metadata":{}}}';
const append: Action = {
  key: Key.of('journal', 'wallet-é'),
  timestampMs: 1700000000000,
  header: { type: 'append', range, ...writer, payloadType: 'json', metadata: {} },
  value: Buffer.from('value'),
  headers: { trace: 'ü' },
};
const purge: Action = {
  key: append.key,
  timestampMs: 5,
  header: { type: 'purge', origin: undefined, version: undefined },
};

const header = (text: string): readonly [string, Uint8Array] => [
  'journal.action',
  Buffer.from(text),
];
const record: LogRecord = {
  offset,
  key: Buffer.from('wallet-é'),
  value: Buffer.from('value'),
  timestampMs: 1700000000000,
  headers: [header(appendText), ['trace', Buffer.from('ü')]],
};
const decode = (parts: Partial<LogRecord>): ActionRecord | undefined =>
  decodeAction(topic, partition, { ...record, ...parts });

describe('encodeAction (docs/format.md#record)', () => {
  it('writes key, value, timestamp and journal.action before the user headers', () => {
    const encoded = encodeAction(append);
    expect(encoded.key).to.deep.equal(Buffer.from('wallet-é'));
    expect(encoded.value).to.deep.equal(Buffer.from('value'));
    expect(encoded.timestampMs).to.equal(1700000000000);
    expect(Object.keys(encoded.headers)).to.deep.equal(['journal.action', 'trace']);
    expect(encoded.headers['journal.action']?.toString()).to.equal(appendText);
    expect(encoded.headers.trace).to.deep.equal(Buffer.from('ü'));
  });

  it('writes null for the value of everything but an append', () => {
    expect(encodeAction(purge)).to.deep.equal({
      key: Buffer.from('wallet-é'),
      value: null,
      timestampMs: 5,
      headers: { 'journal.action': Buffer.from('{"purge":{}}') },
    });
  });

  it('writes the empty id as an empty key', () => {
    const key = encodeAction({ ...purge, key: Key.of('journal', '') }).key;
    expect(key).to.deep.equal(Buffer.alloc(0));
  });

  it('refuses a user header named journal.action', () => {
    const headers = { 'journal.action': 'x' };
    expect(() => encodeAction({ ...append, headers })).to.throw(
      InvalidInputError,
      /journal\.action/,
    );
  });

  it('refuses user headers and ids that UTF-8 cannot carry', () => {
    const headers = { trace: '\ud800' };
    expect(() => encodeAction({ ...append, headers })).to.throw(InvalidInputError, /trace/);
    const key = { topic, id: '\ud800' };
    expect(() => encodeAction({ ...purge, key })).to.throw(InvalidInputError, /id/);
  });
});

describe('decodeAction (docs/format.md#record)', () => {
  it('reads what was written, with its place', () => {
    expect(decode({})).to.deep.equal({ action: append, at: { partition, offset } });
    expect(
      decode({ headers: [header('{"purge":{}}')], value: undefined, timestampMs: 5 }),
    ).to.deep.equal({ action: purge, at: { partition, offset } });
  });

  it('keeps the value of an append by reference', () => {
    const action = decode({})?.action;
    expect(action !== undefined && 'value' in action && action.value).to.equal(record.value);
  });

  it('passes by records that are no journal actions', () => {
    expect(decode({ key: undefined }), 'key').to.equal(undefined);
    expect(decode({ timestampMs: undefined }), 'timestamp').to.equal(undefined);
    expect(decode({ headers: [] }), 'no header').to.equal(undefined);
    expect(decode({ headers: [['trace', Buffer.from('x')]] }), 'other header').to.equal(undefined);
    expect(decode({ headers: [header('{"new":{}}')] }), 'unknown action').to.equal(undefined);
    expect(decode({ value: undefined }), 'append without value').to.equal(undefined);
  });

  it('takes an empty key and an empty value for what they are', () => {
    const action = decode({ key: Buffer.alloc(0), value: Buffer.alloc(0) })?.action;
    expect(action?.key.id).to.equal('');
    expect(action).to.deep.include({ value: Buffer.alloc(0) });
  });

  it('takes the first journal.action and the last of equal user headers', () => {
    const headers = [header(appendText), header('{"purge":{}}')] as const;
    const users = [
      ['a', Buffer.from('1')],
      ['a', Buffer.from('2')],
    ] as const;
    const action = decode({ headers: [...headers, ...users] })?.action;
    expect(action?.header.type).to.equal('append');
    expect(action).to.deep.include({ headers: { a: '2' } });
  });

  it('replaces malformed bytes of a key', () => {
    expect(decode({ key: Uint8Array.from([0x61, 0xff]) })?.action.key.id).to.equal('a\ufffd');
  });

  it('does not look at the user headers of a mark, delete or purge', () => {
    const headers = [header('{"purge":{}}'), ['bad', Uint8Array.from([0xff])]] as const;
    expect(decode({ headers })?.action.header.type).to.equal('purge');
  });

  it('names topic, partition and offset of a record that breaks the format', () => {
    const noValue = undefined as unknown as Uint8Array;
    const broken: readonly Partial<LogRecord>[] = [
      { headers: [header('{')] },
      { headers: [header('{"append":{}}')] },
      { headers: [['journal.action', Uint8Array.from([0xff])]] },
      { headers: [['journal.action', noValue]] },
      { headers: [header(appendText), ['trace', Uint8Array.from([0xff])]] },
      { headers: [header(appendText), ['trace', noValue]] },
    ];
    for (const parts of broken) {
      expect(() => decode(parts))
        .to.throw(CodecError, /topic journal, partition 3, offset 41/)
        .with.deep.property('place', { topic, partition, offset });
    }
  });

  it('takes __proto__ for a header name like any other', () => {
    const headers = JSON.parse('{"__proto__":"x"}');
    const encoded = encodeAction({ ...append, headers });
    const entries = Object.entries(encoded.headers);
    const action = decode({ headers: entries })?.action;
    expect(entries.map(([name]) => name)).to.deep.equal(['journal.action', '__proto__']);
    expect(
      action !== undefined && 'headers' in action && Object.entries(action.headers),
    ).to.deep.equal([['__proto__', 'x']]);
  });
});
