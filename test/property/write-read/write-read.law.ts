import { expect } from 'chai';
import fc from 'fast-check';
import { planWrites } from '../../../replicator/apply/replicate-records.ts';
import { createJournals, type Journals } from '../../../src/journal/journals.ts';
import type { ActionRecord } from '../../../src/model/action.ts';
import { InvalidInputError, JournalError, WriteRejectedError } from '../../../src/model/errors.ts';
import type { EventRecord } from '../../../src/model/event.ts';
import { ExpireAfter } from '../../../src/model/expire-after.ts';
import type { Key } from '../../../src/model/key.ts';
import { JsonNumber } from '../../../src/model/payload.ts';
import { type Offset, Partition, type Topic } from '../../../src/model/position.ts';
import { silentLogger } from '../../../src/observability/logger.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import type { JournalWorld } from '../../contract/journal.contract.ts';
import { saveOffset } from '../../support/journal/replicate.ts';
import { seed } from '../codec/seed.ts';
import { type AppendSample, appendSample } from './append-samples.ts';
import { absent, beginRun, refused, type Sample } from './samples.ts';

const partition = Partition.of(0);
const nowMs = Date.UTC(2026, 0, 1);
const thresholds = { append: 1e9, read: 1e9, pointer: 1e9, delete: 1e9, purge: 1e9, mark: 1e9 };

/**
 * Whatever is given for a write is refused before anything is sent, by an error that names the
 * place, or it reads back equal from the log, is replicated, and reads back equal from the store
 * (docs/format.md#written-values).
 */
export function writeReadLaw(
  name: string,
  open: () => Promise<JournalWorld>,
  { runs, timeoutMs }: { readonly runs: number; readonly timeoutMs: number },
): void {
  describe(`property: what is acknowledged can be read, over ${name} (seed ${seed})`, function () {
    this.timeout(timeoutMs);
    let world: JournalWorld;
    let topic: Topic;
    before(async () => {
      world = await open();
      topic = await world.createTopic();
    });
    after(() => world[Symbol.asyncDispose]());

    it(`or was refused before anything was written: ${runs} appends`, async () => {
      const counts = { refused: 0, stored: 0 };
      const law = fc.asyncProperty(appendSample, async (sample) => {
        counts[await check(world, topic, unique(sample))]++;
      });
      await fc.assert(law, { seed, numRuns: runs, endOnFailure: false });
      console.log(`      ${counts.stored} stored, ${counts.refused} refused (seed ${seed})`);
      expect(Math.min(counts.stored, counts.refused)).to.be.above(runs / 10);
    });
  });
}

let cases = 0;

/** Each append goes to a journal of its own; so does each step of shrinking. */
function unique(sample: AppendSample): AppendSample {
  const { id } = sample;
  if (typeof id.given !== 'string' || id.plain === refused) return sample;
  const own = `${++cases} ${id.given}`;
  return { ...sample, id: { given: own, plain: own } };
}

async function check(
  world: JournalWorld,
  topic: Topic,
  { id, events, options }: AppendSample,
): Promise<'refused' | 'stored'> {
  const mustRefuse = [id, events, options].some(({ plain }) => plain === refused);
  beginRun();
  const journals = journalsOver(world);
  const end = await world.consumer.endOffset(topic, partition);
  const key = { topic, id: id.given } as Key;
  const error = await append(journals, key, [events.given, options.given]);
  if (error !== undefined) {
    expectTyped(error);
    expect(await world.consumer.endOffset(topic, partition), 'end of the log').to.equal(end);
    expect(mustRefuse, `refused: ${(error as Error).message}`).to.equal(true);
    return 'refused';
  }
  expect(mustRefuse, 'stored what must be refused').to.equal(false);
  const given = canonical({ events: events.plain, options: optionsOf(options) });
  expect(canonical(await readBack(journals, key)), 'from the log').to.equal(given);
  await replicate(world, key, end);
  expect(canonical(await readBack(journals, key)), 'from the store').to.equal(given);
  const pointer = await world.eventual.pointer(key);
  expect(pointer?.seqNr).to.equal((events.plain as { seqNr: number }[]).at(-1)?.seqNr);
  return 'stored';
}

