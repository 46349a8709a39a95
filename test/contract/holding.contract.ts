import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import type { HeldJournal } from '../../src/journal/holding/held-journal.ts';
import { TenureHolder } from '../../src/journal/holding/tenure-holder.ts';
import type { Journal } from '../../src/journal/journal.ts';
import { createJournals, type Journals } from '../../src/journal/journals.ts';
import { endByOffset } from '../../src/journal/read/ends.ts';
import type { ActionHeader } from '../../src/model/action.ts';
import { NotOwnerError } from '../../src/model/errors.ts';
import { Events } from '../../src/model/event.ts';
import { Key } from '../../src/model/key.ts';
import { Offset, Partition, type Topic } from '../../src/model/position.ts';
import { SeqNr } from '../../src/model/seq-nr.ts';
import { silentLogger } from '../../src/observability/logger.ts';
import type { ActionConsumer } from '../../src/ports/action-consumer.ts';
import type { ActionProducer } from '../../src/ports/action-producer.ts';
import type { EventualJournal } from '../../src/ports/eventual-journal.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { aborted } from '../../src/runtime/waiting.ts';

/** What one process has of a log and a store. */
export interface ProcessPorts extends AsyncDisposable {
  readonly producer: ActionProducer;
  readonly consumer: ActionConsumer;
  readonly eventual: EventualJournal;
}

export interface HoldingWorld extends AsyncDisposable {
  /** The ports of one more process, which the caller closes. */
  open(): Promise<ProcessPorts>;
  /** A new topic of one partition. */
  createTopic(): Promise<Topic>;
}

const holdingTimeMs = 300;
const partition = Partition.of(0);

/** A process that holds journals; it ends without a word when it is disposed. */
class Holder implements AsyncDisposable {
  readonly uuid = randomUUID();
  readonly ports: ProcessPorts;
  readonly journals: Journals;
  readonly #tenures: TenureHolder;

