/** Structure-aware damage to bytes: what a broken disk, writer or network might do, and worse. */

/** A repeatable stream of numbers, 0 <= n < `below`. */
export type Numbers = (below: number) => number;

/** Bytes that mean something to a decoder. */
const telling = Buffer.from('{}[]":,\\0159eE+-.ux \x00\x01\x7f\x80\xff\xed\xa0', 'latin1');
/** Lengths and counts that a decoder must not believe. */
const sizes = [0, 1, 2, 3, 4, 8, 9, 255, 65_536, -1, -2, 0x7fffffff, -0x80000000, 0x40000000];
/** Pieces of JSON and UTF-8 at the edges of what is read. */
const pieces = [
  '1e999999999',
  '-9223372036854775809',
  '9007199254740993',
  '0.1e-6178',
  '1'.repeat(311),
  '9'.repeat(40),
  '"\\ud83d"',
  '"\\ude00\\ud83d"',
  '\\u',
  'null',
  '{}',
  '{"a":1,"a":{}}',
  '"__proto__":1,',
  '"expireAfter":"1e300 days",',
  '1 day',
  '\ufeff',
  '\u0661',
  '\u{1d7d8}',
].map((text) => Buffer.from(text));
const rawPieces = [
  ...pieces,
  Buffer.from([0xed, 0xa0, 0xbd, 0xed, 0xb8, 0x80]),
  Buffer.from([0xed, 0xa0]),
  Buffer.from([0xf4, 0x90, 0x80, 0x80]),
  Buffer.from([0xc0, 0x80]),
];
/** Deep enough to end a recursive reader without a bound, in 40,000 bytes. */
const deep = ['['.repeat(40_000), '{"a":'.repeat(8_000), '[1,{"a":'.repeat(1_400)].map((text) =>
  Buffer.from(text),
);
/** Deep input is long, so it comes rarely. */
const deepEvery = 400;

type Change = (bytes: Buffer, numbers: Numbers, others: readonly Buffer[]) => Buffer;

const changes: readonly Change[] = [
  function flipBit(bytes, numbers) {
    const flipped = Buffer.from(bytes);
    const at = numbers(bytes.length + 1);
    const byte = flipped[at];
    if (byte !== undefined) flipped[at] = byte ^ (1 << numbers(8));
    return flipped;
  },
  function setByte(bytes, numbers) {
    const set = Buffer.from(bytes);
    set[numbers(bytes.length + 1)] = telling[numbers(telling.length)] ?? 0;
    return set;
  },
  function insertByte(bytes, numbers) {
    const at = numbers(telling.length);
    return insert(bytes, telling.subarray(at, at + 1), numbers);
  },
  function truncate(bytes, numbers) {
    return bytes.subarray(0, numbers(bytes.length + 1));
  },
  function cutRun(bytes, numbers) {
    const at = numbers(bytes.length + 1);
    return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + numbers(9))]);
  },
  function repeatRun(bytes, numbers) {
    const at = numbers(bytes.length + 1);
    const run = bytes.subarray(at, at + 1 + numbers(9));
    return Buffer.concat([bytes.subarray(0, at), run, bytes.subarray(at)]);
  },
  function editSize(bytes, numbers) {
    if (bytes.length < 4) return bytes;
    const edited = Buffer.from(bytes);
    const at = numbers(bytes.length - 3);
    const size = sizes[numbers(sizes.length)] ?? 0;
    edited.writeInt32BE(numbers(3) === 0 ? edited.readInt32BE(at) ^ (1 << numbers(6)) : size, at);
    return edited;
  },
  function splice(bytes, numbers, others) {
    const other = others[numbers(others.length)] ?? bytes;
    const head = bytes.subarray(0, numbers(bytes.length + 1));
    return Buffer.concat([head, other.subarray(numbers(other.length + 1))]);
  },
  function insertPiece(bytes, numbers) {
    return insert(bytes, rawPieces[numbers(rawPieces.length)] ?? bytes, numbers);
  },
  function nestDeep(bytes, numbers) {
    if (numbers(deepEvery) !== 0) return bytes;
    return insert(bytes, deep[numbers(deep.length)] ?? bytes, numbers);
  },
  function wrapDeep(bytes, numbers) {
    if (numbers(deepEvery) !== 0) return bytes;
    const levels = 1_000 + numbers(20_000);
    return Buffer.concat([Buffer.alloc(levels, '['), bytes, Buffer.alloc(levels, ']')]);
  },
];

/** One to three changes to `bytes`; `others` are whole inputs to splice with. */
export function mutate(bytes: Buffer, numbers: Numbers, others: readonly Buffer[]): Buffer {
  let mutated = bytes;
  for (let left = 1 + numbers(3); left > 0; left--) {
    const change = changes[numbers(changes.length)];
    mutated = change?.(mutated, numbers, others) ?? mutated;
  }
  return mutated;
}

function insert(bytes: Buffer, piece: Buffer, numbers: Numbers): Buffer {
  const at = numbers(bytes.length + 1);
  return Buffer.concat([bytes.subarray(0, at), piece, bytes.subarray(at)]);
}
