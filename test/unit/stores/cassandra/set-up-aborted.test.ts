import { expect } from 'chai';
import type { CassandraSettings } from '../../../../src/config/settings/cassandra-settings.ts';
import { silentLogger } from '../../../../src/observability/logger.ts';
import { systemClock } from '../../../../src/runtime/clock.ts';
import { setUpCassandra } from '../../../../src/stores/cassandra/schema/create-schema.ts';
import { withSchemaLock } from '../../../../src/stores/cassandra/schema/schema-lock.ts';
import type { CassandraSession } from '../../../../src/stores/cassandra/session-types.ts';
import { eventually, failureOf } from '../../../contract/action-log.fixture.ts';
import { FakeCassandra, fakeCassandraSettings } from '../../../support/fake-cassandra.ts';
import { openTimers } from '../../../support/open-timers.ts';

const deps = { log: silentLogger, clock: systemClock };
const aWhileMs = 60_000;

/** A start that is over, by its time or by SIGTERM, waits for no statement and for no lock. */
describe('a set-up of Cassandra that nobody waits for any more', () => {
  it('ends while a statement is not answered, and leaves nothing open', async () => {
    await using fake = await FakeCassandra.open();
    const timersBefore = openTimers();
    const settings = {
      ...fakeCassandraSettings(fake, aWhileMs),
      schema: {
        autoCreate: true,
        keyspace: { name: 'k', autoCreate: true, replication: { type: 'simple', factor: 1 } },
        locksTable: 'locks',
      },
    } as unknown as CassandraSettings;
    const words = 'SELECT replication FROM system_schema';
    const over = new AbortController();
    fake.hold(words);
    const asked = fake.asked(words);
    const { signal } = over;
    const setUp = failureOf(setUpCassandra(settings, deps, { mode: 'create', signal }));
    await asked;
    const reason = new Error('told to stop');
    over.abort(reason);
    expect(await setUp).to.equal(reason);
    await eventually('closed connections', () => fake.sockets.size === 0);
    expect(openTimers() - timersBefore, 'timers').to.be.at.most(0);
  });
});

describe('the schema lock of Cassandra', () => {
  const lockOf = (answers: readonly boolean[]) => {
    const left = [...answers];
    const statements: string[] = [];
    const over = new AbortController();
    const execute = async (cql: string) => {
      statements.push(cql.slice(0, 6));
      if (cql.startsWith('DELETE')) return [{ '[applied]': true }];
      over.abort(new Error('told to stop'));
      return [{ '[applied]': left.shift() ?? false, metadata: 'another' }];
    };
    const session = { execute } as unknown as CassandraSession;
    return {
      statements,
      lock: { session, table: 'k.locks', deps: { ...deps, signal: over.signal } },
    };
  };

  it('is no longer waited for when the signal fires', async () => {
    const { lock, statements } = lockOf([false]);
    const error = await failureOf(withSchemaLock(lock, async () => 'done'));
    expect(error).to.equal(lock.deps.signal.reason);
    expect(statements).to.deep.equal(['INSERT']);
  });

  it('is given back when the signal fires while it is held', async () => {
    const { lock, statements } = lockOf([true]);
    const work = async () => lock.deps.signal.throwIfAborted();
    expect(await failureOf(withSchemaLock(lock, work))).to.equal(lock.deps.signal.reason);
    expect(statements).to.deep.equal(['INSERT', 'DELETE']);
  });
});
