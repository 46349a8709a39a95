import { CodecError, InvalidInputError } from '../../model/errors.ts';
import { JsonNumber } from '../../model/payload.ts';

/**
 * Longest number in digits, a bound of the JVM's two readers (docs/format.md#numbers): the first
 * takes less than 310 digits, the second 310 characters.
 */
export const maxNumberDigits = 310;
/** Largest scale either way of a number rounded to 34 digits, their other bound. */
export const maxNumberScale = 6178;
/** Digits that the JVM keeps; the rest is rounded half to even. */
export const maxExactDigits = 34;

/** `digits` x 10^-`scale`; `digits` without leading or trailing zeros, empty for zero. */
interface Decimal {
  readonly negative: boolean;
  readonly digits: string;
  readonly scale: number;
}

const jsonNumber = /^(-?)(0|[1-9]\d*)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/;

/**
 * The value of a JSON number token: a `number` when it holds the token's decimal value without loss
 * (printing it gives the same value again), else a `JsonNumber`.
 *
 * @throws {CodecError} when the token is no JSON number, or beyond the bounds of JVM readers
 */
export function readNumber(token: string): number | JsonNumber {
  const { negative, digits, scale } = parseDecimal(token);
  const value = Number(token);
  if (!Number.isFinite(value)) return new JsonNumber(token);
  const printed = parseDecimal(value === 0 ? '0' : String(value));
  const isSame =
    negative === printed.negative && digits === printed.digits && scale === printed.scale;
  return isSame ? value : new JsonNumber(token);
}

/**
 * The number as a JVM writer prints it (docs/format.md#numbers).
 *
 * @throws {InvalidInputError} when it is not finite, or a `JsonNumber` that is no JSON number
 */
export function printNumber(value: number | JsonNumber): string {
  if (value instanceof JsonNumber) return printDecimal(decimalOf(value));
  if (!Number.isFinite(value)) throw new InvalidInputError(`JSON cannot hold ${value}`);
  if (value === 0) return '0';
  const size = Math.abs(value);
  if (size >= 1e-6 && size < 1e20) return String(value);
  return printDecimal(parseDecimal(String(value)));
}

/** Whether printing keeps all digits of the number. */
export function isWithinDigits(value: JsonNumber): boolean {
  return decimalOf(value).digits.length <= maxExactDigits;
}

/**
 * The integer that the number is in any spelling (`1`, `1.0`, `1e0`); `undefined` for a fraction.
 */
export function integerOf(value: number | JsonNumber): bigint | undefined {
  if (typeof value === 'number') return Number.isInteger(value) ? BigInt(value) : undefined;
  const { negative, digits, scale } = parseDecimal(value.text);
  // `digits` ends in a digit other than 0, so a positive scale means a fraction.
  if (scale > 0) return undefined;
  const size = BigInt(digits + '0'.repeat(-scale));
  return negative ? -size : size;
}

function decimalOf(value: JsonNumber): Decimal {
  // Callers use JavaScript.
  if (typeof value.text !== 'string') throw new InvalidInputError('a JsonNumber holds no text');
  try {
    return parseDecimal(value.text);
  } catch (cause) {
    throw new InvalidInputError('a JsonNumber holds no JSON number', { cause });
  }
}

function parseDecimal(token: string): Decimal {
  const match = jsonNumber.exec(token);
  if (match === null) throw new CodecError(`${excerpt(token)} is no JSON number`);
  const [, sign, whole = '', fraction = '', exponentText = '0'] = match;
  const digits = whole + fraction;
  if (digits.length >= maxNumberDigits && token.length > maxNumberDigits) {
    throw new CodecError(`number ${excerpt(token)} has more than ${maxNumberDigits} digits`);
  }
  const scale = fraction.length - Number(exponentText);
  if (Math.abs(roundedScale(digits, scale)) > maxNumberScale) {
    throw new CodecError(`the scale of ${excerpt(token)} exceeds ${maxNumberScale} either way`);
  }
  return stripZeros(sign === '-', digits, scale);
}

/** The scale after rounding to 34 digits, trailing zeros kept. */
function roundedScale(allDigits: string, scale: number): number {
  if (allDigits.length <= maxExactDigits) return scale;
  const digits = allDigits.replace(/^0+/, '');
  const excess = digits.length - maxExactDigits;
  if (excess <= 0) return scale;
  // 34 nines and a digit that rounds up give one digit more.
  const carries = /^9{34}[5-9]/.test(digits);
  return scale - excess - (carries ? 1 : 0);
}

function stripZeros(negative: boolean, allDigits: string, scale: number): Decimal {
  const digits = allDigits.replace(/^0+/, '');
  const kept = digits.replace(/0+$/, '');
  if (kept === '') return { negative: false, digits: '', scale: 0 };
  return { negative, digits: kept, scale: scale - (digits.length - kept.length) };
}

/** Rounded, expanded below 1e20, then as Java's `BigDecimal.toString`. */
function printDecimal(exact: Decimal): string {
  const { negative, digits, scale } = round(exact);
  if (digits === '') return '0';
  const sign = negative ? '-' : '';
  const exponent = digits.length - 1 - scale;
  if (scale <= 0 && (scale === 0 || exponent < 20)) return sign + digits + '0'.repeat(-scale);
  if (scale > 0 && exponent >= -6) {
    const padded = digits.padStart(scale + 1, '0');
    return `${sign}${padded.slice(0, -scale)}.${padded.slice(-scale)}`;
  }
  const fraction = digits.length === 1 ? '' : `.${digits.slice(1)}`;
  return `${sign}${digits[0]}${fraction}E${exponent < 0 ? '' : '+'}${exponent}`;
}

function round(value: Decimal): Decimal {
  const excess = value.digits.length - maxExactDigits;
  if (excess <= 0) return value;
  const kept = BigInt(value.digits.slice(0, maxExactDigits));
  const rest = value.digits.slice(maxExactDigits);
  const half = `5${'0'.repeat(excess - 1)}`;
  // Both have the same length, so text order is number order.
  const up = rest > half || (rest === half && kept % 2n === 1n);
  return stripZeros(value.negative, String(up ? kept + 1n : kept), value.scale - excess);
}

function excerpt(token: string): string {
  return token.length <= 40 ? token : `${token.slice(0, 40)}...`;
}
