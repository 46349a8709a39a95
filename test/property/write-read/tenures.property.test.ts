import { expect } from 'chai';
import fc from 'fast-check';
import { decodeAction, encodeAction } from '../../../src/codec/record/action-record-codec.ts';
import type { Action, ActionHeader, AppendHeader } from '../../../src/model/action.ts';
import { InvalidInputError } from '../../../src/model/errors.ts';
import { Key } from '../../../src/model/key.ts';
import { Offset, Partition, Topic } from '../../../src/model/position.ts';
import { SeqNr } from '../../../src/model/seq-nr.ts';
import { seed } from '../codec/seed.ts';
import {
  type AnySample,
  absent,
  ofMembers,
  oftenRight,
  refused,
  type Sample,
  same,
  textSample,
  wrong,
} from './samples.ts';

const runs = 2_000;
const topic = Topic.of('journal');
const partition = Partition.of(0);
const offset = Offset.of(7);

/** At most 255 characters, in UTF-16 units as JavaScript counts them. */
const scope: AnySample = oftenRight(
  fc.oneof(
    { weight: 6, arbitrary: textSample },
    same(fc.constantFrom('', 's'.repeat(255), 'é'.repeat(255), `s${'😀'.repeat(127)}`)),
  ),
  wrong(
    () => 's'.repeat(256),
    () => '😀'.repeat(128),
    () => 's'.repeat(70_000),
  ),
);

const of: AnySample = oftenRight(
  fc
    .oneof(fc.maxSafeNat(), fc.constantFrom(0, -0, Number.MAX_SAFE_INTEGER))
    .map((given) => ({ given, plain: given === 0 ? 0 : given })),
  wrong(
    () => -1,
    () => 1.5,
    () => 2 ** 53,
    () => Number.NaN,
    () => Number.POSITIVE_INFINITY,
    () => '1',
    () => null,
    () => undefined,
    () => 1n,
  ),
);

const address: AnySample = fc.oneof(
  fc.constant({ given: undefined, plain: absent }),
  textSample.filter(({ given }) => given !== undefined),
);

const recordOf = (members: Readonly<Record<string, AnySample>>): AnySample =>
  fc
    .tuple(...Object.values(members))
    .map((samples) =>
      ofMembers(Object.keys(members).map((name, index) => [name, samples[index] as Sample])),
    );

const by = { origin: 'host', version: '1' };
const held: readonly ActionHeader[] = [
  {
    type: 'append',
    range: { from: SeqNr.of(1), to: SeqNr.of(2) },
    payloadType: 'json',
    metadata: {},
    ...by,
  },
  { type: 'delete', to: SeqNr.of(3), ...by },
  { type: 'purge', ...by },
  { type: 'purge', onlyAt: Offset.of(5), ...by },
];
const opened: readonly ActionHeader[] = [{ type: 'mark', id: 'm', ...by }];

describe(`property: an action whose tenure is acknowledged can be read (seed ${seed})`, () => {
  const law = (
    member: 'tenure' | 'opens',
    headers: readonly ActionHeader[],
    tenures: AnySample,
  ) => {
    const counts = { refused: 0, written: 0 };
    const property = fc.property(fc.constantFrom(...headers), tenures, (header, tenure) => {
      const path = `${header.type}.tenure.`;
      const action = actionOf({ ...header, [member]: tenure.given } as ActionHeader);
      counts[check(action, member, tenure, path)]++;
    });
    fc.assert(property, { seed, numRuns: runs });
    expect(Math.min(counts.refused, counts.written)).to.be.above(runs / 20);
  };

  it(`or is refused, with its path: ${runs} appends, deletes and purges`, () => {
    law('tenure', held, recordOf({ scope, of }));
  });

  it(`or is refused, with its path: ${runs} opening marks`, () => {
    law('opens', opened, recordOf({ scope, holder: textSample, address }));
  });
});

function actionOf(header: ActionHeader): Action {
  const common = { key: Key.of(topic, 'a'), timestampMs: 1 };
  if (header.type !== 'append') return { ...common, header };
  return { ...common, header: header as AppendHeader, value: Buffer.from('{}'), headers: {} };
}

function check(
  action: Action,
  member: 'tenure' | 'opens',
  { plain }: Sample,
  path: string,
): 'refused' | 'written' {
  let encoded: ReturnType<typeof encodeAction>;
  try {
    encoded = encodeAction(action);
  } catch (error) {
    expect(error).to.be.instanceOf(InvalidInputError);
    expect((error as InvalidInputError).path).to.match(
      new RegExp(`^${path}(scope|of|holder|address)$`),
    );
    expect(plain, (error as Error).message).to.equal(refused);
    return 'refused';
  }
  expect(plain, 'written, and may not be').not.to.equal(refused);
  const { key, value, timestampMs, headers } = encoded;
  const record = { offset, key, value: value ?? undefined, timestampMs };
  const read = decodeAction(topic, partition, { ...record, headers: Object.entries(headers) });
  const header = read?.action.header as unknown as Record<string, Record<string, unknown>>;
  const found = Object.entries(header[member] ?? {}).filter(([, one]) => one !== undefined);
  expect(Object.fromEntries(found)).to.deep.equal(plain);
  return 'written';
}
