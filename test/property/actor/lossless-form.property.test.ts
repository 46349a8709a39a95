import { expect } from 'chai';
import fc from 'fast-check';
import { fromLossless, toLossless } from '../../../src/actor/entity/lossless-form.ts';
import { RemoteError } from '../../../src/actor/entity/stored-event.ts';
import { seed } from '../codec/seed.ts';

/** What a context may hold, the names that stand for something else among it. */
const { value } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom<unknown>(
      undefined,
      null,
      -0,
      Number.NaN,
      -Infinity,
      '',
      '$',
      new Date(Number.NaN),
    ),
    fc.string({ unit: 'binary' }),
    fc.double(),
    fc.bigInt(),
    fc.date({ noInvalidDate: true }),
    fc.array(tie('value')),
    fc.dictionary(fc.constantFrom('a', '$', '__proto__', 'constructor'), tie('value'), {
      noNullPrototype: true,
    }),
    fc.array(fc.tuple(tie('value'), tie('value'))).map((pairs) => new Map(pairs)),
    fc.array(tie('value')).map((items) => new Set(items)),
  ),
}));

describe(`property: the lossless form of a state (seed ${seed})`, () => {
  it('gives every value back equal, through JSON', () => {
    const property = fc.property(value, (given) => {
      const text = JSON.stringify(toLossless(given, 'context'));
      expect(fromLossless(JSON.parse(text))).to.deep.equal(given);
    });
    fc.assert(property, { seed, numRuns: 2_000 });
  });

  it('gives the errors of children back with their fields and causes', () => {
    const cause = { name: 'RangeError', message: 'far', status: 7 };
    const error = new RemoteError({ name: 'E', message: 'm', code: 'X', cause });
    const text = JSON.stringify(toLossless({ error }, 'context'));
    const { error: again } = fromLossless(JSON.parse(text)) as { error: Error };
    expect(again).to.be.instanceOf(RemoteError).and.include({ name: 'E', message: 'm', code: 'X' });
    expect(again.cause).to.be.instanceOf(RemoteError).and.include(cause);
  });

  it('refuses what it could not give back, and names the place', () => {
    class Money {}
    const loop: Record<string, unknown> = {};
    loop.again = loop;
    const cases: readonly [unknown, string][] = [
      [{ a: [{ b: new Money() }] }, 'context.a[0].b'],
      [{ f: () => {} }, 'context.f'],
      [new Map([['k', Symbol('s')]]), 'context[0][1]'],
      [{ e: new RangeError('own') }, 'context.e'],
      [{ [Symbol('s')]: 1 }, 'context'],
      [{ found: /b/.exec('abc') }, 'context.found'],
      [{ rates: new (class Rates extends Map {})() }, 'context.rates'],
    ];
    for (const [given, path] of cases) {
      expect(() => toLossless(given, 'context'))
        .to.throw('a snapshot cannot hold')
        .with.property('path', path);
    }
    expect(() => toLossless(loop, 'context')).to.throw('1000 levels');
  });
});
