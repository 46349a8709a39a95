import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { partitionOf } from '../../src/codec/java-hash.ts';
import { openEventualStore } from '../../src/compose/open-eventual-store.ts';
import { createPersistence } from '../../src/index.ts';
import { openKafkaActionConsumer } from '../../src/kafka/reader/kafka-action-consumer.ts';
import { Partition, Topic } from '../../src/model/position.ts';
import type { ActionConsumer } from '../../src/ports/action-consumer.ts';
import type { EventualJournal } from '../../src/ports/eventual-journal.ts';
import { sharedKeyspace } from '../integration/cassandra/shared-keyspace.ts';
import { plainKafka } from '../integration/kafka/kafka-fixture.ts';
import { counter } from '../support/counter.ts';
import { runReplicator } from '../support/kafka/in-process-replicator.ts';
import { journalSettings, kafkaWorld, quietDeps } from '../support/kafka/world.ts';
import { RecordingLogger } from '../support/recording-logger.ts';

const limitMs = 30_000;

describe('an undecodable record in the topic', () => {
  const { configText, ...world } = kafkaWorld({ keyspace: sharedKeyspace() });
  const topic = Topic.of(world.topic);
  let store: EventualJournal;
  let log: ActionConsumer;

  before(async () => {
    const persistence = await createPersistence({ config: configText });
    const persistenceId = ({ input }: { input: { id: string } }): string => input.id;
    const counters = persistence.entities(
      'counter',
      persistence.persistent(counter, { persistenceId }),
    );
    const ids = Array.from({ length: 20 }, (_, index) => `key-${index}`);
    await Promise.all(ids.map((id) => counters.ask(id, { type: 'added', by: 1 })));
    await persistence.shutdown();
    const settings = await journalSettings(configText);
    store = await openEventualStore(settings.eventual, quietDeps);
    log = await openKafkaActionConsumer(settings.kafka, quietDeps);
  });

  after(async () => {
    await log[Symbol.asyncDispose]();
    await store[Symbol.asyncDispose]();
  });

  it('holds its own partition in front of it, is named in the log, and the other partitions go on', async () => {
    const poisoned = partitionOf(Buffer.from('poison'), 4);
    const offset = await producePoison(world.topic);
    const lines = new RecordingLogger();
    await using _replicator = await runReplicator(configText, { log: lines });
    for (let number = 0; number < 4; number++) {
      const partition = Partition.of(number);
      const end = await log.endOffset(topic, partition);
      const last = partition === poisoned ? offset - 1 : end - 1;
      await eventually(async () => ((await store.offset(topic, partition)) ?? -1) === last);
    }
    const named = lines.lines
      .filter(({ level }) => level === 'error')
      .map((line) => JSON.stringify(line));
    const place = new RegExp(
      `${world.topic}.*"?partition"?\\W+${poisoned}\\b.*"?offset"?\\W+${offset}\\b`,
    );
    expect(
      named.some((line) => place.test(line)),
      named.join('\n'),
    ).to.equal(true);
  });

  it('is skipped when an operator names it, and by the policy skip-and-record: written down first', async () => {
    const poisoned = Partition.of(partitionOf(Buffer.from('poison'), 4));
    const first = (await store.offset(topic, poisoned)) ?? -1;
    const second = await producePoison(world.topic);
    const folder = mkdtempSync(join(tmpdir(), 'poison-'));
    const file = join(folder, 'quarantine.jsonl');
    const replicator = 'evolutiongaming.kafka-journal.replicator';
    const withFile = `${configText}\n${replicator}.quarantine-file = "${file}"`;
    try {
      const place = `${topic}:${poisoned}:${first + 1}`;
      const named = `${withFile}\n${replicator}.quarantine-skip = ["${place}"]`;
      {
        await using _told = await runReplicator(named);
        await eventually(async () => (await store.offset(topic, poisoned)) === second - 1);
      }
      const policy = `${withFile}\n${replicator}.quarantine = skip-and-record`;
      {
        await using _skipping = await runReplicator(policy);
        await eventually(async () => (await store.offset(topic, poisoned)) === second);
      }
      expect(
        quarantined(file).map(({ offset, reason, key }) => [offset, reason, key]),
      ).to.deep.equal([
        [first + 1, 'quarantine-skip', 'poison'],
        [second, 'skip-and-record', 'poison'],
      ]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

/** Records skipped, by the quarantine file. */
function quarantined(file: string): { offset: number; reason: string; key: string }[] {
  const lines = readFileSync(file, 'utf8').split('\n');
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line));
}

async function producePoison(topic: string): Promise<number> {
  const producer = plainKafka().producer();
  await producer.connect();
  try {
    const headers = { 'journal.action': '{"append":' };
    const messages = [{ key: 'poison', value: '{}', headers }];
    const [answer] = await producer.send({ topic, messages });
    return Number(answer?.baseOffset);
  } finally {
    await producer.disconnect();
  }
}

async function eventually(isSo: () => Promise<boolean>): Promise<void> {
  const until = Date.now() + limitMs;
  while (!(await isSo())) {
    if (Date.now() > until) throw new Error(`not within ${limitMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
