import { expect } from 'chai';
import {
  decodeActionHeader,
  encodeActionHeader,
} from '../../../../src/codec/record/action-header-codec.ts';
import type { ActionHeader, AppendHeader } from '../../../../src/model/action.ts';
import { CodecError, InvalidInputError } from '../../../../src/model/errors.ts';
import { JsonNumber } from '../../../../src/model/payload.ts';
import { Offset } from '../../../../src/model/position.ts';
import { SeqNr } from '../../../../src/model/seq-nr.ts';

const append: AppendHeader = {
  type: 'append',
  range: { from: SeqNr.of(1), to: SeqNr.of(2) },
  origin: 'node-1',
  version: '1.0.0',
  payloadType: 'json',
  metadata: {},
};
const decodeObject = (json: unknown): ActionHeader | undefined =>
  decodeActionHeader(JSON.stringify(json));

describe('encodeActionHeader (docs/format.md#header)', () => {
  it('omits origin and version that are absent, for every action', () => {
    const absent = { origin: undefined, version: undefined };
    expect(encodeActionHeader({ ...append, ...absent })).to.equal(
      '{"append":{"range":{"from":1,"to":2},"payloadType":"json","metadata":{}}}',
    );
    expect(encodeActionHeader({ type: 'mark', id: 'm', ...absent })).to.equal(
      '{"mark":{"id":"m"}}',
    );
    const to = SeqNr.of(3);
    expect(encodeActionHeader({ type: 'delete', to, ...absent })).to.equal('{"delete":{"to":3}}');
    expect(encodeActionHeader({ type: 'purge', ...absent })).to.equal('{"purge":{}}');
  });

  it('writes origin before version, either alone, and forgets neither between calls', () => {
    const purge = (origin?: string, version?: string): string =>
      encodeActionHeader({ type: 'purge', origin, version });
    expect(purge('o', 'v')).to.equal('{"purge":{"origin":"o","version":"v"}}');
    expect(purge('o')).to.equal('{"purge":{"origin":"o"}}');
    expect(purge(undefined, 'v')).to.equal('{"purge":{"version":"v"}}');
    expect(purge()).to.equal('{"purge":{}}');
  });

  it('writes "no upper bound" as 2^63-1', () => {
    const header = {
      type: 'delete',
      to: SeqNr.max,
      origin: undefined,
      version: undefined,
    } as const;
    const text = '{"delete":{"to":9223372036854775807}}';
    expect(encodeActionHeader(header)).to.equal(text);
    expect(decodeActionHeader(text)).to.deep.equal(header);
  });

  it('refuses an append up to 2^63-1, which is the number of no event', () => {
    const range = { from: SeqNr.min, to: SeqNr.max };
    expect(() => encodeActionHeader({ ...append, range })).to.throw(InvalidInputError, '2^63-1');
    const text = (to: string): string =>
      `{"append":{"range":{"from":1,"to":${to}},"payloadType":"json","metadata":{}}}`;
    expect(() => decodeActionHeader(text('9223372036854775807'))).to.throw(CodecError, '2^63-1');
    expect(decodeActionHeader(text('9007199254740990'))).to.deep.include({
      range: { from: 1, to: 2 ** 53 - 2 },
    });
  });

  it('writes metadata as the JVM does', () => {
    const metadata = {
      data: { big: new JsonNumber('9007199254740993'), lone: '\ud83d', pair: '😀' },
    };
    const text = encodeActionHeader({ ...append, metadata });
    expect(text).to.include(
      '"metadata":{"data":{"big":9007199254740993,"lone":"\\uD83D","pair":"\\uD83D\\uDE00"}}',
    );
    expect(decodeActionHeader(text)).to.deep.equal({ ...append, metadata });
  });
});

