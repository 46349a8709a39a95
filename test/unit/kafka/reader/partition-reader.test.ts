import { expect } from 'chai';
import { fetchErrors } from '../../../../src/kafka/driver-errors.ts';
import { LogCluster } from '../../../../src/kafka/log-cluster.ts';
import { openKafkaActionConsumer } from '../../../../src/kafka/reader/kafka-action-consumer.ts';
import type { Action } from '../../../../src/model/action.ts';
import { NotSetUpError } from '../../../../src/model/errors.ts';
import { Key } from '../../../../src/model/key.ts';
import { Offset } from '../../../../src/model/position.ts';
import type { ActionConsumer } from '../../../../src/ports/action-consumer.ts';
import { deps, FakeBrokers, settings } from '../../../support/kafka/fake-log-cluster.ts';
import { settle } from '../../../support/replicator/manual-clock.ts';
import { actionOf, append, partition0, topic } from '../../../support/replicator/records.ts';

describe('Reads of one partition at the same time', () => {
  let brokers: FakeBrokers;
  let consumer: ActionConsumer;
  const openReal = Object.getOwnPropertyDescriptor(LogCluster, 'open');

  beforeEach(async () => {
    brokers = new FakeBrokers();
    LogCluster.open = async () => brokers.cluster();
    consumer = await openKafkaActionConsumer(settings, deps);
  });
  afterEach(async () => {
    if (openReal !== undefined) Object.defineProperty(LogCluster, 'open', openReal);
    await consumer[Symbol.asyncDispose]();
  });

  /** Batches of `size` records, whose keys come from `idOf` by offset. */
  function write(batches: number, size: number, idOf: (offset: number) => string): void {
    const known = new Map<string, Action>();
    const actionFor = (id: string): Action => {
      const action = known.get(id) ?? actionOf(id, append(1));
      known.set(id, action);
      return action;
    };
    for (let batch = 0; batch < batches; batch++) {
      const first = brokers.end(0);
      const [head, ...rest] = Array.from({ length: size }, (_, index) =>
        actionFor(idOf(first + index)),
      );
      if (head !== undefined) brokers.add(0, [head, ...rest]);
    }
  }

  function reading(id: string, from = 0) {
    const to = Offset.of(brokers.end(0));
    return consumer.read({
      key: Key.of(topic, id),
      partition: partition0,
      from: Offset.of(from),
      to,
    });
  }

  async function count(id: string): Promise<number> {
    let records = 0;
    for await (const batch of reading(id)) records += batch.length;
    return records;
  }

  it('wait for a leader that shows the end late, also while the time of day is set forward', async () => {
    write(1, 3, () => 'a');
    const now = Date.now;
    let answers = 0;
    brokers.answer = async () => {
      answers++;
      if (answers === 3) Date.now = () => now() + 3_600_000;
      if (answers === 5) write(1, 1, () => 'a');
      return undefined;
    };
    const wanted = { key: Key.of(topic, 'a'), partition: partition0, from: Offset.of(0) };
    let records = 0;
    try {
      for await (const batch of consumer.read({ ...wanted, to: Offset.of(4) })) {
        records += batch.length;
      }
    } finally {
      Date.now = now;
    }
    expect(records).to.equal(4);
  });

  it('go on when the metadata has lost their topic for a moment', async () => {
    write(1, 3, () => 'a');
    let isKnown = true;
    const cluster = brokers.cluster();
    const leaderOf = cluster.leaderOf.bind(cluster);
    Object.assign(cluster, {
      learnTopic: async () => {
        isKnown = true;
      },
      leaderOf: (name: string, partition: number) => {
        if (!isKnown) throw new NotSetUpError(`topic ${name} has no partition ${partition}`);
        return leaderOf(name, partition);
      },
    });
    LogCluster.open = async () => cluster;
    await using other = await openKafkaActionConsumer(settings, deps);
    brokers.answer = async () => {
      if (brokers.fetches > 1) return undefined;
      isKnown = false;
      return fetchErrors.unknownTopic;
    };
    const range = { key: Key.of(topic, 'a'), partition: partition0, from: Offset.of(0) };
    const offsets: number[] = [];
    for await (const batch of other.read({ ...range, to: Offset.of(3) }))
      offsets.push(...batch.map(({ at }) => at.offset));
    expect(offsets).to.deep.equal([0, 1, 2]);
  });

  it('share one pass: 100 recoveries fetch each batch once', async () => {
    write(50, 100, (offset) => `id-${offset % 100}`);
    const counts = await Promise.all(Array.from({ length: 100 }, (_, n) => count(`id-${n}`)));
    expect(counts).to.deep.equal(Array.from({ length: 100 }, () => 50));
    expect(brokers.fetches).to.equal(50);
  });

  it('all get the opening marks of other keys, in their order', async () => {
    const opens = { scope: 'a', holder: 'h', address: undefined };
    const mark = { type: 'mark', id: 'm', origin: undefined, version: undefined } as const;
    const opening = { key: Key.of(topic, 'host'), timestampMs: 0, header: { ...mark, opens } };
    const plain = { ...opening, header: mark };
    brokers.add(0, [actionOf('a', append(1)), opening, actionOf('b', append(1)), plain]);
    brokers.add(0, [opening, actionOf('a', append(2))]);
    const offsets = async (id: string): Promise<number[]> => {
      const seen: number[] = [];
      for await (const batch of reading(id)) seen.push(...batch.map(({ at }) => at.offset));
      return seen;
    };
    const read = await Promise.all(['a', 'b', 'host', 'none'].map(offsets));
    expect(read).to.deep.equal([[0, 1, 4, 5], [1, 2, 4], [1, 3, 4], [1, 4]]); // biome-ignore format: one line
    expect(brokers.fetches).to.equal(2);
  });

  it('share two passes at most, however many begin below them one after another', async () => {
    write(50, 10, (offset) => `id-${offset % 10}`);
    let mostAtOnce = 0;
    brokers.answer = async () => {
      mostAtOnce = Math.max(mostAtOnce, brokers.asking);
      return undefined;
    };
    const counts: Promise<number>[] = [];
    for (let group = 0; group < 10; group++) {
      for (let n = 0; n < 10; n++) counts.push(count(`id-${n}`));
      const begun = brokers.fetches;
      while (brokers.fetches < begun + 5) await settle();
    }
    expect(await Promise.all(counts)).to.deep.equal(counts.map(() => 50));
    expect(mostAtOnce).to.equal(2);
  });

  it('hold a bounded number of records for a caller that does not take them, and keep nobody else', async () => {
    write(12, 5_000, (offset) => (offset % 100 === 0 ? 'fast' : 'slow'));
    const slow = reading('slow')[Symbol.asyncIterator]();
    let taken = (await slow.next()).value?.length ?? 0;
    while (brokers.asking > 0) await settle();
    await settle();
    // 20,000 records wait at most, and those of the fetch that filled it up; one fetch is ahead.
    expect(brokers.fetches).to.be.at.most(7);
    expect(await count('fast')).to.equal(600);
    for (;;) {
      const step = await slow.next();
      if (step.done) break;
      taken += step.value.length;
    }
    expect(taken).to.equal(12 * 4_950);
  });
});
