import { expect } from 'chai';
import {
  decodeAction,
  decodeOpeningMark,
  encodeAction,
} from '../../../../src/codec/record/action-record-codec.ts';
import type { Action, ActionRecord } from '../../../../src/model/action.ts';
import { CodecError, InvalidInputError } from '../../../../src/model/errors.ts';
import { Key } from '../../../../src/model/key.ts';
import type { LogRecord } from '../../../../src/model/log-record.ts';
import { Offset, Partition, Topic } from '../../../../src/model/position.ts';
import { SeqNr } from '../../../../src/model/seq-nr.ts';

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

  it('looks at key, timestamp and value before it looks at what may be broken', () => {
    const broken = { headers: [header('{')] };
    expect(decode({ ...broken, key: undefined }), 'key').to.equal(undefined);
    expect(decode({ ...broken, timestampMs: undefined }), 'timestamp').to.equal(undefined);
    const headers = [header(appendText), ['trace', Uint8Array.from([0xff])]] as const;
    expect(decode({ headers, value: undefined }), 'append without value').to.equal(undefined);
  });

  it('takes a user header that is empty or starts with U+FEFF as it is', () => {
    const users = [
      ['empty', Buffer.alloc(0)],
      ['mark', Buffer.from('\ufeffa')],
    ] as const;
    const action = decode({ headers: [header(appendText), ...users] })?.action;
    expect(action).to.deep.include({ headers: { empty: '', mark: '\ufeffa' } });
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
    const noValue = null as unknown as Uint8Array;
    const others = [['bad', Uint8Array.from([0xff])] as const, ['none', noValue] as const];
    const texts = ['{"purge":{}}', '{"delete":{"to":1}}', '{"mark":{"id":""}}'];
    for (const [index, text] of texts.entries()) {
      const type = decode({ headers: [header(text), ...others] })?.action.header.type;
      expect(type).to.equal(['purge', 'delete', 'mark'][index]);
    }
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

describe('a conditional purge (docs/format.md#conditional-purge)', () => {
  const onlyAt = (value: string | Uint8Array): readonly [string, Uint8Array] => [
    'journal.purge-only-at',
    Buffer.from(value),
  ];
  const decodePurge = (...more: LogRecord['headers']): Action['header'] | undefined =>
    decode({ headers: [header('{"purge":{}}'), ...more], value: undefined })?.action.header;

  it('has the offset of the last record it knows as decimal text in a header of its own', () => {
    const offsets = { 0: '0', 41: '41', 9007199254740991: '9007199254740991' };
    for (const [number, text] of Object.entries(offsets)) {
      const conditional = { ...purge.header, onlyAt: Offset.of(Number(number)) } as const;
      const encoded = encodeAction({ ...purge, header: conditional } as Action);
      expect(Object.entries(encoded.headers)).to.deep.equal([
        ['journal.action', Buffer.from('{"purge":{}}')],
        ['journal.purge-only-at', Buffer.from(text)],
      ]);
      expect(decodePurge(onlyAt(text))).to.deep.equal({ ...conditional });
    }
  });

  it('is unconditional without the header', () => {
    expect(decodePurge()).to.deep.equal(purge.header);
    expect(decodePurge(['other', Uint8Array.from([0xff])])).to.deep.equal(purge.header);
  });

  it('goes by the first of two such headers', () => {
    expect(decodePurge(onlyAt('7'), onlyAt('x'))).to.deep.include({ onlyAt: 7 });
  });

  it('refuses anything but an offset, naming the place of the record', () => {
    const noValue = ['journal.purge-only-at', null as unknown as Uint8Array] as const;
    const texts = ['', ' 1', '1 ', '+1', '-1', '-0', '01', '1.0', '1e0', '0x1', '9007199254740992'];
    const long = '1'.repeat(400);
    const others = [...texts, long, 'x', '\u0661', '9223372036854775807'].map(onlyAt);
    for (const broken of [...others, onlyAt(Uint8Array.from([0xff])), noValue]) {
      expect(() => decodePurge(broken), String(broken[1]))
        .to.throw(CodecError, /partition 3, offset 41/)
        .with.deep.property('place', { topic, partition, offset });
    }
  });

  it('is what the header means on a purge only', () => {
    const text = '{"delete":{"to":1}}';
    const deleted = decode({ headers: [header(text), onlyAt('x')] })?.action.header;
    expect(deleted).to.deep.equal({
      type: 'delete',
      to: 1,
      origin: undefined,
      version: undefined,
    });
    const appended = decode({ headers: [header(appendText), onlyAt('x')] })?.action;
    expect(appended).to.deep.include({ headers: { 'journal.purge-only-at': 'x' } });
  });
});

describe('an opening mark (docs/format.md#tenures)', () => {
  const opening = '{"mark":{"id":"m","tenure":{"scope":"a","holder":"h"}}}';
  const bare = { value: undefined, headers: [header(opening)] };
  const opens = (parts: Partial<LogRecord>): unknown => {
    const read = decode(parts)?.action.header;
    const isOpening = read?.type === 'mark' && read.opens !== undefined;
    const found = decodeOpeningMark(topic, partition, { ...record, ...parts }) !== undefined;
    expect(found, 'readers of other keys find the same').to.equal(isOpening);
    return isOpening;
  };

  it('is what is written as one', () => {
    const mark = { type: 'mark', id: 'm', ...writer } as const;
    const key = append.key;
    for (const address of [undefined, 'http://a:1']) {
      const action: Action = {
        key,
        timestampMs: 5,
        header: { ...mark, opens: { scope: 'ü', holder: 'h', address } },
      };
      const { value, headers, ...rest } = encodeAction(action);
      const read = { ...rest, value: value ?? undefined, headers: Object.entries(headers), offset };
      expect(decodeOpeningMark(topic, partition, read)).to.deep.equal({
        action,
        at: { partition, offset },
      });
    }
  });

  it('has no value, and a header that begins as one of ours, whoever reads it', () => {
    expect(opens(bare)).to.equal(true);
    expect(opens({ ...bare, headers: [header(opening), header('{}')] })).to.equal(true);
    expect(opens({ ...bare, value: Buffer.alloc(0) })).to.equal(false);
    expect(opens({ ...bare, headers: [header(`${' '}${opening}`)] })).to.equal(false);
    expect(
      opens({ ...bare, headers: [header(opening.replace('"tenure"', '"\\u0074enure"'))] }),
    ).to.equal(false);
    expect(opens({ ...bare, headers: [header('{"mark":{"id":"\\"tenure\\""}}')] })).to.equal(false);
    expect(opens({ ...bare, headers: [header('{"mark":{"id":"m"},"tenure":1}')] })).to.equal(false);
    expect(opens({ ...bare, headers: [['other', Buffer.from(opening)]] })).to.equal(false);
    expect(opens({ ...bare, key: undefined })).to.equal(false);
  });

  it('is none when it cannot be decoded', () => {
    const headers = [header(opening.replace('"holder":"h"', '"holder":1'))];
    expect(() => decode({ ...bare, headers })).to.throw(CodecError);
    expect(decodeOpeningMark(topic, partition, { ...record, ...bare, headers })).to.equal(
      undefined,
    );
  });
});
