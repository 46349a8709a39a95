import { isDeepStrictEqual } from 'node:util';
import { expect } from 'chai';
import fc from 'fast-check';
import { WriteRejectedError } from '../../../src/model/errors.ts';
import { Offset, Partition } from '../../../src/model/position.ts';
import { RecordMetadata } from '../../../src/model/record-metadata.ts';
import { SeqNr } from '../../../src/model/seq-nr.ts';
import { storedForm } from '../../../src/model/stored-form.ts';
import { factsMetadata, ofEventRecord, toEvent } from '../../../src/plugin/repr-to-event.ts';
import type { EventFacts, PersistenceId } from '../../../src/ports/journal-plugin.ts';
import { seed } from '../codec/seed.ts';

class Point {
  readonly x = 1;
}

const odd = fc.constantFrom<() => unknown>(
  () => new Date(9),
  () => new Map([[1, 2]]),
  () => new Point(),
  () => new Error('x'),
  () => 5n,
  () => Symbol('s'),
  () => () => 1,
  () => new Uint8Array([1]),
  () => Array(2),
  () => Object.assign([1], { extra: 1 }),
  () => Object.create({ inherited: 1 }),
  () => ({ toJSON: () => 1 }),
);

const anything = fc.anything({
  withNullPrototype: true,
  withSparseArray: true,
  values: [
    fc.integer(),
    fc.double(),
    fc.string({ unit: 'binary' }),
    fc.boolean(),
    fc.constantFrom(null, undefined, -0),
    odd.map((make) => make()),
  ],
  key: fc.oneof(fc.string(), fc.constantFrom('__proto__', 'toJSON', 'constructor', '0')),
});

/** What JSON makes of a value; `undefined` when it throws. */
function throughJson(value: unknown): unknown {
  try {
    return JSON.parse(JSON.stringify(value) ?? 'null');
  } catch {
    return undefined;
  }
}

/** Without members that are `undefined`, without -0: what may differ from what came in. */
function expectedOf(value: unknown): unknown {
  if (value === 0) return 0;
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return Array.from(value, expectedOf);
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  return Object.fromEntries(members.map(([name, member]) => [name, expectedOf(member)]));
}

describe(`property: the stored form of a value (seed ${seed})`, () => {
  it('is what JSON gives back, or the value is refused with its path', () => {
    let taken = 0;
    let refused = 0;
    const law = fc.property(anything, (value) => {
      let stored: unknown;
      try {
        stored = storedForm(value);
      } catch (error) {
        refused++;
        expect(error).to.be.instanceOf(WriteRejectedError);
        expect((error as WriteRejectedError).path).to.match(/^event/);
        return;
      }
      taken++;
      expect(isDeepStrictEqual(throughJson(stored), stored), 'is what a replay sees').to.equal(
        true,
      );
      expect(isDeepStrictEqual(stored, expectedOf(value)), 'is the value').to.equal(true);
    });
    fc.assert(law, { seed, numRuns: 5_000 });
    expect(Math.min(taken, refused), 'both kinds were met').to.be.above(100);
  });

  it('is refused only where JSON would lose or change something', () => {
    const json = fc.jsonValue({ maxDepth: 6 });
    fc.assert(
      fc.property(json, (value) => {
        expect(isDeepStrictEqual(storedForm(value), expectedOf(value))).to.equal(true);
      }),
      { seed, numRuns: 2_000 },
    );
  });

  it('reads each member once, so that a getter cannot give another value later', () => {
    let reads = 0;
    const tricky = {
      get n() {
        return ++reads;
      },
    };
    expect(storedForm({ tricky })).to.deep.equal({ tricky: { n: 1 } });
    expect(reads).to.equal(1);
  });
});

const facts: fc.Arbitrary<EventFacts> = fc.record(
  {
    timer: fc.string(),
    delaysMs: fc.array(
      fc.option(fc.double({ noNaN: true, noDefaultInfinity: true }).map((n) => n + 0 || 0)),
    ),
    unhandled: fc.constant(true as const),
    replaced: fc.constant(true as const),
    deliveries: fc.array(
      fc.record(
        {
          id: fc.string(),
          to: fc.string(),
          message: fc.jsonValue().map((value) => JSON.parse(JSON.stringify(value)) as unknown),
          sealed: fc.base64String(),
        },
        { requiredKeys: ['id', 'to'] },
      ),
    ),
    confirmed: fc.array(fc.string()),
  },
  { requiredKeys: [] },
);

describe(`property: what is stored beside an event (seed ${seed})`, () => {
  it('comes back with its event, from a record of any size', () => {
    const id = 'p' as PersistenceId;
    const empty = { type: 'json', value: { writerUuid: 'w', payload: {} } };
    const common = { persistenceId: id, manifest: '', writerUuid: 'w', tags: [], payload: {} };
    const law = fc.property(
      fc.array(facts, { minLength: 1, maxLength: 5 }),
      fc.nat(),
      (all, before) => {
        const reprs = all.map((each, i) => {
          return { ...common, timestampMs: 1, seqNr: SeqNr.of(before + i + 1), facts: each };
        });
        const header = JSON.parse(JSON.stringify(factsMetadata(reprs)));
        const record = {
          metadata: { ...RecordMetadata.empty, header },
          timestampMs: 1,
          at: { partition: Partition.of(0), offset: Offset.of(0) },
        };
        const back = reprs.map((repr) =>
          ofEventRecord(id, { event: { ...toEvent(repr), payload: empty }, record } as never),
        );
        expect(back.map((repr) => repr.facts)).to.deep.equal(all);
      },
    );
    fc.assert(law, { seed, numRuns: 500 });
  });
});
