import { Client } from 'cassandra-driver';
import { expect } from 'chai';
import type { CassandraSettings } from '../../../../src/config/settings/cassandra-settings.ts';
import { ClosedError, StoreUnavailableError } from '../../../../src/model/errors.ts';
import { silentLogger } from '../../../../src/observability/logger.ts';
import { systemClock } from '../../../../src/runtime/clock.ts';
import { DriverConnections } from '../../../../src/stores/cassandra/driver-connections.ts';
import { openCassandraSession } from '../../../../src/stores/cassandra/session.ts';
import type { CassandraSession } from '../../../../src/stores/cassandra/session-types.ts';
import { eventually, failureOf } from '../../../contract/action-log.fixture.ts';
import { FakeCassandra, fakeCassandraSettings } from '../../../support/fake-cassandra.ts';
import { openTimers } from '../../../support/open-timers.ts';
import { RecordingLogger } from '../../../support/recording-logger.ts';

const deps = { log: silentLogger, clock: systemClock };
/** Long enough for a test to see it, if it is left. */
const aWhileMs = 60_000;

describe('a Cassandra session that is closed leaves nothing open', () => {
  let fake: FakeCassandra;
  let timersBefore: number;
  beforeEach(async () => {
    fake = await FakeCassandra.open();
    timersBefore = openTimers();
  });
  afterEach(() => fake[Symbol.asyncDispose]());

  const settings = (changes?: Partial<CassandraSettings['client']>): CassandraSettings =>
    fakeCassandraSettings(fake, aWhileMs, changes);
  const open = (changes?: Partial<CassandraSettings['client']>): Promise<CassandraSession> =>
    openCassandraSession(settings(changes), deps);

  /** At once, and after the time of some tries. */
  const expectNothingOpen = async (): Promise<void> => {
    expect(openTimers() - timersBefore, 'timers').to.be.at.most(0);
    await eventually('closed connections', () => fake.sockets.size === 0);
    await systemClock.sleep(200);
    expect(fake.sockets.size, 'connections').to.equal(0);
    expect(openTimers() - timersBefore, 'timers').to.be.at.most(0);
  };

  it('after an orderly life', async () => {
    const session = await open();
    await session[Symbol.asyncDispose]();
    await expectNothingOpen();
  });

  it('while a statement is under way, and warns of no answer that comes too late', async () => {
    const log = new RecordingLogger();
    const session = await openCassandraSession(settings(), { ...deps, log });
    fake.hold('under_way');
    const failing = failureOf(session.select('SELECT * FROM under_way', []));
    await fake.asked('under_way');
    const closing = session[Symbol.asyncDispose]();
    fake.answerLate();
    await closing;
    expect(await failing).to.be.instanceOf(ClosedError);
    expect(log.of('warn')).to.deep.equal([]);
    await expectNothingOpen();
  });

  it('while it looks for a host again', async () => {
    const session = await open();
    fake.refuse(true);
    fake.refuse(false);
    fake.hold('system.local');
    await fake.asked('system.local');
    const closing = session[Symbol.asyncDispose]();
    fake.hold(undefined);
    await closing;
    await expectNothingOpen();
  });

  it('while the new connection of a host is not answered', async () => {
    const session = await open();
    fake.hold('CQL_VERSION');
    fake.refuse(true);
    fake.refuse(false);
    await fake.asked('CQL_VERSION');
    await session[Symbol.asyncDispose]();
    await expectNothingOpen();
  });

  it('while it waits for its next try', async () => {
    const session = await open({ reconnection: { minDelayMs: aWhileMs, maxDelayMs: aWhileMs } });
    fake.refuse(true);
    await systemClock.sleep(100);
    await session[Symbol.asyncDispose]();
    await expectNothingOpen();
  });

  it('after the host was replaced by itself', async () => {
    const session = await open({ reconnection: { minDelayMs: 300, maxDelayMs: 300 } });
    fake.refuse(true);
    await systemClock.sleep(50);
    fake.refuse(false);
    await eventually('a new connection', () => fake.sockets.size > 0);
    await systemClock.sleep(500);
    expect(fake.sockets.size).to.equal(1);
    await session[Symbol.asyncDispose]();
    await expectNothingOpen();
  });

  it('when it could not be opened', async () => {
    fake.hold('system.local');
    const failure = await failureOf(open({ readTimeoutMs: 100 }));
    expect(failure).to.be.instanceOf(StoreUnavailableError);
    await expectNothingOpen();
  });

  it('when the server hung up before its first answer, and nobody waits for one', async () => {
    fake.hold('CQL_VERSION');
    const opening = failureOf(open());
    await fake.asked('CQL_VERSION');
    for (const socket of fake.sockets) socket.end(); // as one that speaks another protocol
    expect(await opening).to.be.instanceOf(StoreUnavailableError);
    await expectNothingOpen();
  });

  it('when it is not wanted any more while it opens', async () => {
    fake.hold('system.local');
    const abort = new AbortController();
    const opening = failureOf(openCassandraSession(settings(), deps, abort));
    await fake.asked('system.local');
    abort.abort(new Error('not wanted any more'));
    expect(await opening).to.equal(abort.signal.reason);
    await eventually('closed connections', () => fake.sockets.size === 0);
    await expectNothingOpen();
  });

  it('looks for a host again until there is one', async () => {
    const client = new Client({
      contactPoints: ['127.0.0.1'],
      protocolOptions: { port: fake.port },
      localDataCenter: 'datacenter1',
    });
    const connections = new DriverConnections(client);
    await connections.connect();
    fake.refuse(true);
    await systemClock.sleep(100);
    fake.refuse(false);
    let isAnswered = false;
    for (const endMs = Date.now() + 4_000; !isAnswered && Date.now() < endMs; ) {
      await systemClock.sleep(20);
      isAnswered = await client.execute('SELECT * FROM system.local').then(
        () => true,
        () => false,
      );
    }
    expect(isAnswered).to.equal(true);
    // Which host statements for a row go to.
    const renewed = (): boolean =>
      client.getReplicas('', Buffer.alloc(1))[0] === client.hosts.values()[0];
    await eventually('the rows are those of the host that was found', renewed);
    await connections.close();
    await expectNothingOpen();
  });

  it('looks for a host once after each loss of all connections', async () => {
    const client = new Client({
      contactPoints: ['127.0.0.1'],
      protocolOptions: { port: fake.port },
      localDataCenter: 'datacenter1',
    });
    let looks = 0;
    let found = 0;
    client.on('log', (_level: string, _source: string, message: string) => {
      if (message === 'Trying to acquire a connection to a new host') looks++;
      if (message.endsWith('and up to date')) found++;
    });
    const connections = new DriverConnections(client);
    await connections.connect();
    for (let losses = 1; losses <= 4; losses++) {
      [looks, found] = [0, 0];
      fake.refuse(true);
      fake.refuse(false);
      await eventually('a host', () => found > 0);
      await systemClock.sleep(50);
      expect(looks, `after loss ${losses}`).to.equal(1);
    }
    await connections.close();
    await expectNothingOpen();
  });
});
