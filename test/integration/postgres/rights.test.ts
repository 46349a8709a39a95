import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import type { Client } from 'pg';
import { AccessDeniedError, NotSetUpError } from '../../../src/model/errors.ts';
import { openPostgresEventualJournal } from '../../../src/stores/postgres/eventual-journal.ts';
import { openPostgresReplicatedJournal } from '../../../src/stores/postgres/replicated-journal.ts';
import { setUpPostgres } from '../../../src/stores/postgres/schema/create-schema.ts';
import { segmentSize } from '../../../src/stores/postgres/tables/metajournal-table.ts';
import * as given from '../../contract/replicated-store.ts';
import { deps, dropSchema, postgresSettings, randomSchema, rawClient } from './postgres-server.ts';

const schema = randomSchema();
const password = randomBytes(9).toString('hex');
const client = `client_${schema}`;
const replicator = `replicator_${schema}`;

describe('the least rights on PostgreSQL', function () {
  this.timeout(30_000);
  let operator: Client;
  before(async () => {
    operator = await rawClient();
    await setUpPostgres(postgresSettings(schema), deps, { mode: 'create' });
    for (const role of [client, replicator]) {
      await operator.query(`CREATE ROLE ${role} LOGIN PASSWORD '${password}'`);
    }
    await grant();
  });
  after(async () => {
    await dropSchema(schema);
    for (const role of [client, replicator]) await operator.query(`DROP ROLE ${role}`);
    await operator.end();
  });

  /** As docs/configuration.md says. */
  const grant = async () => {
    const tables = [
      'metajournal',
      'event',
      'pointer',
      'expiry',
      'tenures',
      'tenures_until',
      'wake_ups',
      'wake_ups_until',
    ];
    const written = tables.map((table) => `${schema}.${table}`);
    await operator.query(`GRANT USAGE ON SCHEMA ${schema} TO ${client}, ${replicator}`);
    await operator.query(
      `GRANT SELECT ON ALL TABLES IN SCHEMA ${schema} TO ${client}, ${replicator}`,
    );
    await operator.query(`GRANT INSERT, UPDATE, DELETE ON ${written.join(', ')} TO ${replicator}`);
  };
  const settings = (username: string, given = password) =>
    postgresSettings(schema, { username, password: given, autoCreate: false });
  const refusal = (work: Promise<unknown>): Promise<unknown> =>
    work.then(
      () => undefined,
      (error: unknown) => error,
    );
  const without = async (right: string, role: string, work: () => Promise<void>) => {
    await operator.query(`REVOKE ${right} FROM ${role}`);
    try {
      await work();
    } finally {
      await grant();
    }
  };

  it('let a client read and check, and a replicator write', async () => {
    await setUpPostgres(settings(client), deps, { mode: 'check' });
    await setUpPostgres(settings(replicator), deps, { mode: 'check' });
    const eventual = await openPostgresEventualJournal(settings(client), deps);
    const replicated = await openPostgresReplicatedJournal(settings(replicator), deps);
    const key = given.newKey(given.randomTopic());
    const journal = await replicated.open(key);
    await journal.append(given.append(1, [1, 3], given.days(1)), given.nowMs);
    await journal.delete(given.deletion(2, 1), given.nowMs);
    const move = { topic: key.topic, ...given.place(2) };
    await given.moveTo(replicated, key.topic, given.place(2));
    await given.moveTo(replicated, key.topic, given.place(3));
    const { partition } = move;
    const opening = { scope: '', holder: 'h', address: undefined, offset: move.offset };
    const known = { topic: key.topic, partition, openings: [opening], upTo: move.offset };
    for (const _ of [1, 2]) await replicated.saveTenures(known, given.nowMs);
    const place = { topic: key.topic, partition, scope: '' };
    expect(await eventual.lastTenure(place, move.offset)).to.equal(2);
    const wakeUp = { dueMs: 7, reason: 'time', offset: move.offset } as const;
    await journal.saveWakeUp({ type: 'set', wakeUp }, { partition, nowMs: given.nowMs });
    await replicated.saveWakeUps({ topic: key.topic, partition, upTo: move.offset }, given.nowMs);
    const range = { topic: key.topic, partition, toMs: 7 };
    for await (const entry of eventual.wakeUps.due(range)) expect(entry).to.deep.include(wakeUp);
    expect(await eventual.wakeUps.until({ topic: key.topic, partition })).to.equal(2);
    await journal.saveWakeUp(
      { type: 'remove', offset: move.offset },
      { partition, nowMs: given.nowMs },
    );
    const until = { topic: key.topic, partition: move.partition, day: '2024-01-01' };
    await replicated.saveExpiredUntil(until, given.nowMs);
    const store = { eventual, replicated, segmentSize } as given.ReplicatedStore;
    expect(await given.visible(store, key)).to.deep.equal([2, 3]);
    await journal.purge(given.purge(4), given.nowMs);
    expect(await given.visible(store, key)).to.deep.equal([]);
    for (const part of [eventual, replicated]) await part[Symbol.asyncDispose]();
  });

  it('refuse a client that writes, by the server itself', async () => {
    const error = await refusal(openPostgresReplicatedJournal(settings(client), deps));
    expect(error).to.be.instanceOf(AccessDeniedError);
    const message = expect(error).to.have.property('message');
    for (const right of ['INSERT', 'UPDATE', 'DELETE']) {
      message.that.contains(`${right} on ${schema}.metajournal`);
    }
  });

  it('are named when a client lacks one', async () => {
    for (const table of ['event', 'metajournal', 'pointer', 'tenures', 'tenures_until']) {
      await without(`SELECT ON ${schema}.${table}`, client, async () => {
        const error = await refusal(openPostgresEventualJournal(settings(client), deps));
        expect(error).to.be.instanceOf(AccessDeniedError);
        expect(error).to.have.property('message').that.contains(table);
      });
    }
  });

  it('are named when a user may not even look, or not create', async () => {
    await without(`USAGE ON SCHEMA ${schema}`, client, async () => {
      const error = await refusal(openPostgresEventualJournal(settings(client), deps));
      expect(error).to.be.instanceOf(AccessDeniedError);
    });
    const other = { ...settings(client), schema: { name: `other_${schema}`, autoCreate: true } };
    const error = await refusal(setUpPostgres(other, deps, { mode: 'create' }));
    expect(error).to.be.instanceOf(AccessDeniedError);
  });

  const openSockets = (): number =>
    process.getActiveResourcesInfo().filter((resource) => resource.startsWith('TCPSocket')).length;
  /** A refused login must leave the server, which would wait for it for a minute. */
  const untilSockets = async (count: number): Promise<void> => {
    for (let attempt = 0; openSockets() > count && attempt < 100; attempt++) await sleep(20);
    expect(openSockets()).to.be.at.most(count);
  };

  it('begin with a login: a wrong or missing password, user and database are told apart', async () => {
    const before = openSockets();
    for (const wrong of [
      settings(client, 'wrong'),
      settings(client, ''),
      settings('nobody_here'),
    ]) {
      const error = await refusal(openPostgresEventualJournal(wrong, deps));
      expect(error).to.be.instanceOf(AccessDeniedError);
      expect(String(error)).to.not.contain(password);
    }
    await untilSockets(before);
    const nowhere = { ...settings(client), database: 'no_such_database' };
    expect(await refusal(openPostgresEventualJournal(nowhere, deps))).to.be.instanceOf(
      NotSetUpError,
    );
  });
});
