import { randomBytes } from 'node:crypto';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import { waitFor } from 'xstate';
import { openJournals } from '../../../src/compose/open-journals.ts';
import { createPersistence, isReady, type Persistence } from '../../../src/index.ts';
import { openKafkaActionProducer } from '../../../src/kafka/producer/kafka-action-producer.ts';
import { WriteRejectedError } from '../../../src/model/errors.ts';
import { Events } from '../../../src/model/event.ts';
import { Key } from '../../../src/model/key.ts';
import { Topic } from '../../../src/model/position.ts';
import { SeqNr } from '../../../src/model/seq-nr.ts';
import { appendOf, keyOf } from '../../contract/action-log.fixture.ts';
import { counter } from '../../support/counter.ts';
import { kafkaWorld } from '../../support/kafka/world.ts';
import { temporaryFile } from '../../unit/stores/sqlite/temporary-file.ts';
import { kafkaSettings, plainKafka, quietDeps } from './kafka-fixture.ts';

/** Base64 of random bytes: no compression makes it small. */
const textOf = (bytes: number): string => randomBytes(bytes).toString('base64').slice(0, bytes);
const small = (): string => textOf(200);
const large = (): string => textOf(400_000);
const others = 20;

for (const partitions of [1, 6]) {
  describe(`20 events of 200 B and one of 400 kB at once, ${partitions} partition(s) of a topic that takes 100 kB`, function () {
    this.timeout(60_000);
    let config: string;
    let topic: Topic;
    let temporary: Awaited<ReturnType<typeof temporaryFile>>;
    before(async () => {
      temporary = await temporaryFile();
      const file = join(dirname(temporary.file), 'events.db');
      const world = kafkaWorld({
        more: `evolutiongaming.kafka-journal { eventual = sqlite, sqlite.file = "${file}" }`,
      });
      config = world.configText;
      topic = Topic.of(world.topic);
      const operator = plainKafka().admin();
      await operator.connect();
      const configEntries = [
        { name: 'max.message.bytes', value: '100000' },
        { name: 'message.timestamp.after.max.ms', value: '3600000' },
        { name: 'retention.ms', value: '-1' },
      ];
      await operator.createTopics({
        topics: [{ topic, numPartitions: partitions, configEntries }],
      });
      await operator.disconnect();
    });
    after(() => temporary[Symbol.asyncDispose]());

    const expectOneRefused = (results: readonly unknown[], culprit: string): void => {
      const failures = results.filter((result) => result instanceof Error) as Error[];
      const [error] = failures;
      expect(failures).to.have.length(1);
      expect(results[others / 2]).to.equal(error);
      const rejected = causesOf(error).find((cause) => cause instanceof WriteRejectedError);
      expect(rejected?.message)
        .to.include(`${topic}:${culprit}`)
        .and.include('MESSAGE_TOO_LARGE')
        .and.include('max.message.bytes');
    };
    const settled = (calls: readonly Promise<unknown>[]): Promise<unknown[]> =>
      Promise.all(calls.map((call) => call.catch((error: unknown) => error)));

    it('appended to journals: 20 are stored, one is refused', async () => {
      await using journals = await openJournals({ config });
      const append = (id: string, text: string): Promise<unknown> => {
        const payload = { type: 'json', value: { text } } as const;
        const events = Events.of([{ seqNr: SeqNr.of(1), tags: [], payload }]);
        return journals.of(Key.of(topic, id)).append(events);
      };
      await append('first', small());
      const ids = Array.from({ length: others + 1 }, (_, i) => `j-${i}`);
      const results = await settled(
        ids.map((id, i) => append(id, i === others / 2 ? large() : small())),
      );
      expectOneRefused(results, `j-${others / 2}`);
      const pointers = await Promise.all(ids.map((id) => journals.of(Key.of(topic, id)).pointer()));
      expect(pointers).to.deep.equal(ids.map((_, i) => (i === others / 2 ? undefined : 1)));
    });

    it('written by actors: 20 are stored, one is refused, and every entity lives and recovers', async () => {
      const ids = Array.from({ length: others + 1 }, (_, i) => `a-${i}`);
      await withCounters(config, async (counters) => {
        await Promise.all(ids.map((id) => waitFor(counters.ref(id), isReady)));
        const ask = (id: string, note: string) => counters.ask(id, { type: 'added', by: 1, note });
        const results = await settled(
          ids.map((id, i) => ask(id, i === others / 2 ? large() : small())),
        );
        expectOneRefused(results, `a-${others / 2}`);
        await Promise.all(ids.map((id) => ask(id, small())));
      });
      await withCounters(config, async (counters) => {
        const refs = await Promise.all(ids.map((id) => waitFor(counters.ref(id), isReady)));
        const sums = refs.map((snapshot) => snapshot.context.sum);
        expect(sums).to.deep.equal(ids.map((_, i) => (i === others / 2 ? 1 : 2)));
      });
    });

    it('asked of one actor: the commands around the large one are stored', async () => {
      await withCounters(config, async (counters) => {
        await waitFor(counters.ref('one'), isReady);
        const results = await settled(
          Array.from({ length: others + 1 }, (_, i) => {
            const note = i === others / 2 ? large() : small();
            return counters.ask('one', { type: 'added', by: 1, note });
          }),
        );
        expectOneRefused(results, 'one');
        const { snapshot } = await counters.ask('one', { type: 'added', by: 1 });
        expect(snapshot.context.sum).to.equal(others + 1);
      });
    });

    it('or one whose timestamp the topic does not take: it alone is refused', async () => {
      await using producer = await openKafkaActionProducer(kafkaSettings(), quietDeps);
      await producer.produce(appendOf(keyOf(topic, 'first'), 1));
      const results = await settled(
        Array.from({ length: others + 1 }, (_, i) => {
          const action = appendOf(keyOf(topic, `t-${i}`), 1);
          const timestampMs = i === others / 2 ? Date.now() + 86_400_000 : action.timestampMs;
          return producer.produce({ ...action, timestampMs });
        }),
      );
      const failures = results.filter((result) => result instanceof Error) as Error[];
      expect(failures).to.deep.equal([results[others / 2]]);
      expect(failures[0]).to.be.instanceOf(WriteRejectedError);
      expect(failures[0]?.message).to.include('message.timestamp.after.max.ms');
    });
  });
}

function countersOf(persistence: Persistence) {
  const persistenceId = ({ input }: { input: { id: string } }): string => input.id;
  return persistence.entities('counter', persistence.persistent(counter, { persistenceId }));
}

async function withCounters(
  config: string,
  use: (counters: ReturnType<typeof countersOf>) => Promise<void>,
): Promise<void> {
  const persistence = await createPersistence({ config });
  try {
    await use(countersOf(persistence));
  } finally {
    await persistence.shutdown();
  }
}

function causesOf(error: unknown): Error[] {
  const causes: Error[] = [];
  for (let at = error; at instanceof Error; at = at.cause) causes.push(at);
  return causes;
}
