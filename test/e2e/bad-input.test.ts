import { expect } from 'chai';
import { waitFor } from 'xstate';
import {
  ConfigError,
  createPersistence,
  InvalidInputError,
  isReady,
  type JournalError,
  LogUnavailableError,
  NotSetUpError,
  type Persistence,
  StoreUnavailableError,
  WriteRejectedError,
} from '../../src/index.ts';
import { openKafkaAdmin } from '../../src/kafka/kafka-admin.ts';
import { Topic } from '../../src/model/position.ts';
import { sharedKeyspace } from '../integration/cassandra/shared-keyspace.ts';
import { plainKafka } from '../integration/kafka/kafka-fixture.ts';
import { counter } from '../support/counter.ts';
import { journalSettings, kafkaWorld, quietDeps } from '../support/kafka/world.ts';

const journal = 'evolutiongaming.kafka-journal.persistence.journal';
/** An address where nothing listens. */
const nowhere = '127.0.0.1:9';

describe('bad input', () => {
  const world = kafkaWorld({ keyspace: sharedKeyspace() });

  it('refuses an unknown key with its path, before any connection', async () => {
    const { configText } = kafkaWorld({ more: `${journal}.kafka.bootstrap-server = ["x:1"]` });
    const error = await failureOf(configText);
    expect(error).to.be.instanceOf(ConfigError);
    expect(error.message).to.include(`${journal}.kafka.bootstrap-server`);
  });

  it('names the address where no broker answers, within start-timeout', async () => {
    const { configText } = kafkaWorld({ kafka: nowhere, more: `${journal}.start-timeout = 5s` });
    const error = rootOf(await failureOf(configText), LogUnavailableError);
    expect(error).to.be.instanceOf(LogUnavailableError);
    expect(error.message).to.include(nowhere);
    expect(error.retryable).to.equal(true);
  });

  it('names the topic that does not exist and may not be created', async () => {
    const { configText, topic } = kafkaWorld({ more: `${journal}.kafka.topic.auto-create = off` });
    const error = rootOf(await failureOf(configText), NotSetUpError);
    expect(error).to.be.instanceOf(NotSetUpError);
    expect(error.message).to.include(topic);
  });

  it('fails a recovery while Cassandra is away: bounded, and worth trying again', async () => {
    const { configText } = kafkaWorld({
      cassandra: nowhere,
      more: `${journal}.start-timeout = 5s`,
    });
    const error = rootOf(await failureOf(configText), StoreUnavailableError);
    expect(error).to.be.instanceOf(StoreUnavailableError);
    expect(error.retryable).to.equal(true);
  });

  it('refuses a blank persistence id', async () => {
    const error = await failureOf(world.configText, '  ');
    expect(rootOf(error, InvalidInputError)).to.be.instanceOf(InvalidInputError);
  });

  it('names the persistence id that maps to an illegal topic', async () => {
    const { configText } = kafkaWorld({ more: `${journal}.persistence-id-to-key.impl = split` });
    const error = rootOf(await failureOf(configText, 'a/b-1'), InvalidInputError);
    expect(error.message).to.include('a/b-1');
  });

  it('rejects an event that does not serialise, with its JSON path; the actor lives', async () => {
    await withCounter(world.configText, async (counters) => {
      const bad = { type: 'added', by: 1, note: { items: [1, undefined] } } as const;
      const error = await failed(counters.ask('serialise', bad));
      expect(error).to.be.instanceOf(WriteRejectedError);
      expect((error as WriteRejectedError).path).to.equal('event.note.items[1]');
      const { snapshot } = await counters.ask('serialise', { type: 'added', by: 2 });
      expect(snapshot.context.sum).to.equal(2);
    });
  });

  it('fails a recovery at an undecodable record, naming topic, partition and offset', async () => {
    await withCounter(world.configText, async (counters) => {
      await counters.ask('poison', { type: 'added', by: 1 });
    });
    const [at] = await produceRaw(world.topic, 'poison', '{"append":');
    const error = await failureOf(world.configText, 'poison');
    const text = chainOf(error);
    expect(text).to.include(`topic ${world.topic}`);
    expect(text).to.include(`partition ${at?.partition}`);
    expect(text).to.include(`offset ${at?.baseOffset}`);
  });

  it('leaves other journals of the topic alone', async () => {
    await withCounter(world.configText, async (counters) => {
      await counters.ask('healthy', { type: 'added', by: 3 });
    });
    await withCounter(world.configText, async (counters) => {
      expect((await waitFor(counters.ref('healthy'), isReady)).context.sum).to.equal(3);
    });
  });

  it('creates a topic only where it may', async () => {
    const { kafka } = await journalSettings(world.configText);
    const admin = await openKafkaAdmin(kafka, quietDeps);
    try {
      const topics = await admin.topics();
      expect(topics).to.include(Topic.of(world.topic));
    } finally {
      await admin[Symbol.asyncDispose]();
    }
  });
});

type Counters = ReturnType<typeof countersOf>;

function countersOf(persistence: Persistence) {
  const persistenceId = ({ input }: { input: { id: string } }): string => input.id;
  return persistence.entities('counter', persistence.persistent(counter, { persistenceId }));
}

async function withCounter(
  configText: string,
  use: (counters: Counters) => Promise<void>,
): Promise<void> {
  const persistence = await createPersistence({ config: configText });
  try {
    await use(countersOf(persistence));
  } finally {
    await persistence.shutdown();
  }
}

/** Why an actor of this configuration does not get ready. */
async function failureOf(configText: string, id = 'any'): Promise<JournalError> {
  return await failed(
    withCounter(configText, async (counters) => {
      await waitFor(counters.ref(id), isReady);
    }),
  );
}

async function failed(call: Promise<unknown>): Promise<JournalError> {
  try {
    await call;
  } catch (error) {
    return error as JournalError;
  }
  throw new Error('it did not fail');
}

/** The first error of the given class along the causes, or the error itself. */
function rootOf(error: JournalError, type: abstract new (...args: never[]) => Error): JournalError {
  const found = [...causesOf(error)].find((cause) => cause instanceof type);
  return (found as JournalError | undefined) ?? error;
}

function* causesOf(error: unknown): Generator<Error> {
  for (let at = error; at instanceof Error; at = at.cause) yield at;
}

function chainOf(error: Error): string {
  return [...causesOf(error)].map(({ name, message }) => `${name}: ${message}`).join(' < ');
}

async function produceRaw(topic: string, key: string, action: string) {
  const producer = plainKafka().producer();
  await producer.connect();
  try {
    return await producer.send({
      topic,
      messages: [{ key, value: '{}', headers: { 'journal.action': action } }],
    });
  } finally {
    await producer.disconnect();
  }
}
