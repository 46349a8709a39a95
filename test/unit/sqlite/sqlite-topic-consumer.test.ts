import { expect } from 'chai';
import { StoreUnavailableError } from '../../../src/model/errors.ts';
import { Key } from '../../../src/model/key.ts';
import type { Offset, Partition } from '../../../src/model/position.ts';
import { Topic } from '../../../src/model/position.ts';
import { silentLogger } from '../../../src/observability/logger.ts';
import type { TopicSubscriber } from '../../../src/ports/topic-consumer.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import { openSqliteStore, type SqliteStore } from '../../../src/sqlite/sqlite-store.ts';
import { temporaryFile } from './temporary-file.ts';

const topic = Topic.of('journal');

/** A store whose clock runs ahead, so that it takes every owner for silent. */
function open(file: string, aheadMs = 0): Promise<SqliteStore> {
  const clock = { ...systemClock, nowMs: () => Date.now() + aheadMs };
  return openSqliteStore({ file, partitions: 2, segmentSize: 100 }, { log: silentLogger, clock });
}

/** Resolves when the subscriber was told `what`, with the steps up to then. */
function told(what: string): { subscriber: TopicSubscriber; steps: string[]; seen: Promise<void> } {
  const steps: string[] = [];
  const { promise: seen, resolve } = Promise.withResolvers<void>();
  const note = (step: string) => async () => {
    steps.push(step);
    if (step === what) resolve();
    return undefined;
  };
  const [assigned, records] = [note('assigned'), note('records')];
  return {
    subscriber: { assigned, records, revoked: note('revoked'), lost: note('lost') },
    steps,
    seen,
  };
}

async function produce(store: SqliteStore): Promise<void> {
  const header = { type: 'mark', id: 'm', origin: undefined, version: undefined } as const;
  await store.producer.produce({ key: Key.of(topic, 'a'), timestampMs: 1, header });
}

describe('sqlite topic consumer', () => {
  it('tells `lost`, lets nothing be written and joins again, when another process has taken the topic', async () => {
    await using temporary = await temporaryFile();
    await using one = await open(temporary.file);
    await using two = await open(temporary.file, 3_600_000);
    await produce(one);
    const stop = new AbortController();
    const loser = told('lost');
    const winner = told('records');
    const run = async (store: SqliteStore, subscriber: TopicSubscriber) => {
      const consumer = await store.topicConsumers.open(topic);
      await consumer.run(subscriber, { signal: stop.signal });
    };
    const first = told('records');
    const running = [run(one, { ...loser.subscriber, records: first.subscriber.records })];
    await first.seen;
    running.push(run(two, winner.subscriber));
    await winner.seen;
    const at = { topic, partition: 0 as Partition, offset: 0 as Offset };
    const refused = await one.replicated.saveOffset(at, 1).catch((error: unknown) => error);
    expect(refused).to.be.instanceOf(StoreUnavailableError);
    expect((refused as Error).message).to.include('another process replicates journal');
    await two.replicated.saveOffset(at, 1);
    await loser.seen;
    stop.abort();
    await Promise.all(running);
    expect(loser.steps).to.deep.equal(['assigned', 'assigned', 'lost', 'lost']);
    expect(winner.steps.filter((step) => step !== 'records')).to.deep.equal([
      ...['assigned', 'assigned', 'revoked', 'revoked'],
    ]);
  });

  it('waits for a topic that does not exist yet, and stops meanwhile', async () => {
    await using store = await open(':memory:');
    const early = told('records');
    const stop = new AbortController();
    const consumer = await store.topicConsumers.open(topic);
    const run = consumer.run(early.subscriber, { signal: stop.signal });
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(early.steps).to.deep.equal([]);
    await produce(store);
    await early.seen;
    stop.abort();
    await run;
    expect(early.steps).to.deep.equal(['assigned', 'assigned', 'records', 'revoked', 'revoked']);
  });
});
