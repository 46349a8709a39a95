import { expect } from 'chai';
import { FencedError } from '../../../../../src/model/errors.ts';
import { Key } from '../../../../../src/model/key.ts';
import type { Offset, Partition } from '../../../../../src/model/position.ts';
import { Topic } from '../../../../../src/model/position.ts';
import { silentLogger } from '../../../../../src/observability/logger.ts';
import type { TopicSubscriber } from '../../../../../src/ports/topic-consumer.ts';
import { systemClock } from '../../../../../src/runtime/clock.ts';
import { openSqliteStore, type SqliteStore } from '../../../../../src/stores/sqlite/store.ts';
import { temporaryFile } from '../temporary-file.ts';

const topic = Topic.of('journal');

/** A store whose clock runs ahead, so that it takes every owner for silent. */
function open(file: string, aheadMs = 0): Promise<SqliteStore> {
  const clock = { ...systemClock, nowMs: () => Date.now() + aheadMs };
  return openSqliteStore({ file, partitions: 2, segmentSize: 100 }, { log: silentLogger, clock });
}

/** A subscriber that keeps what it was told, and can be waited for until it was told `what`. */
function subscriberThatListens() {
  const steps: string[] = [];
  const note = (step: string) => async () => {
    steps.push(step);
    return undefined;
  };
  const subscriber: TopicSubscriber = {
    assigned: note('assigned'),
    records: note('records'),
    revoked: note('revoked'),
    lost: note('lost'),
  };
  const told = async (what: string): Promise<void> => {
    while (!steps.includes(what)) await new Promise((resolve) => setTimeout(resolve, 5));
  };
  return { subscriber, steps, told };
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
    const partition = 0 as Partition;
    const stop = new AbortController();
    const [loser, winner] = [subscriberThatListens(), subscriberThatListens()];
    const run = async (store: SqliteStore, { subscriber }: typeof loser) => {
      const consumer = await store.topicConsumers.open(topic);
      await consumer.run(subscriber, { signal: stop.signal });
    };
    const running = [run(one, loser)];
    await loser.told('records');
    await one.replicated.claim(topic, partition, { nowMs: 1 });
    running.push(run(two, winner));
    await winner.told('records');
    const at = { topic, partition, offset: 0 as Offset, after: undefined };
    const refused = await one.replicated.saveOffset(at, 1).catch((error: unknown) => error);
    expect(refused).to.be.instanceOf(FencedError);
    expect((refused as Error).message).to.include('another process replicates journal');
    await two.replicated.claim(topic, partition, { nowMs: 1 });
    await two.replicated.saveOffset(at, 1);
    await loser.told('lost');
    stop.abort();
    await Promise.all(running);
    expect(loser.steps).to.deep.equal(['assigned', 'assigned', 'records', 'lost', 'lost']);
    expect(winner.steps).to.deep.equal(['assigned', 'assigned', 'records', 'revoked', 'revoked']);
  });

  it('waits for a topic that does not exist yet, and stops meanwhile', async () => {
    await using store = await open(':memory:');
    const early = subscriberThatListens();
    const stop = new AbortController();
    const consumer = await store.topicConsumers.open(topic);
    const run = consumer.run(early.subscriber, { signal: stop.signal });
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(early.steps).to.deep.equal([]);
    await produce(store);
    await early.told('records');
    stop.abort();
    await run;
    expect(early.steps).to.deep.equal(['assigned', 'assigned', 'records', 'revoked', 'revoked']);
  });
});
