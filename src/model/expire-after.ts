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

export const ExpireAfter = {
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
