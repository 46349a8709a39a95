import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { expect } from 'chai';
import { ClosedError, NotSetUpError, StoreUnavailableError } from '../../../src/model/errors.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import { openCassandraEventualJournal } from '../../../src/stores/cassandra/eventual-journal.ts';
import { openCassandraReplicatedJournal } from '../../../src/stores/cassandra/replicated-journal.ts';
import { setUpCassandra } from '../../../src/stores/cassandra/schema/create-schema.ts';
import { append, newKey, nowMs, place, randomTopic } from '../../contract/replicated-store.ts';
import { cassandraSettings, deps, randomKeyspace } from './cassandra-server.ts';
import { sharedKeyspace } from './shared-keyspace.ts';

/** A way to the real server that can be cut, or stop passing bytes. */
class Gate {
  readonly server: Server;
  readonly sockets = new Set<Socket>();
  silent = false;

  constructor(port: number) {
    this.server = createServer((inner) => {
      const outer = connect(port, '127.0.0.1');
      for (const [from, to] of [
        [inner, outer],
        [outer, inner],
      ] as const) {
        this.sockets.add(from);
        from.on('data', (bytes) => this.silent || to.write(bytes));
        from.on('close', () => to.destroy()).on('error', () => {});
      }
    });
  }

  async open(): Promise<number> {
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    return (this.server.address() as AddressInfo).port;
  }

  close(): void {
    this.server.close();
    this.cut();
  }

  /** New connections are taken. */
  cut(): void {
    for (const socket of this.sockets) socket.destroy();
  }
}

async function failure(
  run: Promise<unknown>,
): Promise<{ readonly error: unknown; readonly ms: number }> {
  const startedMs = Date.now();
  const error = await run.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  return { error, ms: Date.now() - startedMs };
}

describe('Cassandra that does not answer', function () {
  this.timeout(30_000);
  const keyspace = sharedKeyspace();
  const settings = cassandraSettings(keyspace);
  before(() => setUpCassandra(settings, deps, { mode: 'create' }));

  it('is a retryable error that names the address when nothing listens there', async () => {
    const dead = cassandraSettings(keyspace, { port: 1 });
    const failures = await Promise.all([
      failure(openCassandraEventualJournal(dead, deps)),
      failure(openCassandraReplicatedJournal(dead, deps)),
      failure(setUpCassandra(dead, deps, { mode: 'check' })),
    ]);
    for (const { error, ms } of failures) {
      expect(error).to.be.instanceOf(StoreUnavailableError).with.property('retryable', true);
      expect((error as Error).message).to.contain(`${settings.client.contactPoints[0]}:1`);
      expect(ms).to.be.below(5_000);
    }
  });

  it('is given up after the connect timeout when the peer says nothing', async () => {
    const gate = new Gate(settings.client.port);
    gate.silent = true;
    const port = await gate.open();
    const mute = cassandraSettings(keyspace, {
      port,
      client: { connectTimeoutMs: 300, readTimeoutMs: 300 },
    });
    const { error, ms } = await failure(openCassandraEventualJournal(mute, deps));
    gate.close();
    expect(error).to.be.instanceOf(StoreUnavailableError);
    expect(ms).to.be.below(5_000);
  });

  for (const how of ['is cut', 'falls silent'] as const) {
    it(`fails reads and writes within twice the read timeout when the connection ${how}`, async () => {
      const gate = new Gate(settings.client.port);
      const change = { port: await gate.open(), client: { readTimeoutMs: 500 } };
      const eventual = await openCassandraEventualJournal(
        cassandraSettings(keyspace, change),
        deps,
      );
      const replicated = await openCassandraReplicatedJournal(
        cassandraSettings(keyspace, change),
        deps,
      );
      const topic = randomTopic();
      const journal = await replicated.open(newKey(topic));
      if (how === 'is cut') gate.close();
      gate.silent = true;
      const failures = await Promise.all([
        failure(eventual.pointer(newKey(topic))),
        failure(eventual.offset(topic, place(0).partition)),
        failure(journal.append(append(1, [1]), nowMs)),
      ]);
      for (const { error, ms } of failures) {
        expect(error).to.be.instanceOf(StoreUnavailableError);
        expect(ms).to.be.below(2_000);
      }
      gate.close();
      await eventual[Symbol.asyncDispose]();
      await replicated[Symbol.asyncDispose]();
    });
  }

  it('is asked again as soon as it is back, although every connection to it was lost', async () => {
    const gate = new Gate(settings.client.port);
    const change = { port: await gate.open() };
    const eventual = await openCassandraEventualJournal(cassandraSettings(keyspace, change), deps);
    const key = newKey(randomTopic());
    expect(await eventual.pointer(key)).to.equal(undefined);
    gate.cut();
    const isAnswered = async (): Promise<boolean> =>
      (await failure(eventual.pointer(key))).error === undefined;
    const deadlineMs = Date.now() + 5_000;
    while (!(await isAnswered()) && Date.now() < deadlineMs) await systemClock.sleep(50);
    expect(await isAnswered()).to.equal(true);
    await eventual[Symbol.asyncDispose]();
    gate.close();
  });

  it('does not hold a caller whose signal fires', async () => {
    const gate = new Gate(settings.client.port);
    const change = { port: await gate.open() };
    const eventual = await openCassandraEventualJournal(cassandraSettings(keyspace, change), deps);
    gate.silent = true;
    const signal = AbortSignal.timeout(100);
    const { error, ms } = await failure(eventual.pointer(newKey(randomTopic()), { signal }));
    expect(error).to.equal(signal.reason);
    expect(ms).to.be.below(1_000);
    gate.close();
    await eventual[Symbol.asyncDispose]();
  });

  it('leaves no connection behind when the signal fires while it is opened', async () => {
    const gate = new Gate(settings.client.port);
    const change = { port: await gate.open() };
    const abort = new AbortController();
    const opening = openCassandraEventualJournal(cassandraSettings(keyspace, change), deps, abort);
    await once(gate.server, 'connection');
    abort.abort(new Error('not wanted any more'));
    expect((await failure(opening)).error).to.equal(abort.signal.reason);
    const deadlineMs = Date.now() + 10_000;
    const isOpen = (socket: Socket): boolean => !socket.destroyed;
    while ([...gate.sockets].some(isOpen) && Date.now() < deadlineMs) await systemClock.sleep(20);
    expect([...gate.sockets].filter(isOpen)).to.have.length(0);
    gate.close();
  });

  it('is told apart from a keyspace that does not exist', async () => {
    const { error } = await failure(
      openCassandraEventualJournal(cassandraSettings(randomKeyspace()), deps),
    );
    expect(error).to.be.instanceOf(NotSetUpError).with.property('retryable', false);
  });

  it('is told apart from a journal that was disposed, twice even', async () => {
    const eventual = await openCassandraEventualJournal(settings, deps);
    await eventual[Symbol.asyncDispose]();
    await eventual[Symbol.asyncDispose]();
    const { error } = await failure(eventual.pointer(newKey(randomTopic())));
    expect(error).to.be.instanceOf(ClosedError);
  });
});