  constructor(ports: ProcessPorts, scope: string, endsByMarker: boolean) {
    this.ports = ports;
    const settings = {
      readTimeoutMs: 20_000,
      dataIntegrity: {
        seqNrUniqueness: true,
        correlateEventsWithMeta: false,
        gaps: 'fail',
      },
    } as const;
    const process = {
      log: silentLogger,
      clock: systemClock,
      origin: 'test',
      randomUuid: randomUUID,
    };
    const { producer, consumer, eventual } = ports;
    const common = { producer, consumer, eventual, ...process };
    const holding = { scope, holdingTimeMs };
    const by = { holder: this.uuid, holding, limitMs: 10_000, random: () => 0 };
    this.#tenures = new TenureHolder({ ...common, ...by });
    const readEnd = endsByMarker ? undefined : endByOffset(consumer);
    this.journals = createJournals(
      { ...common, settings, readEnd, tenures: this.#tenures },
      thresholds,
    );
  }

  /** Holds a journal, and reads it. */
  async hold(topic: Topic, id = 'a'): Promise<HeldJournal> {
    const held = await this.journals.hold(Key.of(topic, id));
    await numbersOf(held);
    return held;
  }

  of(topic: Topic, id = 'a'): Journal {
    return this.journals.of(Key.of(topic, id));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#tenures.close();
    await this.ports[Symbol.asyncDispose]();
  }
}

const limit = 60_000;
const thresholds = {
  append: limit,
  read: limit,
  pointer: limit,
  delete: limit,
  purge: limit,
  mark: limit,
};

/**
 * Two processes and more that hold journals of one partition (docs/adr/0031-tenures.md).
 *
 * @param replicate replicates a topic until it is disposed
 */
export function holdingContract<W extends HoldingWorld>(
  name: string,
  openWorld: () => Promise<W>,
  replicate?: (world: W, topic: Topic) => Promise<AsyncDisposable>,
): void {
  describe(`holding journals over ${name}`, function () {
    this.timeout(60_000);
    let world: W;
    let topic: Topic;
    let holders: AsyncDisposableStack;
    before(async () => {
      world = await openWorld();
    });
    after(() => world[Symbol.asyncDispose]());
    beforeEach(async () => {
      topic = await world.createTopic();
      holders = new AsyncDisposableStack();
    });
    afterEach(() => holders.disposeAsync());

    async function holder(scope = '', endsByMarker = false): Promise<Holder> {
      return holders.use(new Holder(await world.open(), scope, endsByMarker));
    }

    it('gives a journal that is read and appended to, and whose events all others read', async () => {
      const [mine, other] = [await holder(), await holder()];
      const journal = await mine.hold(topic);
      await append(journal, 1, 2);
      await append(journal, 3);
      expect(await numbersOf(journal)).to.deep.equal([1, 2, 3]);
      expect(await numbersOf(other.of(topic))).to.deep.equal([1, 2, 3]);
      expect(journal.signal.aborted).to.equal(false);
    });

    it('takes a journal over: what was acknowledged is there, what the former holder sends is void', async () => {
      const [mine, other] = [await holder(), await holder()];
      const former = await mine.hold(topic);
      await append(former, 1);
      const journal = await other.hold(topic);
      await aborted(former.signal);
      expect(former.signal.reason).to.be.instanceOf(NotOwnerError);
      expect(former.signal.reason.owner).to.deep.include({ holder: other.uuid, partition: 0 });
      const error = await append(former, 2).catch((failure: unknown) => failure);
      expect((error as NotOwnerError).owner?.holder).to.equal(other.uuid);
      await append(journal, 2);
      for (const one of [mine, other]) expect(await numbersOf(one.of(topic))).to.deep.equal([1, 2]);
    });

    it('takes a journal over amid writes: what was acknowledged counts, what was refused does not', async () => {
      const [mine, other] = [await holder(), await holder()];
      const former = await mine.hold(topic);
      const stored: number[] = [];
      const refused: number[] = [];
      const writing = (async () => {
        for (let next = 1; !former.signal.aborted; next += 3) {
          const numbers = [next, next + 1, next + 2];
          const calls = await Promise.allSettled(numbers.map((number) => append(former, number)));
          for (const [index, call] of calls.entries()) {
            const isStored = call.status === 'fulfilled';
            if (!isStored) expect(call.reason).to.be.instanceOf(NotOwnerError);
            (isStored ? stored : refused).push(next + index);
          }
        }
      })();
      while (stored.length < 9) await systemClock.sleep(5);
      const journal = await other.hold(topic);
      const numbers = await numbersOf(journal);
      await append(journal, numbers.length + 1);
      await writing;
      expect(numbers).to.deep.equal(stored);
      expect(await numbersOf(mine.of(topic))).to.deep.equal([...stored, numbers.length + 1]);
    });

    it('goes to and fro, and loses nothing', async () => {
      const [mine, other] = [await holder(), await holder()];
      await append(await mine.hold(topic), 1);
      await append(await other.hold(topic), 2);
      for (const [index, one] of [mine, other, mine].entries()) {
        const held = await one.hold(topic);
        // It may not have heard of the other one's opening mark yet.
        await append(held, index + 3).catch(async (error: unknown) => {
          expect(error).to.be.instanceOf(NotOwnerError);
          await append(await one.hold(topic), index + 3);
        });
      }
      expect(await numbersOf(mine.of(topic))).to.deep.equal([1, 2, 3, 4, 5]);
      expect((await openingsOf(mine, topic)).length).to.equal(5);
    });

    it('leaves the partition to another process for the holding time', async () => {
      const [mine, other] = [await holder(), await holder()];
      const former = await mine.hold(topic);
      const startMs = performance.now();
      await other.hold(topic);
      await aborted(former.signal);
      await mine.hold(topic);
      expect(performance.now() - startMs).to.be.at.least(holdingTimeMs);
    });

    it('takes appends that do not wait for each other, in order', async () => {
      const mine = await holder();
      const journal = await mine.journals.hold(Key.of(topic, 'a'));
      const numbers = Array.from({ length: 200 }, (_, index) => index + 1);
      const places = await Promise.all(numbers.map((number) => append(journal, number)));
      const offsets = places.map(({ offset }) => offset);
      expect(offsets).to.deep.equal(offsets.toSorted((a, b) => a - b));
      expect(await numbersOf(journal)).to.deep.equal(numbers);
    });

    it('deletes, purges, and begins at 1 again', async () => {
      const mine = await holder();
      const journal = await mine.hold(topic);
      await append(journal, 1, 3);
      await journal.delete(SeqNr.of(2));
      await append(journal, 4);
      expect(await numbersOf(journal)).to.deep.equal([3, 4]);
      await Promise.all([journal.purge(), append(journal, 1), append(journal, 2)]);
      expect(await numbersOf(mine.of(topic))).to.deep.equal([1, 2]);
    });

    it('ends when the journal is written without a tenure, by whomever, and is held again', async () => {
      const [mine, other] = [await holder(), await holder()];
      for (const [index, writer] of [mine, other].entries()) {
        const number = 1 + 3 * index;
        const journal = await mine.hold(topic);
        await append(journal, number);
        await append(writer.of(topic), number + 1);
        await aborted(journal.signal);
        await append(await mine.hold(topic), number + 2);
      }
      expect(await numbersOf(other.of(topic))).to.deep.equal([1, 2, 3, 4, 5, 6]);
    });

    it('opens one tenure for many journals, also when they are let go and held again', async () => {
      const mine = await holder();
      const ids = Array.from({ length: 100 }, (_, index) => `id-${index}`);
      for (const number of [1, 2]) {
        const held = await Promise.all(ids.map((id) => mine.hold(topic, id)));
        await Promise.all(held.map((journal) => append(journal, number)));
        await Promise.all(held.map((journal) => journal[Symbol.asyncDispose]()));
      }
      expect(await openingsOf(mine, topic)).to.deep.equal([mine.uuid]);
    });

    it('is taken from a process that stopped without a word, at once', async () => {
      const other = await holder();
      {
        await using stopped = new Holder(await world.open(), '', false);
        await append(await stopped.hold(topic), 1);
      }
      await append(await other.hold(topic), 2);
      expect(await numbersOf(other.of(topic))).to.deep.equal([1, 2]);
    });

    it('does not take it from a holder of another scope, whose records come between', async () => {
      const [mine, other] = [await holder('a'), await holder('b')];
      const journals = [await mine.hold(topic, 'a'), await other.hold(topic, 'b')];
      for (const number of Array.from({ length: 20 }, (_, index) => index + 1))
        await Promise.all(journals.map((journal) => append(journal, number)));
      expect(journals.map(({ signal }) => signal.aborted)).to.deep.equal([false, false]);
      for (const id of ['a', 'b']) {
        expect((await numbersOf(mine.of(topic, id))).length).to.equal(20);
      }
    });

    it('reads to a mark as well as to the end of the log', async () => {
      const [mine, other] = [await holder('', true), await holder('', true)];
      await append(await mine.hold(topic), 1);
      const journal = await other.hold(topic);
      await append(journal, 2);
      expect(await numbersOf(journal)).to.deep.equal([1, 2]);
    });

    if (replicate === undefined) return;
    it('is held again, and goes on, when the opening marks are replicated', async () => {
      const [mine, other] = [await holder(), await holder()];
      const journal = await mine.hold(topic);
      await append(journal, 1);
      await using _replicator = await replicate(world, topic);
      const reach = async (offset: number): Promise<void> => {
        while (((await mine.ports.eventual.offset(topic, partition)) ?? -1) < offset)
          await systemClock.sleep(50);
      };
      await reach((await append(journal, 2)).offset);
      expect(await numbersOf(journal)).to.deep.equal([1, 2]);
      await append(journal, 3);
      const taken = await other.hold(topic);
      await reach((await append(taken, 4)).offset);
      // A process on a slow machine may not have heard of its loss yet: then its write is void.
      const again = async (): Promise<unknown> => await append(await mine.hold(topic), 5);
      await again().catch((error: unknown) => {
        if (!(error instanceof NotOwnerError)) throw error;
        return again();
      });
      expect(await numbersOf(other.of(topic))).to.deep.equal([1, 2, 3, 4, 5]);
    });
  });
}

const append = (journal: Pick<Journal, 'append'>, first: number, count = 1) => {
  const numbers = Array.from({ length: count }, (_, index) => SeqNr.of(first + index));
  return journal.append(
    Events.of(numbers.map((seqNr) => ({ seqNr, tags: [], payload: undefined }))),
  );
};

async function numbersOf(journal: Pick<Journal, 'read'>): Promise<number[]> {
  const numbers: number[] = [];
  for await (const batch of journal.read())
    numbers.push(...batch.map(({ event }) => Number(event.seqNr)));
  return numbers;
}

/** The holders of all opening marks of the partition, in order. */
async function openingsOf({ ports: { consumer } }: Holder, topic: Topic): Promise<string[]> {
  const end = await consumer.endOffset(topic, partition);
  const opened: string[] = [];
  for await (const { records, next } of consumer.follow({ topic, partition, from: Offset.min })) {
    for (const { action } of records) opened.push(...openedBy(action.header));
    if (next >= end) break;
  }
  return opened;
}

const openedBy = (header: ActionHeader): string[] =>
  header.type === 'mark' && header.opens !== undefined ? [header.opens.holder] : [];