describe('tenures in a header (docs/format.md#tenures)', () => {
  it('takes null for absent, and ignores members that it does not know', () => {
    for (const type of ['mark', 'delete', 'purge'] as const) {
      const plain = { id: 'm', to: 1 };
      const without = decodeObject({ [type]: plain });
      expect(decodeObject({ [type]: { ...plain, tenure: null } })).to.deep.equal(without);
    }
    const tenure = { scope: '', of: 3, holder: 'h', more: 1 };
    expect(decodeObject({ purge: { tenure } })).to.deep.include({ tenure: { scope: '', of: 3 } });
    const opening = { scope: '', holder: 'h', address: null, of: 3 };
    const opens = { scope: '', holder: 'h', address: undefined };
    expect(decodeObject({ mark: { id: 'm', tenure: opening } })).to.deep.include({ opens });
  });

  it('gives each append of one writer its own tenure, however often the writer was read before', () => {
    for (const mark of [0, 7, 7, 2 ** 53 - 1]) {
      const header = { ...append, tenure: { scope: 's', of: Offset.of(mark) } };
      expect(decodeActionHeader(encodeActionHeader(header))).to.deep.equal(header);
      expect(decodeActionHeader(encodeActionHeader(append))).to.deep.equal(append);
    }
  });

  const wrong: readonly (readonly [unknown, RegExp])[] = [
    [1, /tenure must be an object/],
    [[], /tenure must be an object/],
    ['s', /tenure must be an object/],
    [{ of: 1 }, /tenure\.scope must be a string/],
    [{ scope: 1, of: 1 }, /tenure\.scope must be a string/],
    [{ scope: null, of: 1 }, /tenure\.scope must be a string/],
    [{ scope: 's'.repeat(256), of: 1 }, /tenure\.scope must have at most 255 characters/],
    [{ scope: '\ud800', of: 1 }, /tenure\.scope must have .*no unpaired surrogate/],
  ];
  const wrongOf = [undefined, null, '1', -1, 1.5, 2 ** 53, {}].map(
    (of) => [{ scope: '', of }, /tenure\.of must be an offset/] as const,
  );
  const wrongOpening: readonly (readonly [unknown, RegExp])[] = [
    [{ scope: '' }, /tenure\.holder must be a string/],
    [{ scope: '', holder: 1 }, /tenure\.holder must be a string/],
    [{ scope: '', holder: 'h', address: 1 }, /tenure\.address must be a string/],
  ];

  it('refuses the wrong shape by name, in all four actions', () => {
    const range = { from: 1, to: 2 };
    const bodies = { append: { range, payloadType: 'json' }, delete: { to: 1 }, purge: {} };
    for (const [type, body] of Object.entries({ ...bodies, mark: { id: 'm' } })) {
      for (const [tenure, message] of [...wrong, ...(type === 'mark' ? wrongOpening : wrongOf)]) {
        const json = { [type]: { ...body, tenure } };
        const named = new RegExp(`${type}\\.${message.source}`);
        expect(() => decodeObject(json), JSON.stringify(json)).to.throw(CodecError, named);
      }
    }
  });
});

