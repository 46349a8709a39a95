/**
 * Milliseconds of a duration as written: `10s`, `1.5 minutes`, `1min`, or a bare number of
 * milliseconds. `undefined` for any other text.
 */
export function parseDurationMs(text: string): number | undefined {
  return parseWithUnit(text, durationUnits, 1);
}

/** Bytes of a size as written: `512k`, `1 MiB`, `10MB`, or a bare number of bytes. */
export function parseSizeBytes(text: string): number | undefined {
  const bytes = parseWithUnit(text, sizeUnits, 1);
  return bytes === undefined || !Number.isSafeInteger(Math.floor(bytes))
    ? undefined
    : Math.floor(bytes);
}

type Units = ReadonlyMap<string, number>;

function parseWithUnit(text: string, units: Units, bare: number): number | undefined {
  const match = /^([+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)\s*([\p{L}]*)$/u.exec(text.trim());
  if (match === null) return undefined;
  const unit = match[2] === '' ? bare : units.get(match[2] ?? '');
  return unit === undefined ? undefined : Number(match[1]) * unit;
}

/** The names of HOCON and those of Scala's `Duration`, which the JVM system reads as well. */
const durationUnits: Units = unitsOf([
  [1e-6, 'ns nano nanos nanosecond nanoseconds'],
  [1e-3, 'us µs μs micro micros microsecond microseconds'],
  [1, 'ms milli millis millisecond milliseconds'],
  [1_000, 's sec secs second seconds'],
  [60_000, 'm min mins minute minutes'],
  [3_600_000, 'h hr hrs hour hours'],
  [86_400_000, 'd day days'],
]);

const sizeUnits: Units = unitsOf([
  [1, 'B b byte bytes'],
  ...powers(1_000, [
    'kB kilobyte kilobytes',
    'MB megabyte megabytes',
    'GB gigabyte gigabytes',
    'TB terabyte terabytes',
  ]),
  ...powers(1_024, [
    'K k Ki KiB kibibyte kibibytes',
    'M m Mi MiB mebibyte mebibytes',
    'G g Gi GiB gibibyte gibibytes',
    'T t Ti TiB tebibyte tebibytes',
  ]),
]);

function powers(base: number, names: readonly string[]): [number, string][] {
  return names.map((name, index) => [base ** (index + 1), name]);
}

function unitsOf(units: readonly (readonly [number, string])[]): Units {
  return new Map(
    units.flatMap(([factor, names]) => names.split(' ').map((name) => [name, factor] as const)),
  );
}
