import { runInNewContext } from 'node:vm';
import { expect } from 'chai';
import { printJson } from '../../../src/codec/json.ts';
import { toJsonValue } from '../../../src/codec/json-of-value.ts';
import { WriteRejectedError } from '../../../src/model/errors.ts';
import { JsonNumber } from '../../../src/model/payload.ts';

class Money {
  readonly cents = 1;
}

function nested(levels: number): unknown {
  let value: unknown = 1;
  for (let level = 0; level < levels; level++) value = { a: value };
  return value;
}

describe('toJsonValue (docs/format.md#persistent-json)', () => {
  it('gives the same object when JSON holds it', () => {
    const foreign: unknown = runInNewContext('({ a: [1, { b: null }] })');
    const bare = Object.assign(Object.create(null), { a: 1 });
    const values = [{ a: [1, 'x', true, null, { b: {} }] }, [], foreign, bare, { a: undefined }];
    for (const value of values) expect(toJsonValue(value)).to.equal(value);
    for (const value of [null, true, '', 0, -1.5]) expect(toJsonValue(value)).to.equal(value);
  });

  it('leaves out members without value, in the copy and in print', () => {
    const at = new Date(0);
    expect(printJson(toJsonValue({ a: undefined, b: 1 }))).to.equal('{"b":1}');
    expect(toJsonValue({ a: undefined, at })).to.deep.equal({ at: '1970-01-01T00:00:00.000Z' });
  });

  it('writes dates as ISO texts, at any place, and leaves the original alone', () => {
    const at = new Date('2026-01-02T03:04:05.678Z');
    const value = { list: [{ at }], kept: { n: 1 } };
    expect(toJsonValue(value)).to.deep.equal({
      list: [{ at: '2026-01-02T03:04:05.678Z' }],
      kept: { n: 1 },
    });
    expect(value.list[0]?.at).to.equal(at);
    expect(toJsonValue(at)).to.equal('2026-01-02T03:04:05.678Z');
  });

  it('keeps a JsonNumber', () => {
    const value = { big: new JsonNumber('9007199254740993') };
    expect(toJsonValue(value)).to.deep.equal(value);
  });

  const circular: { items: unknown[] } = { items: [] };
  circular.items.push({ owner: circular });
  const sparse: unknown[] = [1];
  sparse.length = 2;
  const refused: readonly (readonly [string, unknown, string, RegExp])[] = [
    ['undefined', undefined, '$', /undefined/],
    ['a function', { f: () => 1 }, '$.f', /function/],
    ['a symbol', [Symbol('s')], '$[0]', /symbol/],
    ['a bigint', { items: [0, 1, { price: 1n }] }, '$.items[2].price', /bigint/],
    ['NaN', { a: { b: Number.NaN } }, '$.a.b', /NaN/],
    ['Infinity', [-Infinity], '$[0]', /-Infinity/],
    ['undefined in an array', [1, undefined], '$[1]', /undefined/],
    ['a hole in an array', { s: sparse }, '$.s[1]', /undefined/],
    ['a map', { 'a b': new Map() }, '$["a b"]', /Map/],
    ['a set', new Set(), '$', /Set/],
    ['an error', { error: new Error('x') }, '$.error', /Error/],
    ['an instance of a class', [new Money()], '$[0]', /Money/],
    ['bytes inside', { raw: new Uint8Array(1) }, '$.raw', /Uint8Array/],
    ['a boxed number', [Object(1)], '$[0]', /Number/],
    ['an object with a prototype of its own', Object.create({ a: 1 }), '$', /instance/],
    ['an invalid date', { at: new Date(Number.NaN) }, '$.at', /date/],
    ['a malformed JsonNumber', [new JsonNumber('1; 2')], '$[0]', /JsonNumber/],
    ['a circular reference', circular, '$.items[0].owner', /circular/],
  ];
  for (const [name, value, path, message] of refused) {
    it(`refuses ${name} at ${path}`, () => {
      expect(() => toJsonValue(value))
        .to.throw(WriteRejectedError, message)
        .with.property('path', path);
    });
  }

  it('takes one object at two places for two values', () => {
    const shared = { n: 1 };
    expect(toJsonValue([shared, shared])).to.deep.equal([{ n: 1 }, { n: 1 }]);
  });

  it('takes 1,200 levels and refuses more', () => {
    expect(() => printJson(toJsonValue(nested(1200)))).not.to.throw();
    expect(() => toJsonValue(nested(1201))).to.throw(WriteRejectedError, /1200 levels/);
    expect(() => toJsonValue(nested(50_000))).to.throw(WriteRejectedError, /1200 levels/);
  });
});
