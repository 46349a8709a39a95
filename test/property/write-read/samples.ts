import fc from 'fast-check';
import { JsonNumber } from '../../../src/model/payload.ts';

/** Stands for "must be refused", and for "is left out". */
export const refused = Symbol('refused');
export const absent = Symbol('absent');

/**
 * What a caller hands over, and what must come back: `plain` in JSON's terms, or one of the two
 * above.
 */
export interface Sample<P = unknown> {
  readonly given: unknown;
  readonly plain: P | typeof refused | typeof absent;
}

export type AnySample = fc.Arbitrary<Sample>;

const same = (arbitrary: fc.Arbitrary<unknown>): AnySample =>
  arbitrary.map((value) => ({ given: value, plain: value }));
const wrong = (...values: readonly (() => unknown)[]): AnySample =>
  fc.constantFrom(...values).map((make) => ({ given: make(), plain: refused }));

/** Mostly right: one wrong thing spoils a whole append. */
export const oftenRight = (right: AnySample, bad: AnySample, weight = 30): AnySample =>
  fc.oneof({ weight, arbitrary: right }, { weight: 1, arbitrary: bad });

class Money {
  readonly cents = 1;
}
class List extends Array<number> {}

function circle(): unknown {
  const one: Record<string, unknown> = {};
  one['self'] = [one];
  return one;
}

function nested(levels: number): unknown {
  let value: unknown = 1;
  for (let level = 0; level < levels; level++) value = [value];
  return value;
}

let run = 0;
/** A sample is about to be written, perhaps again while a counterexample shrinks. */
export function beginRun(): void {
  run++;
}

/** Answers something else each time it is read. */
const changing = (): Sample => {
  let readIn = -1;
  const get = (): unknown => {
    const isFirst = readIn !== run;
    readIn = run;
    return isFirst ? 'once' : new Date(0);
  };
  const handler = { get };
  return { given: new Proxy({ a: 0 }, handler), plain: { a: 'once' } };
};

const anyText = fc.string({ unit: 'binary', maxLength: 12 });
const oddText = fc.constantFrom(
  '\ud83d',
  'a\udc00b',
  '\x7f',
  '\0',
  '\\ud83d',
  '\ufeffbom',
  'x'.repeat(70),
  `${'é'.repeat(40)}"`,
);
export const jsonText = fc.oneof(
  { weight: 4, arbitrary: anyText },
  { weight: 1, arbitrary: oddText },
);
const number = fc
  .oneof(fc.integer(), fc.double({ noNaN: true, noDefaultInfinity: true }), fc.constant(-0))
  .map((value) => ({ given: value, plain: value === 0 ? 0 : value }));
const wideNumber = fc
  .tuple(fc.bigInt({ min: 10n ** 17n, max: 10n ** 34n - 1n }), fc.integer({ min: -300, max: 300 }))
  .map(([digits, exponent]) => new JsonNumber(`${digits}e${exponent}`));

const plainLeaf: AnySample = fc.oneof(
  same(fc.constant(null)),
  same(fc.boolean()),
  same(jsonText),
  number,
  fc.constant(undefined).map(changing),
);
const rightLeaf = fc.oneof({ weight: 5, arbitrary: plainLeaf }, same(wideNumber));
const wideLeaf: AnySample = wideNumber.map((given) => ({ given, plain: refused }));
const wrongLeaf = wrong(
  () => Number.NaN,
  () => Number.POSITIVE_INFINITY,
  () => 1n,
  () => Symbol('s'),
  () => () => 1,
  () => ({ toJSON: () => 1 }),
  () => ({ [Symbol('s')]: 1 }),
  () => new Date(9),
  () => new Date(Number.NaN),
  () => new Map([[1, 2]]),
  () => new Set([1]),
  () => /x/,
  () => new Error('x'),
  () => new Money(),
  () => List.of(1),
  () => Object(1),
  () => new Uint8Array(2),
  () => Array(3),
  () => Object.assign(Array(2), { 1: 2 }),
  () => [undefined],
  () => Object.assign([1], { more: 1 }),
  () => 'ab'.match(/b/),
  () => new JsonNumber('1;2'),
  () => new JsonNumber(5 as never),
  () => new JsonNumber('1'.repeat(40)),
  () => new JsonNumber('1e9999'),
  () => Promise.resolve(1),
  () => new WeakMap(),
  circle,
  () => nested(1400),
  () => ({
    get at(): never {
      throw new Error('no');
    },
  }),
  () =>
    new Proxy(
      {},
      {
        ownKeys: () => {
          throw new Error('no');
        },
      },
    ),
);