describe('decodeActionHeader (docs/format.md#header)', () => {
  it('gives each append of one writer its own range', () => {
    for (const [from, to] of [
      [1, 2],
      [3, 3],
      [999_999_999_999_999, 999_999_999_999_999],
    ] as const) {
      const header = { ...append, range: { from: SeqNr.of(from), to: SeqNr.of(to) } };
      expect(decodeActionHeader(encodeActionHeader(header))).to.deep.equal(header);
    }
  });

  it('refuses a wrong range however often its writer was read before', () => {
    const text = encodeActionHeader(append);
    expect(decodeActionHeader(text)).to.deep.equal(append);
    for (const range of [
      '"from":2,"to":1',
      '"from":0,"to":1',
      '"from":1,"to":01',
      '"from":1.5,"to":2',
    ]) {
      const broken = text.replace('"from":1,"to":2', range);
      expect(() => decodeActionHeader(broken), range).to.throw(CodecError);
    }
    for (const range of [
      '"from":1,"to":',
      '"from":,"to":1',
      '"from":-1,"to":2',
      '"from":1,"to":2x',
    ]) {
      const broken = text.replace('"from":1,"to":2', range);
      expect(() => decodeActionHeader(broken), range).to.throw(CodecError);
    }
  });

  it('lets a second range count, as the last of equal names does', () => {
    const twice = (from: number): string =>
      `{"append":{"range":{"from":${from},"to":9},"range":{"from":1,"to":2},"payloadType":"json","metadata":{}}}`;
    for (const from of [1, 1, 5, 5]) {
      expect(decodeActionHeader(twice(from))).to.deep.include({ range: append.range });
    }
  });

  it('takes 2^63-1 in any spelling, and refuses 2^53-1 and other unsafe integers by name', () => {
    const read = (to: string): ActionHeader | undefined =>
      decodeActionHeader(`{"delete":{"to":${to}}}`);
    for (const to of ['9223372036854775807', '9223372036854775807.0', '922337203685477580.7e1']) {
      expect(read(to)).to.deep.include({ to: SeqNr.max });
    }
    expect(read('9007199254740990')).to.deep.include({ to: 2 ** 53 - 2 });
    for (const to of ['1.0', '1e0', '10e-1']) expect(read(to)).to.deep.include({ to: 1 });
    const refused = [
      '9007199254740991',
      '9007199254740992',
      '9223372036854775806',
      '0',
      '-1',
      '1.5',
    ];
    for (const to of [...refused, '"1"', 'null', '1e300', '9223372036854775808']) {
      expect(() => read(to), to).to.throw(CodecError, /delete\.to/);
    }
  });

  it('is no journal action without an object among the candidates', () => {
    for (const json of [{ new: {} }, {}, [], 'append', 1, null, { append: 1, purge: null }]) {
      expect(decodeObject(json), JSON.stringify(json)).to.equal(undefined);
    }
  });

  it('lets the first candidate that is an object decide, right or wrong', () => {
    expect(decodeObject({ purge: {}, mark: { id: 'm' } })).to.deep.include({ type: 'mark' });
    expect(decodeObject({ append: 1, purge: {} })).to.deep.include({ type: 'purge' });
    expect(() => decodeObject({ append: {}, purge: {} })).to.throw(CodecError, /append\.range/);
  });

  it('reads any spelling of the JSON: space, order, escapes, a byte-order mark, a second value', () => {
    const range = '"range":{"to":2,"from":1}';
    const text = `{ "append" : {"metadata":{},"version":"1\\u002e0.0",${range},
      "payloadType":"json","origin":"node-1"}}`;
    for (const spelling of [text, `\ufeff${text}`, `${text}{}`, ` ${text} `]) {
      expect(decodeActionHeader(spelling), spelling).to.deep.equal(append);
    }
  });

  it('reads the first writers: no metadata, or expireAfter beside it', () => {
    const first = { range: { from: 1, to: 2 }, payloadType: 'json', expireAfter: '1 day' };
    const { origin, version } = { origin: 'node-1', version: '1.0.0' };
    expect(decodeObject({ append: { ...first, origin, version } })).to.deep.equal(append);
    const metadata = { data: { k: 1 }, expireAfter: '1 day' };
    expect(decodeObject({ append: { ...first, metadata } })).to.deep.include({
      metadata: { data: { k: 1 } },
    });
  });

  it('takes null for absent and ignores what it does not know', () => {
    const header = decodeObject({ purge: { origin: null, version: null, more: [1] }, more: 1 });
    expect(header).to.deep.equal({ type: 'purge', origin: undefined, version: undefined });
  });

  it('takes metadata that is no object for empty', () => {
    for (const metadata of [null, 1, 'x', [1], { data: null }, {}]) {
      const json = { append: { range: append.range, payloadType: 'binary', metadata } };
      expect(decodeObject(json)).to.deep.include({ payloadType: 'binary', metadata: {} });
    }
  });

  it('refuses members of the wrong type by name', () => {
    const range = { from: 1, to: 2 };
    const cases: readonly (readonly [unknown, RegExp])[] = [
      [{ append: { range: [1, 2], payloadType: 'json' } }, /append\.range must/],
      [{ append: { range: { from: 1 }, payloadType: 'json' } }, /append\.range\.to/],
      [{ append: { range, payloadType: 'text' } }, /append\.payloadType.*"text"/],
      [{ append: { range } }, /append\.payloadType/],
      [{ append: { range, payloadType: 'json', origin: 1 } }, /append\.origin/],
      [{ mark: {} }, /mark\.id/],
      [{ mark: { id: 'm', version: {} } }, /mark\.version/],
      [{ purge: { origin: [] } }, /purge\.origin/],
    ];
    for (const [json, message] of cases) {
      expect(() => decodeObject(json), JSON.stringify(json)).to.throw(CodecError, message);
    }
  });

  it('refuses a header that is no JSON', () => {
    for (const text of ['', '{"append"', 'append', '{"append":{"range":{"from":1']) {
      expect(() => decodeActionHeader(text), text).to.throw(CodecError);
    }
  });
});