async function append(journals: Journals, key: Key, args: readonly unknown[]): Promise<unknown> {
  try {
    const journal = journals.of(key);
    const [events, options] = args as Parameters<typeof journal.append>;
    await journal.append(events, options);
    return undefined;
  } catch (error) {
    return error;
  }
}

const placed = /events|expireAfter|metadata|headers|header |journal id|append/;

function expectTyped(error: unknown): void {
  expect(error, String((error as Error)?.stack)).to.be.instanceOf(JournalError);
  expect(error instanceof InvalidInputError || error instanceof WriteRejectedError).to.equal(true);
  expect((error as Error).message).to.match(placed);
}

/** What `options` mean: members that are left out and those that are empty are the same. */
function optionsOf({ plain }: Sample): unknown {
  const { metadata, headers } = (plain ?? {}) as {
    readonly metadata?: { readonly header?: object; readonly payload?: object };
    readonly headers?: object;
  };
  const { header = {}, payload = {} } = metadata ?? {};
  return { metadata: { header, payload }, headers: headers ?? {} };
}

async function readBack(journals: Journals, key: Key): Promise<unknown> {
  const records: EventRecord[] = [];
  for await (const page of journals.of(key).read()) records.push(...page);
  const [first] = records;
  const { metadata, headers } = first?.record ?? {};
  return { events: records.map(({ event }) => event), options: { metadata, headers } };
}

/** With the replicator's own plan, so that its decoders see each record. */
async function replicate(world: JournalWorld, key: Key, from: Offset): Promise<void> {
  const to = await world.consumer.endOffset(key.topic, partition);
  const records: ActionRecord[] = [];
  for await (const some of world.consumer.read({ key, partition, from, to })) records.push(...some);
  const { writes, unreadable } = planWrites(records);
  expect(unreadable).to.equal(undefined);
  const journal = await world.replicated.open(key);
  for (const write of writes) {
    if (write.type === 'append') await journal.append(write, nowMs);
  }
  const last = records.at(-1);
  if (last !== undefined) await saveOffset(world.replicated, last);
}

function journalsOver(world: JournalWorld): Journals {
  const dataIntegrity = {
    seqNrUniqueness: true,
    correlateEventsWithMeta: false,
    gaps: 'fail' as const,
  };
  const settings = { readTimeoutMs: 10_000, dataIntegrity };
  const own = { origin: 'test', randomUuid: () => `mark-${++cases}` };
  const parts = { ...world, settings, log: silentLogger, clock: systemClock, ...own };
  return createJournals(parts, thresholds);
}

/**
 * A text that is equal for what must be equal: order of members and tags, spelling of numbers left
 * out.
 */
export function canonical(value: unknown, name = ''): string {
  if (typeof value === 'number') return decimal(String(value));
  if (value instanceof JsonNumber) return decimal(value.text);
  if (value instanceof Uint8Array) return `bytes ${Buffer.from(value).toString('hex')}`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'absent';
  if (Array.isArray(value)) {
    const items = value.map((item) => canonical(item));
    return `[${name === 'tags' ? [...new Set(items)].sort().join() : items.join()}]`;
  }
  if (name === 'expireAfter') return String(ExpireAfter.toNanos(value as ExpireAfter));
  const members = Object.entries(value).filter(
    ([, member]) => member !== undefined && member !== absent,
  );
  const texts = members.map(([own, member]) => `${JSON.stringify(own)}:${canonical(member, own)}`);
  return `{${texts.sort().join()}}`;
}

function decimal(text: string): string {
  const [, sign = '', whole = '', fraction = '', exponent = '0'] =
    /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text) ?? [];
  const digits = (whole + fraction).replace(/^0+/, '');
  const kept = digits.replace(/0+$/, '');
  if (kept === '') return '0';
  return `${sign}${kept}e${Number(exponent) - fraction.length + digits.length - kept.length}`;
}