/** Printing them would round them, or no reader takes them. */
const wrongNumber = wrong(
  () => new JsonNumber('1'.repeat(35)),
  () => new JsonNumber(`0.${'9'.repeat(40)}`),
  () => new JsonNumber('1e6200'),
);

const name = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom('type', 'a', 'b', 'toJSON', 'constructor') },
  { weight: 2, arbitrary: jsonText },
  { weight: 1, arbitrary: fc.constantFrom('__proto__', '', '10', '2', 'hasOwnProperty') },
);
const leftOut: AnySample = fc.constant({ given: undefined, plain: absent });

export function ofItems(items: readonly Sample[]): Sample {
  const plain = items.map((item) => item.plain);
  return {
    given: items.map((item) => item.given),
    plain: plain.includes(refused) ? refused : plain,
  };
}

export function ofMembers(members: readonly (readonly [string, Sample])[], bare = false): Sample {
  const given: object = bare ? Object.create(null) : {};
  const plain = {};
  let isRefused = false;
  for (const [member, sample] of new Map(members)) {
    define(given, member, sample.given);
    if (sample.plain === refused) isRefused = true;
    else if (sample.plain !== absent) define(plain, member, sample.plain);
  }
  return { given, plain: isRefused ? refused : plain };
}

function define(target: object, member: string, value: unknown): void {
  const attributes = { value, writable: true, enumerable: true, configurable: true };
  Object.defineProperty(target, member, attributes);
}

/** A value for JSON, of a right or a wrong kind, at any depth. */
export const jsonSample: AnySample = jsonOf(rightLeaf, wrongLeaf);
/** The same for an actor's event, which holds no `JsonNumber`. */
export const eventSample: AnySample = jsonOf(plainLeaf, fc.oneof(wrongLeaf, wideLeaf));

function jsonOf(right: AnySample, bad: AnySample): AnySample {
  return fc.letrec<{ value: Sample; leaf: Sample }>((tie) => ({
    leaf: oftenRight(right, fc.oneof({ weight: 6, arbitrary: bad }, wrongNumber), 20),
    value: fc.oneof(
      { maxDepth: 3 },
      tie('leaf'),
      fc.array(tie('value'), { maxLength: 3 }).map(ofItems),
      fc
        .tuple(
          fc.array(
            fc.tuple(
              name,
              fc.oneof({ weight: 8, arbitrary: tie('value') }, { weight: 1, arbitrary: leftOut }),
            ),
            {
              maxLength: 4,
            },
          ),
          fc.boolean(),
        )
        .map(([members, bare]) => ofMembers(members, bare)),
    ),
  })).value;
}

/** A text that a column can hold. */
const strictText = fc.string({ unit: 'grapheme', maxLength: 10 });
const longText = fc.constantFrom('x'.repeat(65_535), 'é'.repeat(32_767));
export const textSample: AnySample = oftenRight(
  fc.oneof(
    { weight: 12, arbitrary: same(strictText) },
    same(fc.constantFrom('', 'a,b', '\0', '\ufeff')),
  ),
  wrong(
    () => '\ud83d',
    () => 'a\udc00',
    () => 7,
    () => null,
    () => undefined,
    () => ['a'],
    () => Object('a'),
    () => Symbol('t'),
    () => ({ toString: () => 'a' }),
  ),
);
export const columnTextSample: AnySample = oftenRight(
  fc.oneof({ weight: 60, arbitrary: textSample }, same(longText)),
  wrong(
    () => 'x'.repeat(65_536),
    () => 'é'.repeat(32_768),
  ),
);
export { same, wrong };
