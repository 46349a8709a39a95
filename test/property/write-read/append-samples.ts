import fc from 'fast-check';
import {
  type AnySample,
  absent,
  columnTextSample,
  jsonSample,
  ofItems,
  ofMembers,
  oftenRight,
  refused,
  type Sample,
  same,
  textSample,
  wrong,
} from './samples.ts';

/**
 * One call of `append`, and what a reader must find: `refused`, or events, metadata and headers.
 */
export interface AppendSample {
  readonly id: Sample;
  readonly events: Sample;
  readonly options: Sample;
}

export const tags: AnySample = oftenRight(
  fc.array(columnTextSample, { maxLength: 6 }).map(ofItems),
  wrong(
    () => undefined,
    () => 'tag',
    () => new Set(['a']),
    () => ({ length: 1, 0: 'a' }),
  ),
  60,
);

const record = (members: Readonly<Record<string, AnySample>>): AnySample =>
  fc
    .tuple(...Object.values(members))
    .map((samples) =>
      ofMembers(Object.keys(members).map((member, index) => [member, samples[index] as Sample])),
    );

const bytes = fc.uint8Array({ maxLength: 20 });
const payload: AnySample = oftenRight(
  fc.oneof(
    { weight: 2, arbitrary: same(fc.constant(undefined)) },
    {
      weight: 6,
      arbitrary: record({ type: same(fc.constant('json')), value: jsonSample.map(notNull) }),
    },
    { weight: 2, arbitrary: record({ type: same(fc.constant('text')), value: textSample }) },
    {
      weight: 1,
      arbitrary: record({
        type: same(fc.constant('binary')),
        value: oftenRight(
          same(bytes),
          wrong(
            () => [1, 2, 300],
            () => new Uint16Array(2),
            () => new ArrayBuffer(2),
            () => 'ab',
            () => undefined,
          ),
          2,
        ),
      }),
    },
  ),
  wrong(
    () => null,
    () => 'x',
    () => ({ type: 'xml', value: 'x' }),
    () => ({ type: 'printed-json', text: '{' }),
    () => ({ value: 1 }),
    () => ({ type: 'text' }),
    () => ({ type: 'json' }),
  ),
  60,
);

function notNull(sample: Sample): Sample {
  return sample.plain === null ? { ...sample, plain: refused } : sample;
}

const badSeqNr = wrong(
  () => 0,
  () => -1,
  () => 1.5,
  () => Number.NaN,
  () => '1',
  () => null,
  () => undefined,
  () => 1n,
  () => Number.MAX_SAFE_INTEGER,
  () => 2 ** 60,
);

/** Events whose numbers follow each other, one of which may be wrong. */
const events: AnySample = oftenRight(
  fc
    .tuple(
      fc.integer({ min: 1, max: 50 }),
      fc.array(fc.tuple(tags, payload, oftenRight(same(fc.constant(0)), badSeqNr, 60)), {
        minLength: 1,
        maxLength: 3,
      }),
    )
    .map(([first, parts]) =>
      ofItems(
        parts.map(([tagList, content, odd], index) =>
          ofMembers([
            ['seqNr', odd.plain === refused ? odd : { given: first + index, plain: first + index }],
            ['tags', tagList],
            ['payload', content],
          ]),
        ),
      ),
    ),
  wrong(
    () => [],
    () => undefined,
    () => 'events',
    () => [null],
    () => Array(2),
    () => ({ 0: {}, length: 1 }),
  ),
  60,
);

const units = ['day', 'hour', 'minute', 'second', 'millisecond', 'microsecond', 'nanosecond'];
const expireAfter: AnySample = oftenRight(
  fc
    .tuple(fc.bigInt({ min: 0n, max: 106_751n }), fc.constantFrom(...units))
    .map(([length, unit]) => ({ given: { length, unit }, plain: { length, unit } })),
  wrong(
    () => ({ length: -1n, unit: 'day' }),
    () => ({ length: 106_752n, unit: 'day' }),
    () => ({ length: 1n << 63n, unit: 'nanosecond' }),
    () => ({ length: 1, unit: 'day' }),
    () => ({ length: Number.NaN, unit: 'day' }),
    () => ({ length: 1.5, unit: 'day' }),
    () => ({ length: 1n, unit: 'week' }),
    () => ({ length: 1n, unit: 'toString' }),
    () => ({ length: 1n }),
    () => null,
    () => '1 day',
    () => 1000,
  ),
  2,
);

const optional = (sample: AnySample): AnySample =>
  fc.oneof(
    { weight: 1, arbitrary: fc.constant({ given: undefined, plain: absent }) },
    { weight: 1, arbitrary: sample },
  );
const data: AnySample = optional(
  jsonSample.map((sample) => (sample.plain === null ? { ...sample, plain: absent } : sample)),
);
const notObject = wrong(
  () => 7,
  () => 'x',
  () => null,
);
const headerName = fc.oneof(
  { weight: 10, arbitrary: fc.string({ unit: 'grapheme', maxLength: 8 }) },
  { weight: 1, arbitrary: fc.constantFrom('__proto__', '', '10', 'journal.purge-only-at') },
);
const headers: AnySample = oftenRight(
  fc
    .array(
      fc.tuple(
        headerName,
        oftenRight(columnTextSample, fc.constant({ given: undefined, plain: absent })),
      ),
      {
        maxLength: 4,
      },
    )
    .map((members) =>
      ofMembers(members.map(([member, value]) => [member, undefinedLeftOut(value)])),
    ),
  fc.oneof(
    notObject,
    wrong(
      () => ['a'],
      () => ({ 'journal.action': 'x' }),
      () => ({ '\ud800': 'x' }),
      () => ({ ['x'.repeat(65_536)]: 'x' }),
    ),
  ),
  20,
);

function undefinedLeftOut(sample: Sample): Sample {
  return sample.given === undefined ? { given: undefined, plain: absent } : sample;
}

const options: AnySample = oftenRight(
  record({
    metadata: optional(
      oftenRight(
        record({
          header: optional(oftenRight(record({ data }), notObject, 60)),
          payload: optional(
            oftenRight(record({ data, expireAfter: optional(expireAfter) }), notObject, 60),
          ),
        }),
        notObject,
        60,
      ),
    ),
    headers: optional(headers),
  }),
  notObject,
  60,
);

const id: AnySample = oftenRight(
  fc.oneof(
    { weight: 20, arbitrary: same(fc.string({ unit: 'grapheme', maxLength: 12 })) },
    same(fc.constantFrom('\0', 'a\\0b', 'x'.repeat(1000), '\\'.repeat(900), '__proto__', ' ')),
  ),
  wrong(
    () => 'a\ud800',
    () => 7,
    () => null,
    () => undefined,
    () => 'x'.repeat(1_100),
    () => 'é'.repeat(600),
    () => ({}),
  ),
  12,
);

export const appendSample: fc.Arbitrary<AppendSample> = fc.record({ id, events, options });
