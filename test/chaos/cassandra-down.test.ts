import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { waitFor } from 'xstate';
import {
  createPersistence,
  isReady,
  type JournalError,
  type Persistence,
} from '../../src/index.ts';
import { counter } from '../support/counter.ts';
import { kafkaConfig } from '../support/kafka/kafka-config.ts';
import { joinStack } from '../support/stack/shared-stack.ts';
import type { Stack } from '../support/stack/stack.ts';

describe('Cassandra is killed', function () {
  this.timeout(180_000);
  let stack: Stack;
  let persistence: Persistence;

  before(async () => {
    stack = await joinStack();
    const name = `down-${randomUUID().slice(0, 8)}`;
    const addresses = { kafka: stack.kafka.address, cassandra: stack.cassandra.address };
    const names = { topic: name, keyspace: name.replace('-', '_') };
    const more = `evolutiongaming.kafka-journal.persistence.journal {
      read-timeout = 5s
      cassandra { retries = 1, client.socket.read-timeout = 2s }
    }`;
    const config = kafkaConfig({ ...addresses, ...names, more });
    persistence = await createPersistence({ config });
  });

  after(async () => {
    await persistence.shutdown();
    await stack[Symbol.asyncDispose]();
  });

  it('appends go on; a recovery fails within its bound, and succeeds when it is back', async () => {
    const counters = countersOf(persistence);
    await counters.ask('alive', { type: 'added', by: 1 });
    await stack.cassandra.kill('SIGKILL');
    try {
      for (let by = 2; by <= 20; by++) await counters.ask('alive', { type: 'added', by });
      const error = rootOf(await failureOf(counters, 'other'));
      expect(error.code).to.be.oneOf(['STORE_UNAVAILABLE', 'DEADLINE_EXCEEDED']);
      expect(error.retryable).to.equal(true);
    } finally {
      await stack.cassandra.start();
    }
    await counters.stop('alive');
    const { context } = await readyAgain(counters, 'alive');
    expect(context.sum).to.equal((20 * 21) / 2);
  });
});

type Counters = ReturnType<typeof countersOf>;

function countersOf(persistence: Persistence) {
  const persistenceId = ({ input }: { input: { id: string } }): string => input.id;
  return persistence.entities('counter', persistence.persistent(counter, { persistenceId }));
}

async function failureOf(counters: Counters, id: string): Promise<JournalError> {
  try {
    await waitFor(counters.ref(id), isReady);
  } catch (error) {
    return error as JournalError;
  }
  throw new Error('it recovered');
}

/** The driver finds out in its own time that the server is back. */
async function readyAgain(counters: Counters, id: string) {
  for (let attempt = 1; ; attempt++) {
    try {
      return await waitFor(counters.ref(id), isReady);
    } catch (error) {
      if (attempt === 30) throw error;
      await new Promise((resolve) => setTimeout(resolve, 1_000));
    }
  }
}

function rootOf(error: JournalError): JournalError {
  const { cause } = error;
  return cause instanceof Error && 'code' in cause ? rootOf(cause as JournalError) : error;
}
