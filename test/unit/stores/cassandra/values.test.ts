import { expect } from 'chai';
import { CodecError } from '../../../../src/model/errors.ts';
import type { ExpireAfter } from '../../../../src/model/expire-after.ts';
import { SeqNr } from '../../../../src/model/seq-nr.ts';
import {
  daysAndNanos,
  expireAfterOf,
  numberOf,
  seqNrOf,
  seqNrParam,
  uuidParam,
} from '../../../../src/stores/cassandra/values.ts';

/** A bigint cell as the driver gives it. */
function int64(value: bigint) {
  const low = Number(BigInt.asIntN(32, value));
  return { high: Number(BigInt.asIntN(32, value >> 32n)), low, toString: () => value.toString() };
}

describe('values of columns', () => {
  for (const value of [
    0n,
    1n,
    2n ** 31n - 1n,
    2n ** 31n,
    2n ** 32n - 1n,
    2n ** 32n,
    2n ** 53n - 1n,
  ]) {
    it(`reads bigint ${value} without loss`, () => {
      expect(BigInt(numberOf(int64(value), 'offset'))).to.equal(value);
    });
  }

  for (const value of [-1n, 2n ** 53n, 2n ** 63n - 1n, -(2n ** 63n)]) {
    it(`refuses bigint ${value}, naming column and value`, () => {
      expect(() => numberOf(int64(value), 'offset')).to.throw(
        CodecError,
        `column offset holds ${value}`,
      );
    });
  }

  it('reads a missing bigint as 0, as the JVM does', () => {
    expect(numberOf(null, 'offset')).to.equal(0);
  });

  it('takes 2^63-1 for "no upper bound" in both directions (ADR 3)', () => {
    expect(seqNrOf(int64(2n ** 63n - 1n), 'delete_to')).to.equal(SeqNr.max);
    expect(seqNrParam(SeqNr.max)).to.equal('9223372036854775807');
    expect(seqNrParam(SeqNr.of(7))).to.equal(7);
  });

  for (const value of [null, int64(0n), int64(2n ** 53n - 1n), int64(2n ** 63n - 2n)]) {
    it(`refuses ${value?.toString()} as a sequence number`, () => {
      expect(() => seqNrOf(value, 'seq_nr')).to.throw(CodecError);
    });
  }

  // docs/format.md#tables
  const durations: readonly (readonly [ExpireAfter, days: number, nanos: bigint])[] = [
    [{ length: 1n, unit: 'millisecond' }, 0, 1_000_000n],
    [{ length: 100n, unit: 'minute' }, 0, 6_000_000_000_000n],
    [{ length: 30n, unit: 'day' }, 30, 0n],
    [{ length: 36n, unit: 'hour' }, 1, 43_200_000_000_000n],
  ];
  for (const [after, days, nanos] of durations) {
    it(`keeps ${after.length} ${after.unit}s as ${days} days and ${nanos} ns`, () => {
      expect(daysAndNanos(after)).to.deep.equal({ days, nanos });
      expect(expireAfterOf({ days, nanoseconds: int64(nanos) })).to.deep.equal(after);
    });
  }

  it('binds a uuid as its 16 bytes', () => {
    const bytes = uuidParam('00112233-4455-6677-8899-aabbccddeeff');
    expect(bytes?.toString('hex')).to.equal('00112233445566778899aabbccddeeff');
    expect(uuidParam(undefined)).to.equal(undefined);
  });
});
