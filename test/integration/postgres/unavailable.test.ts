import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import type { Client } from 'pg';
import { ClosedError, StoreUnavailableError } from '../../../src/model/errors.ts';
import { openPostgresEventualJournal } from '../../../src/stores/postgres/eventual-journal.ts';
import { openPostgresReplicatedJournal } from '../../../src/stores/postgres/replicated-journal.ts';
import { setUpPostgres } from '../../../src/stores/postgres/schema/create-schema.ts';
import { openPostgresSession } from '../../../src/stores/postgres/session.ts';
import * as given from '../../contract/replicated-store.ts';
import { freePort } from '../../support/stack/ports.ts';
import { TcpProxy } from '../../support/tcp-proxy.ts';
import {
  deps,
  dropSchema,
  postgresSettings,
  randomSchema,
  rawClient,
  type SettingsChange,
} from './postgres-server.ts';

const schema = randomSchema();
const name = `unavailable ${schema}`;

describe('PostgreSQL that does not answer', function () {
  this.timeout(30_000);
  let operator: Client;
  let proxy: TcpProxy;
  before(async () => {
    operator = await rawClient();
    await setUpPostgres(postgresSettings(schema), deps, { mode: 'create' });
  });
  after(async () => {
    await dropSchema(schema);
    await operator.end();
  });
  beforeEach(async () => {
    proxy = await TcpProxy.open(postgresSettings(schema));
  });
  afterEach(() => proxy[Symbol.asyncDispose]());

  const settings = (change: SettingsChange = {}) =>
    postgresSettings(schema, { name, port: proxy.port, queryTimeoutMs: 2_000, ...change });
  const refusal = (work: Promise<unknown>): Promise<unknown> =>
    work.then(
      () => undefined,
      (error: unknown) => error,
    );
  const terminateAll = () =>
    operator.query(
      'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1',
      [name],
    );
  const sleeping = { name: 'sleep', text: 'SELECT pg_sleep(20)::text' };

  it('at the start is a retryable error that names it, within the time to connect', async () => {
    const port = await freePort();
    const nobody = await refusal(openPostgresEventualJournal(settings({ port }), deps));
    expect(nobody).to.be.instanceOf(StoreUnavailableError);
    expect(nobody).to.have.property('message').that.contains(`127.0.0.1:${port}`);
    proxy.freeze();
    const startedMs = Date.now();
    const silent = await refusal(
      openPostgresEventualJournal(settings({ connectTimeoutMs: 300 }), deps),
    );
    expect(silent).to.be.instanceOf(StoreUnavailableError);
    expect(Date.now() - startedMs).to.be.lessThan(1_500);
  });

  it('is read from again when it ended the connections', async () => {
    const eventual = await openPostgresEventualJournal(settings(), deps);
    const key = given.newKey(given.randomTopic());
    for (const ending of [terminateAll, async () => proxy.cut()]) {
      await ending();
      expect(await eventual.pointer(key)).to.equal(undefined);
    }
    await eventual[Symbol.asyncDispose]();
  });

  it('ends a read once its time is over, and the wait for it at once when its signal fires', async () => {
    const eventual = await openPostgresEventualJournal(settings({ queryTimeoutMs: 500 }), deps);
    const key = given.newKey(given.randomTopic());
    proxy.freeze();
    const startedMs = Date.now();
    expect(await refusal(eventual.pointer(key))).to.be.instanceOf(StoreUnavailableError);
    expect(Date.now() - startedMs).to.be.lessThan(3_000);
    const signal = AbortSignal.timeout(50);
    expect(await refusal(eventual.pointer(key, { signal }))).to.equal(signal.reason);
    proxy.thaw();
    expect(await eventual.pointer(key)).to.equal(undefined);
    await eventual[Symbol.asyncDispose]();
  });

  it('never gets a write twice: its failure says that it may be stored', async () => {
    const replicated = await openPostgresReplicatedJournal(settings(), deps);
    const key = given.newKey(given.randomTopic());
    const journal = await replicated.open(key);
    proxy.freeze();
    const error = await refusal(journal.append(given.append(1, [1]), given.nowMs));
    expect(error).to.be.instanceOf(StoreUnavailableError);
    proxy.thaw();
    const again = await replicated.open(key);
    expect(await again.append(given.append(1, [1]), given.nowMs)).to.equal(true);
    expect(await again.append(given.append(1, [1]), given.nowMs)).to.equal(false);
    await replicated[Symbol.asyncDispose]();
  });

  it('ends a statement itself when it takes too long, and an abandoned transaction as well', async () => {
    const session = await openPostgresSession(settings({ queryTimeoutMs: 300 }), deps);
    expect(await refusal(session.write(sleeping, []))).to.be.instanceOf(StoreUnavailableError);
    const left = await refusal(session.transaction(() => sleep(1_200)));
    expect(left).to.be.instanceOf(StoreUnavailableError);
    const { rows } = await operator.query(
      `SELECT 1 FROM pg_stat_activity WHERE application_name = $1 AND state <> 'idle'`,
      [name],
    );
    expect(rows).to.deep.equal([]);
    await session[Symbol.asyncDispose]();
  });

  it('is asked over so many connections at most; a call that gets none in time fails', async () => {
    const limits = { maxConnections: 2, connectTimeoutMs: 300, queryTimeoutMs: 1_500 };
    const session = await openPostgresSession(settings(limits), deps);
    const outcomes = [1, 2, 3].map(() => refusal(session.write(sleeping, [])));
    const startedMs = Date.now();
    expect(await outcomes[2]).to.be.instanceOf(StoreUnavailableError);
    expect(Date.now() - startedMs).to.be.lessThan(1_200);
    await Promise.all(outcomes);
    await session[Symbol.asyncDispose]();
  });

  it('is asked nothing more by a session that was closed, and closing twice is harmless', async () => {
    const session = await openPostgresSession(settings(), deps);
    await session[Symbol.asyncDispose]();
    await session[Symbol.asyncDispose]();
    expect(await refusal(session.read(sleeping, []))).to.be.instanceOf(ClosedError);
  });
});
