import { expect } from 'chai';
import {
  DeadlineExceededError,
  Events,
  type Key,
  type OpenJournals,
  openJournals,
  SeqNr,
} from '../../src/index.ts';
import { Topic } from '../../src/model/position.ts';
import { silentLogger } from '../../src/observability/logger.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { openSqliteParts } from '../../src/stores/sqlite/store.ts';
import { temporaryFile } from '../unit/stores/sqlite/temporary-file.ts';

const path = 'evolutiongaming.kafka-journal.embedded.journal';
const readTimeoutMs = 300;

describe('the embedded journal', () => {
  let file = '';
  const opened: AsyncDisposable[] = [];
  beforeEach(async () => {
    const temporary = await temporaryFile();
    opened.push(temporary);
    file = temporary.file;
  });
  afterEach(async () => {
    for (const resource of opened.splice(0).reverse()) await resource[Symbol.asyncDispose]();
  });

  async function open(more = ''): Promise<OpenJournals> {
    const config = `akka.persistence.journal.plugin = "${path}"\n${path} { file = "${file}", ${more} }`;
    const journals = await openJournals({ config });
    opened.push(journals);
    return journals;
  }

  async function append(journals: OpenJournals, key: Key, seqNr = 1): Promise<void> {
    const payload = { type: 'text', value: 'x' } as const;
    await journals.of(key).append(Events.of([{ seqNr: SeqNr.of(seqNr), tags: [], payload }]));
  }

  async function idsOf(journals: OpenJournals, topic: string): Promise<string[]> {
    const ids: string[] = [];
    for await (const id of journals.ids(Topic.of(topic))) ids.push(id);
    return ids.sort();
  }

  /** What is in the store, by topic, without waiting for it. */
  async function storedTopics(): Promise<readonly string[]> {
    const parts = await openSqliteParts({ file, partitions: 1, segmentSize: 100 }, deps);
    try {
      return (await parts.store.replicated.topics()).toSorted();
    } finally {
      await parts.store[Symbol.asyncDispose]();
    }
  }

  const deps = { log: silentLogger, clock: systemClock };
  const split = 'persistence-id-to-key.impl = split';

  it('replicates every topic that persistence ids name, those it had and those that come', async () => {
    const first = await open(split);
    for (const id of ['orders-1', 'users-1', 'no separator']) await append(first, first.keyOf(id));
    await opened.pop()?.[Symbol.asyncDispose]();

    const second = await open(split);
    await append(second, second.keyOf('later-1'));
    for (const topic of ['orders', 'users', 'journal', 'later']) await idsOf(second, topic);
    expect(await storedTopics()).to.deep.equal(['journal', 'later', 'orders', 'users']);
    expect(await idsOf(second, 'journal')).to.deep.equal(['no separator']);
    expect(await idsOf(second, 'later')).to.deep.equal(['1']);
  });

  it('replicates topics of other sections that use the same file', async () => {
    const first = await open('persistence-id-to-key.constant-topic.topic = other');
    await append(first, first.keyOf('a'));
    await opened.pop()?.[Symbol.asyncDispose]();
    const second = await open();
    expect(await idsOf(second, 'other')).to.deep.equal(['a']);
  });

  it('lists every id that was acknowledged before the call, at once', async () => {
    const journals = await open();
    const expected: string[] = [];
    for (let round = 0; round < 5; round++) {
      for (let n = 0; n < 20; n++) expected.push(`${round}-${n}`);
      await Promise.all(expected.slice(-20).map((id) => append(journals, journals.keyOf(id))));
      expect(await idsOf(journals, 'journal')).to.deep.equal(expected.toSorted());
    }
    await journals.of(journals.keyOf('0-0')).purge();
    expect(await idsOf(journals, 'journal')).to.deep.equal(expected.slice(1).sort());
  });

  it('has no ids, and does not wait, where there is no topic', async () => {
    const journals = await open();
    expect(await idsOf(journals, 'none')).to.deep.equal([]);
  });

  it('waits no longer than read-timeout and its signal for ids, and says how far it got', async () => {
    const parts = await openSqliteParts({ file, partitions: 1, segmentSize: 100 }, deps);
    opened.push(parts.store);
    const topic = Topic.of('journal');
    const journals = await open(`partitions = 1, read-timeout = ${readTimeoutMs}ms`);
    // Another owner, who does nothing: this process is alive.
    parts.ownership.acquire(topic, Date.now());
    await append(journals, journals.keyOf('a'));
    const failure = await idsOf(journals, 'journal').catch((error: unknown) => error);
    expect(failure).to.be.instanceOf(DeadlineExceededError);
    expect((failure as Error).message).to.equal(
      `partition 0 of journal is replicated up to offset none, not 0, within read-timeout, ${readTimeoutMs} ms`,
    );

    const reason = new Error('enough');
    const ids = journals.ids(topic, { signal: AbortSignal.timeout(20) });
    const aborted = await ids[Symbol.asyncIterator]()
      .next()
      .catch((error: unknown) => error);
    expect(aborted).to.have.property('name', 'TimeoutError');
    const never = journals.ids(topic, { signal: AbortSignal.abort(reason) });
    expect(
      await never[Symbol.asyncIterator]()
        .next()
        .catch((error: unknown) => error),
    ).to.equal(reason);
  });
});
