import { InvalidInputError } from './errors.ts';
import { shown } from './shown.ts';

/**
 * How long after its last append a journal lives.
 *
 * `length` and `unit` are kept as written (24 hours stays `24 hours` on the wire); two values are
 * equal when their nanoseconds are (docs/format.md#duration).
 */
export interface ExpireAfter {
  readonly length: bigint;
  readonly unit: DurationUnit;
}

/** Units of Scala's durations, which are those of the wire. */
export type DurationUnit =
  | 'day'
  | 'hour'
  | 'minute'
  | 'second'
  | 'millisecond'
  | 'microsecond'
  | 'nanosecond';

const nanosOf: Readonly<Record<DurationUnit, bigint>> = {
  day: 86_400_000_000_000n,
  hour: 3_600_000_000_000n,
  minute: 60_000_000_000n,
  second: 1_000_000_000n,
  millisecond: 1_000_000n,
  microsecond: 1_000n,
  nanosecond: 1n,
};

/** 2^63-1 ns, some 292 years: the longest duration of the JVM. */
const maxNanos = 0x7fffffffffffffffn;

/** Makes durations, and their nanoseconds. */
export const ExpireAfter = {
  /**
   * The duration, if it can be written: a negative one would purge the journal at once.
   *
   * @throws {InvalidInputError} when the length is no `bigint` of 0 to 2^63-1 nanoseconds, or the
   * unit none
   */
  of({ length, unit }: ExpireAfter): ExpireAfter {
    if (typeof length !== 'bigint') {
      throw new InvalidInputError(`expireAfter.length must be a bigint, not ${shown(length)}`);
    }
    if (!Object.hasOwn(nanosOf, unit)) {
      const known = Object.keys(nanosOf).join(', ');
      throw new InvalidInputError(`expireAfter.unit must be one of ${known}, not ${shown(unit)}`);
    }
    if (length < 0n || length * nanosOf[unit] > maxNanos) {
      throw new InvalidInputError(`expireAfter must be of 0 to 2^63-1 ns, not ${length} ${unit}s`);
    }
    return { length, unit };
  },

  toNanos(value: ExpireAfter): bigint {
    return value.length * nanosOf[value.unit];
  },

  /** The same duration in the coarsest unit that divides it; 0 is `0 days`. */
  ofNanos(nanos: bigint): ExpireAfter {
    for (const unit of Object.keys(nanosOf) as DurationUnit[]) {
      if (nanos % nanosOf[unit] === 0n) return { length: nanos / nanosOf[unit], unit };
    }
    return { length: nanos, unit: 'nanosecond' };
  },

  equals(a: ExpireAfter | undefined, b: ExpireAfter | undefined): boolean {
    if (a === undefined || b === undefined) return a === b;
    return ExpireAfter.toNanos(a) === ExpireAfter.toNanos(b);
  },
};
