import { expect } from 'chai';
import { CodecError, DataIntegrityError } from '../../../src/model/errors.ts';
import type { Decoder } from './decoders.ts';
import { decoders } from './decoders.ts';
import { mutate } from './mutations.ts';
import { numbersOf, seed } from './seed.ts';

/** Inputs of all decoders together, a run. */
const inputs = 200_000;
/** No input may take longer: a decoder's work is bounded by what it reads. */
const maxMillis = 1000;
/** Nor may it reserve more than a small multiple of what it reads. */
const maxBytes = 64 * 1024 * 1024;
/** Every so many inputs are read a second time, from the middle of a foreign block. */
const strayEvery = 8;

const names = Object.keys(decoders);
const rounds = Math.ceil(inputs / names.length);
const numbers = numbersOf(seed);
const totals = { value: 0, error: 0 };
/** Most inputs end in an error, and most of its cost is a stack that nobody looks at. */
const { stackTraceLimit } = Error;

describe(`property: ${inputs} mutated inputs give a value or a typed error (seed ${seed})`, () => {
  before(() => {
    Error.stackTraceLimit = 0;
  });

  for (const [name, decoder] of Object.entries(decoders)) {
    it(`for ${name}, ${rounds} times`, () => {
      for (const input of decoder.valid) outcomeOf(decoder, input);
      const outcomes = { value: 0, error: 0 };
      for (let round = 0; round < rounds; round++) {
        const valid = decoder.valid[round % decoder.valid.length] ?? Buffer.alloc(0);
        const input = mutate(valid, numbers, decoder.valid);
        const outcome = outcomeOf(decoder, input);
        outcomes[outcome.type]++;
        if (round % strayEvery === 0) expectNoStrayRead(decoder, input, outcome);
      }
      totals.value += outcomes.value;
      totals.error += outcomes.error;
      // Both must happen, or the mutations prove nothing.
      expect(outcomes.value).to.be.greaterThan(0);
      expect(outcomes.error).to.be.greaterThan(0);
    }).timeout(30_000);
  }

  it('does not reserve memory for lengths that the input only claims', () => {
    for (const [name, decoder] of Object.entries(decoders)) {
      const before = process.memoryUsage().arrayBuffers;
      for (const valid of decoder.valid) claimSizes(decoder, valid);
      expect(process.memoryUsage().arrayBuffers - before, name).to.be.lessThan(maxBytes);
    }
  }).timeout(30_000);

  after(() => {
    Error.stackTraceLimit = stackTraceLimit;
    const { value, error } = totals;
    console.log(
      `      ${value + error} inputs: ${value} values, ${error} typed errors (seed ${seed})`,
    );
  });
});

/** 2 GB and 1 GB wherever a length may stand. */
function claimSizes(decoder: Decoder, valid: Buffer): void {
  for (let at = 0; at + 4 <= valid.length; at++) {
    for (const size of [0x7fffffff, 0x40000000]) {
      const input = Buffer.from(valid);
      input.writeInt32BE(size, at);
      outcomeOf(decoder, input);
    }
  }
}

interface Outcome {
  readonly type: 'value' | 'error';
  readonly digest: string;
}

/** The same bytes between other ones must mean the same: nothing outside the input is read. */
function expectNoStrayRead({ decode }: Decoder, input: Buffer, outcome: Outcome): void {
  const block = Buffer.alloc(input.length + 32, 0x31);
  input.copy(block, 16);
  const again = runOf({ valid: [], decode }, block.subarray(16, 16 + input.length));
  if (again.digest !== outcome.digest) throw new Error(`stray read: ${input.toString('hex')}`);
}

function outcomeOf(decoder: Decoder, input: Buffer): Outcome {
  const start = performance.now();
  const outcome = runOf(decoder, input);
  if (performance.now() - start < maxMillis) return outcome;
  throw new Error(`input ${input.toString('hex')} takes more than ${maxMillis} ms`);
}

function runOf({ decode, knowsPlace = false }: Decoder, input: Buffer): Outcome {
  let value: unknown;
  try {
    value = decode(input);
  } catch (error) {
    if (isTyped(error, knowsPlace)) return { type: 'error', digest: error.message };
    throw new Error(`input ${input.toString('hex')} must give a typed error`, { cause: error });
  }
  return { type: 'value', digest: digestOf(value) };
}

function isTyped(error: unknown, knowsPlace: boolean): error is Error {
  if (!(error instanceof CodecError || error instanceof DataIntegrityError)) return false;
  return !knowsPlace || (error.place.partition === 3 && error.place.offset === 41);
}

/** Anything decoded is at most 1,300 levels deep, which JSON.stringify stands. */
function digestOf(value: unknown): string {
  if (typeof value === 'string') return value;
  return JSON.stringify(value, (_, part) => (typeof part === 'bigint' ? String(part) : part)) ?? '';
}
