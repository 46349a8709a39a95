import { runInNewContext } from 'node:vm';
import { expect } from 'chai';
import { parseJson } from '../../../../src/codec/json/json.ts';
import { printString, printValue } from '../../../../src/codec/json/json-printer.ts';
import { InvalidInputError } from '../../../../src/model/errors.ts';
import { JsonNumber } from '../../../../src/model/payload.ts';

class Money {
  readonly cents = 1;
}
class List extends Array<number> {}

const print = (value: unknown): string => printValue(value, { name: 'event', exact: true });

function nested(levels: number): unknown {
  let value: unknown = 1;
  for (let level = 0; level < levels; level++) value = { a: value };
  return value;
}

/** A value whose members answer something else each time. */
function changing(): unknown {
  let reads = 0;
  return new Proxy({ a: 1 }, { get: () => (reads++ === 0 ? 1 : Number.NaN) });
}

describe('printValue (docs/format.md#written-values)', () => {
  it('prints what JSON holds, of this realm or another, with and without prototype', () => {
    const foreign: unknown = runInNewContext('({ a: [1, { b: null }] })');
    const bare = Object.assign(Object.create(null), { a: 1 });
    expect(print(foreign)).to.equal('{"a":[1,{"b":null}]}');
    expect(print(bare)).to.equal('{"a":1}');
    expect(print([{ __proto__: null, a: [true, 'x', -1.5] }, {}, []])).to.equal(
      '[{"a":[true,"x",-1.5]},{},[]]',
    );
    expect(print(JSON.parse('{"__proto__":{"a":1}}'))).to.equal('{"__proto__":{"a":1}}');
  });

  it('leaves out members that are undefined, and writes -0 as 0', () => {
    expect(print({ a: undefined, b: -0, c: undefined })).to.equal('{"b":0}');
  });

  it('takes one object at two places for two values', () => {
    const shared = { n: 1 };
    expect(print([shared, shared])).to.equal('[{"n":1},{"n":1}]');
  });

  it('reads each member once: what it looked at is what it prints', () => {
    expect(print(changing())).to.equal('{"a":1}');
  });

  it('keeps the digits of a JsonNumber, and refuses more than printing keeps', () => {
    expect(print({ big: new JsonNumber('9007199254740993') })).to.equal('{"big":9007199254740993}');
    const wide = { big: [new JsonNumber(`1.${'1'.repeat(34)}`)] };
    expect(() => print(wide))
      .to.throw(InvalidInputError, /34 digits/)
      .with.property('path', 'event.big[0]');
    expect(() => printValue([wide], { name: 'event', plainNumbers: true }))
      .to.throw(InvalidInputError, /come back as a number/)
      .with.property('path', 'event[0].big[0]');
    expect(printValue(wide, { name: 'stored' })).to.equal(`{"big":[1.${'1'.repeat(33)}]}`);
  });

  const circular: { items: unknown[] } = { items: [] };
  circular.items.push({ owner: circular });
  const sparse: unknown[] = [1];
  sparse.length = 2;
  const { proxy: revoked, revoke } = Proxy.revocable({}, {});
  revoke();
  const throwing = {
    get at(): never {
      throw new Error('no');
    },
  };
  const refused: readonly (readonly [string, unknown, string, RegExp])[] = [
    ['undefined', undefined, 'event', /undefined/],
    ['a function', { f: () => 1 }, 'event.f', /function/],
    ['a toJSON of its own', { toJSON: () => 1 }, 'event.toJSON', /function/],
    ['a symbol', [Symbol('s')], 'event[0]', /symbol/],
    ['a member named by a symbol', { a: { [Symbol('s')]: 1 } }, 'event.a', /symbol/],
    ['a bigint', { items: [0, 1, { price: 1n }] }, 'event.items[2].price', /bigint/],
    ['NaN', { a: { b: Number.NaN } }, 'event.a.b', /NaN/],
    ['Infinity', [-Infinity], 'event[0]', /-Infinity/],
    ['undefined in an array', [1, undefined], 'event[1]', /undefined/],
    ['a hole in an array', { s: sparse }, 'event.s[1]', /undefined/],
    ['an array with members', { m: 'ab'.match(/b/) }, 'event.m', /beside its items/],
    ['a list of a class', List.of(1), 'event', /List/],
    ['a map', { 'a b': new Map() }, 'event["a b"]', /Map/],
    ['a set', new Set(), 'event', /Set/],
    ['an error', { error: new Error('x') }, 'event.error', /Error/],
    ['an instance of a class', [new Money()], 'event[0]', /Money/],
    ['bytes inside', { raw: new Uint8Array(1) }, 'event.raw', /Uint8Array/],
    ['a boxed number', [Object(1)], 'event[0]', /Number/],
    ['an object with a prototype of its own', Object.create({ a: 1 }), 'event', /instance/],
    ['a date', { items: [1, { at: new Date(9) }] }, 'event.items[1].at', /Date/],
    ['a malformed JsonNumber', [new JsonNumber('1; 2')], 'event[0]', /JsonNumber/],
    ['a JsonNumber of no text', [new JsonNumber(5 as never)], 'event[0]', /JsonNumber/],
    ['a circular reference', circular, 'event.items[0].owner', /circular/],
    ['a getter that throws', { deep: { x: [1], throwing } }, 'event.deep.throwing.at', /read/],
    ['a proxy that is revoked', { a: [1], p: revoked }, 'event.p', /read/],
  ];
  for (const [name, value, path, message] of refused) {
    it(`refuses ${name} at ${path}`, () => {
      expect(() => print(value))
        .to.throw(InvalidInputError, message)
        .with.property('path', path);
    });
  }

  it('takes as many levels as it is told and refuses more', () => {
    const rules = { name: 'event', maxLevels: 1200 };
    expect(parseJson(printValue(nested(1200), rules))).to.deep.equal(nested(1200));
    expect(() => printValue(nested(1201), rules)).to.throw(InvalidInputError, /1200 levels/);
    expect(() => printValue(nested(50_000), rules)).to.throw(InvalidInputError, /1200 levels/);
  });

  it('ends at 64 MiB of what refers to itself often', () => {
    let value: unknown = 'x'.repeat(1 << 20);
    for (let level = 0; level < 30; level++) value = [value, value];
    expect(() => print(value)).to.throw(InvalidInputError, /too large/);
  });

  it('counts members without texts, too', () => {
    let value: unknown = [];
    for (let level = 0; level < 40; level++) value = [value, value];
    expect(() => print(value)).to.throw(InvalidInputError, /too large/);
  }).timeout(60_000);

  it('prints a short text and a long one as JSON.stringify does, but for DEL', () => {
    for (const text of ['a', '"', '\\', '\n', '\u001f', 'é', '\u2028', '😀', 'x'.repeat(100)]) {
      for (const padded of [text, text.padEnd(60, text)]) {
        expect(printString(padded)).to.equal(JSON.stringify(padded));
      }
    }
    expect(printString('\x7f')).to.equal('"\\u007f"');
  });
});
