import { parseDurationMs, parseSizeBytes } from './hocon/units.ts';
import { listOfNumericKeys, type Value } from './hocon/values.ts';

/** A kind of setting: which values it takes and what they become. */
export interface Kind<T> {
  /** What is allowed, to complete "must be …". */
  readonly expected: string;
  /** Stands in for a wrong value until all problems are reported. */
  readonly placeholder: T;
  /** `undefined` when the value is not of this kind. */
  read(value: Value): T | undefined;
}

/** Bounds of a number, both inclusive; absent = none on that side. */
export interface Range {
  readonly min?: number;
  readonly max?: number;
}

/** Any text; numbers and booleans count as they are written. */
export const text: Kind<string> = {
  expected: 'a text',
  placeholder: '',
  read: (value) => (value.kind === 'scalar' && value.value !== null ? value.text : undefined),
};

/** A text of at least one character. */
export const nonEmptyText: Kind<string> = {
  ...text,
  expected: 'a text that is not empty',
  read: (value) => text.read(value) || undefined,
};

/** `true`, `on`, `yes`; `false`, `off`, `no`; in any case. */
export const boolean: Kind<boolean> = {
  expected: 'true, false, on, off, yes or no',
  placeholder: false,
  read: (value) => booleans.get(text.read(value)?.toLowerCase() ?? ''),
};

const booleans = new Map([
  ['true', true],
  ['on', true],
  ['yes', true],
  ['false', false],
  ['off', false],
  ['no', false],
]);

/** A number, also one written as a text. */
export const number: Kind<number> = {
  expected: 'a number',
  placeholder: 0,
  read(value) {
    const written = text.read(value)?.trim();
    if (!written || !/^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/.test(written)) return undefined;
    return Number(written);
  },
};

/** A safe integer within the range. */
export function integer(range: Range = {}): Kind<number> {
  return {
    expected: `an integer${describeRange(range)}`,
    placeholder: range.min ?? 0,
    read(value) {
      const read = number.read(value);
      return Number.isSafeInteger(read) && isWithin(read, range) ? read : undefined;
    },
  };
}

/** Whole milliseconds, rounded up. The range is in milliseconds, by default at least 0. */
export function duration(range: Range = { min: 0 }): Kind<number> {
  const isAny = range.min === 0 && range.max === undefined;
  const bounds = isAny ? '' : describeRange({ ...range, unit: ' ms' });
  return {
    expected: `a duration such as 500ms, 10s or 2 minutes${bounds}`,
    placeholder: range.min ?? 0,
    read(value) {
      const ms = parseDurationMs(text.read(value) ?? '');
      const whole = ms === undefined ? undefined : Math.ceil(ms);
      return Number.isSafeInteger(whole) && isWithin(whole, range) ? whole : undefined;
    },
  };
}

/** Whole bytes, rounded down. The range is in bytes, by default at least 0. */
export function size(range: Range = { min: 0 }): Kind<number> {
  return {
    expected: `a size such as 1000, 512k or 1MiB${describeRange({ ...range, unit: ' bytes' })}`,
    placeholder: range.min ?? 0,
    read(value) {
      const bytes = parseSizeBytes(text.read(value) ?? '');
      return isWithin(bytes, range) ? bytes : undefined;
    },
  };
}

/** One of the names, in any case; `_` and `-` are the same. */
export function oneOf<const T extends string>(...names: readonly [T, ...T[]]): Kind<T> {
  const byName = new Map(names.map((name) => [canonical(name), name]));
  return {
    expected: names.length === 1 ? names[0] : `one of ${names.join(', ')}`,
    placeholder: names[0],
    read: (value) => byName.get(canonical(text.read(value) ?? '')),
  };
}

/** A text that matches `pattern`; `expected` says what that means, for messages. */
export function matching(pattern: RegExp, expected: string): Kind<string> {
  return {
    expected,
    placeholder: '',
    read(value) {
      const written = text.read(value);
      return written !== undefined && pattern.test(written) ? written : undefined;
    },
  };
}

/** A list, an object with numeric keys, or one text with commas. Never empty. */
export function listOf<T>(item: Kind<T>): Kind<readonly T[]> {
  return {
    expected: `a list, each item ${item.expected}`,
    placeholder: [],
    read(value) {
      const items = itemsOf(value)?.map((part) => item.read(part));
      if (items === undefined || items.length === 0) return undefined;
      const known = items.filter((part) => part !== undefined);
      return known.length === items.length ? known : undefined;
    },
  };
}

function itemsOf(value: Value): readonly Value[] | undefined {
  if (value.kind === 'list') return value.items;
  if (value.kind === 'object') return listOfNumericKeys(value)?.items;
  if (value.kind !== 'scalar' || value.value === null) return undefined;
  return value.text
    .split(',')
    .filter((part) => part.trim() !== '')
    .map((part) => ({ ...value, value: part.trim(), text: part.trim() }));
}

function canonical(name: string): string {
  return name.trim().toLowerCase().replaceAll('_', '-');
}

function isWithin(value: number | undefined, { min = -Infinity, max = Infinity }: Range): boolean {
  return value !== undefined && value >= min && value <= max;
}

function describeRange({ min, max, unit = '' }: Range & { unit?: string }): string {
  if (min === undefined) return max === undefined ? '' : ` of at most ${max}${unit}`;
  return max === undefined ? ` of at least ${min}${unit}` : ` from ${min} to ${max}${unit}`;
}

/** An object whose keys are the user's. Keys with dots may be written as objects within objects. */
export function mapOf<T>(item: Kind<T>): Kind<ReadonlyMap<string, T>> {
  return {
    expected: `an object, each value ${item.expected}`,
    placeholder: new Map(),
    read(value) {
      const items = new Map<string, T>();
      return fillMap(items, value, item, '') ? items : undefined;
    },
  };
}

function fillMap<T>(items: Map<string, T>, value: Value, item: Kind<T>, prefix: string): boolean {
  if (value.kind !== 'object') return false;
  for (const [key, field] of value.fields) {
    const read = item.read(field);
    if (read !== undefined) items.set(prefix + key, read);
    else if (!fillMap(items, field, item, `${prefix}${key}.`)) return false;
  }
  return true;
}
