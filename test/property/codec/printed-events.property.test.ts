import { expect } from 'chai';
import fc from 'fast-check';
import { printJson } from '../../../src/codec/json/json.ts';
import { decodeEvents, encodeEvents } from '../../../src/codec/record/events-codec.ts';
import { printedEventsOf } from '../../../src/codec/record/printed-events.ts';
import { toStoredPayload } from '../../../src/codec/stored-payload-codec.ts';
import { decodeUtf8WithSurrogates } from '../../../src/codec/utf8.ts';
import type { PrintedEvent } from '../../../src/model/event.ts';
import { jsonEvents, jsonValue, payloadMetadata } from './arbitraries.ts';
import { mutate } from './mutations.ts';
import { numbersOf, seed } from './seed.ts';

const mutations = 30_000;
const runs = { seed, numRuns: 1_000 };

/**
 * Texts that a JSON value may have in other programs: as ours, or with spaces, or with a name
 * twice.
 */
const written = fc.oneof(
  jsonValue.map(printJson),
  jsonValue.map((value) => printJson(value).replaceAll(',', ' ,')),
  jsonValue.map((value) => `{"a":${printJson(value)},"b":1,"a":${printJson(value)}}`),
  fc.constantFrom('1.0', '-0', '0.1', '01', '1e3', '0.0000001', '0.000001', '123456789012345678'),
  fc.constantFrom(
    '"\\u0041"',
    '"\\/"',
    '"\\n\\"\\\\"',
    '"\x7f"',
    '"\\',
    '"\\ud83d"',
    '{"1":1,"0":2}',
  ),
);

describe(`property: payloads that are copied unread (seed ${seed})`, function () {
  this.timeout(60_000);

  it('are what reading and printing gives, of the values that our writers write', () => {
    const law = fc.property(jsonEvents, payloadMetadata, (events, metadata) => {
      expectSame(encodeEvents(events, metadata).value);
    });
    fc.assert(law, runs);
  });

  it('are what reading and printing gives, however the values are spelt', () => {
    const law = fc.property(written, written, (payload, data) => {
      expectSame(Buffer.from(textOf([payload, data], `{"data":${data}}`)));
    });
    fc.assert(law, runs);
  });

  it(`are what reading and printing gives, of ${mutations} damaged values`, () => {
    const numbers = numbersOf(seed);
    const valid = fc
      .sample(fc.tuple(jsonValue, jsonValue), { seed, numRuns: 200 })
      .map((payloads) => Buffer.from(textOf(payloads.map(printJson), '{}')))
      .filter((value) => printedEventsOf(value.toString()) !== undefined);
    let copied = 0;
    for (let round = 0; round < mutations; round++) {
      const value = valid[round % valid.length] ?? Buffer.alloc(0);
      if (expectSame(mutate(value, numbers, valid))) copied++;
    }
    expect(copied).to.be.greaterThan(mutations / 100);
    expect(copied).to.be.lessThan(mutations / 2);
  });
});

function textOf(payloads: readonly string[], metadata: string): string {
  const events = payloads.map(
    (payload, index) =>
      `{"seqNr":${index + 1},"tags":["a","b"],"payloadType":"json","payload":${payload}}`,
  );
  return `{"events":[${events.join()}],"metadata":${metadata}}`;
}

/** Answers whether anything was copied. */
function expectSame(value: Buffer): boolean {
  let text: string;
  try {
    text = decodeUtf8WithSurrogates(value);
  } catch {
    return false;
  }
  const copied = outcomeOf(() => printedEventsOf(text));
  if (copied === undefined) return false;
  expect(copied, value.toString()).to.deep.equal(outcomeOf(() => decodeEvents('json', value)));
  return true;
}

type Decoded = { readonly events: readonly PrintedEvent[]; readonly metadata: unknown };

/** What would be stored, or the message of the error. Of equal numbers the first counts. */
function outcomeOf(decode: () => Decoded | undefined): unknown {
  try {
    const decoded = decode();
    if (decoded === undefined) return undefined;
    const { events, metadata } = decoded;
    const first = events.filter((event, index) => index === indexOf(events, event.seqNr));
    const stored = first.map(({ seqNr, tags, payload }) => ({
      seqNr,
      tags,
      payload: toStoredPayload(payload),
    }));
    return { stored, metadata };
  } catch (error) {
    return (error as Error).message;
  }
}

function indexOf(events: readonly PrintedEvent[], seqNr: number): number {
  return events.findIndex((event) => event.seqNr === seqNr);
}
