import { expect } from 'chai';
import { printDuration, readDuration } from '../../../src/codec/duration-codec.ts';
import { CodecError } from '../../../src/model/errors.ts';
import type { DurationUnit } from '../../../src/model/expire-after.ts';
import type { JsonValue } from '../../../src/model/payload.ts';
import { JsonNumber } from '../../../src/model/payload.ts';

const duration = (length: bigint | number, unit: DurationUnit) => ({
  length: BigInt(length),
  unit,
});

describe('printDuration (docs/format.md#duration)', () => {
  it('keeps length and unit, and names one thing in the singular', () => {
    expect(printDuration(duration(1, 'day'))).to.equal('1 day');
    expect(printDuration(duration(30, 'day'))).to.equal('30 days');
    expect(printDuration(duration(24, 'hour'))).to.equal('24 hours');
    expect(printDuration(duration(100, 'minute'))).to.equal('100 minutes');
    expect(printDuration(duration(1, 'millisecond'))).to.equal('1 millisecond');
    expect(printDuration(duration(0, 'day'))).to.equal('0 days');
    expect(printDuration(duration(-1, 'second'))).to.equal('-1 seconds');
  });
});

describe('readDuration (docs/format.md#duration)', () => {
  const spellings: Record<DurationUnit, string> = {
    day: 'd day days',
    hour: 'h hr hrs hour hours',
    minute: 'm min mins minute minutes',
    second: 's sec secs second seconds',
    millisecond: 'ms milli millis millisecond milliseconds',
    microsecond: 'µs micro micros microsecond microseconds',
    nanosecond: 'ns nano nanos nanosecond nanoseconds',
  };
  for (const [unit, words] of Object.entries(spellings)) {
    it(`knows ${unit} as ${words}`, () => {
      for (const word of words.split(' ')) {
        expect(readDuration(`30 ${word}`)).to.deep.equal(duration(30, unit as DurationUnit));
      }
    });
  }

  const readable: readonly (readonly [JsonValue, ReturnType<typeof duration>])[] = [
    ['1 2 days', duration(12, 'day')],
    ['\t1\u2003day\u001f', duration(1, 'day')],
    ['24 hours', duration(24, 'hour')],
    ['+5s', duration(5, 'second')],
    ['-5 s', duration(-5, 'second')],
    ['٣ days', duration(3, 'day')],
    ['1.5 h', duration(90, 'minute')],
    ['.5 m', duration(30, 'second')],
    ['5. m', duration(5, 'minute')],
    ['\u0000-8.5 h', duration(-510, 'minute')],
    ['\uff11\uff12 ms', duration(12, 'millisecond')],
    ['9223372036854775808 ns', duration(2n ** 63n - 1n, 'nanosecond')],
    ['1\u2028day', duration(1, 'day')],
    ['007 days', duration(7, 'day')],
    ['1e3 ms', duration(1, 'second')],
    ['0.1 ns', duration(0, 'day')],
    ['36.0 h', duration(36, 'hour')],
    ['9223372036854775807 ns', duration(2n ** 63n - 1n, 'nanosecond')],
    ['9223372036854775808 ns', duration(2n ** 63n - 1n, 'nanosecond')],
    [2, duration(2, 'millisecond')],
    [0, duration(0, 'millisecond')],
    [9223372036854, duration(9223372036854, 'millisecond')],
  ];
  for (const [json, expected] of readable) {
    it(`reads ${JSON.stringify(json)}`, () => {
      expect(readDuration(json)).to.deep.equal(expected);
    });
  }

  const refused: readonly JsonValue[] = [
    '',
    'days',
    '1',
    '1 fortnight',
    '1 Day',
    '1\u00a0day',
    '1\ufeffday',
    '1 \u03bcs',
    'Inf',
    'NaN s',
    '1..5 s',
    '1.5.5 s',
    '0x10 s',
    // The JVM reads 8 hours, and nobody writes it.
    '0x1p3 h',
    '\u{1d7d7} days',
    '1\u2007day',
    '1\u202fday',
    '٣.5 s',
    'PlusInf',
    'Duration.Undefined',
    '200000 days',
    '-9223372036854775808 ns',
    '9223372036854777857 ns',
    '1e300 days',
    `${'1'.repeat(1000)} days`,
    9223372036855,
    1.5,
    new JsonNumber('9223372036854775807'),
    true,
    null,
    [],
    {},
  ];
  for (const json of refused) {
    it(`refuses ${JSON.stringify(json)?.slice(0, 40)}`, () => {
      expect(() => readDuration(json)).to.throw(CodecError);
    });
  }
});
