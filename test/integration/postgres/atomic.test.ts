import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import type { Client } from 'pg';
import { StoreUnavailableError } from '../../../src/model/errors.ts';
import type { Key } from '../../../src/model/key.ts';
import type { EventualJournal } from '../../../src/ports/eventual-journal.ts';
import type { ReplicatedJournal } from '../../../src/ports/replicated-journal.ts';
import { openPostgresEventualJournal } from '../../../src/stores/postgres/eventual-journal.ts';
import { openPostgresReplicatedJournal } from '../../../src/stores/postgres/replicated-journal.ts';
import { setUpPostgres } from '../../../src/stores/postgres/schema/create-schema.ts';
import { segmentSize } from '../../../src/stores/postgres/tables/metajournal-table.ts';
import { type AtomicHistory, atomicHistories, seen } from '../../contract/atomic-histories.ts';
import * as given from '../../contract/replicated-store.ts';
import { deps, dropSchema, postgresSettings, randomSchema, rawClient } from './postgres-server.ts';

const schema = randomSchema();
const mortal = `mortal ${schema}`;
const lock = 0x6b6a;
const pollMs = 2;

/** Each change of a row counts one; the change that was chosen waits until the test lets it go. */
const holding = `
  CREATE SEQUENCE ${schema}.changes;
  CREATE TABLE ${schema}.hold_at (nth bigint);
  CREATE FUNCTION ${schema}.hold() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    IF nextval('${schema}.changes') = (SELECT nth FROM ${schema}.hold_at) THEN
      PERFORM pg_advisory_xact_lock(${lock});
    END IF;
    RETURN coalesce(NEW, OLD);
  END $$;
  ${['event', 'metajournal'].map(trigger).join('\n')}`;

function trigger(table: string): string {
  return `CREATE TRIGGER hold BEFORE INSERT OR UPDATE OR DELETE ON ${schema}.${table}
    FOR EACH ROW EXECUTE FUNCTION ${schema}.hold();`;
}

describe('a batch on PostgreSQL', function () {
  this.timeout(60_000);
  let operator: Client;
  let eventual: EventualJournal;
  let replicated: ReplicatedJournal;
  before(async () => {
    const settings = postgresSettings(schema, { name: mortal });
    await setUpPostgres(settings, deps, { mode: 'create' });
    eventual = await openPostgresEventualJournal(postgresSettings(schema), deps);
    replicated = await openPostgresReplicatedJournal(settings, deps);
    operator = await rawClient();
    await operator.query(holding);
  });
  after(async () => {
    for (const part of [eventual, replicated]) await part[Symbol.asyncDispose]();
    await operator.end();
    await dropSchema(schema);
  });

  const look = (key: Key) =>
    seen({ eventual, replicated, segmentSize } as given.ReplicatedStore, key);
  const prepare = async ({ before: earlier }: AtomicHistory, key: Key) => {
    await holdAt(0);
    for (const action of earlier) await action(await replicated.open(key));
    return await look(key);
  };
  const holdAt = async (nth: number) => {
    await operator.query(`TRUNCATE ${schema}.hold_at`);
    await operator.query(`INSERT INTO ${schema}.hold_at VALUES (${nth})`);
    await operator.query(`SELECT setval('${schema}.changes', 1, false)`);
  };
  /** How many rows the batch changes, and what is there when it is done. */
  const whole = async (history: AtomicHistory, key: Key) => {
    await prepare(history, key);
    await holdAt(0);
    await history.action(await replicated.open(key));
    const { rows } = await operator.query(`SELECT last_value FROM ${schema}.changes`);
    return { changes: Number(rows[0].last_value), state: await look(key) };
  };
  const pidThatWaits = async (name = mortal, event = 'advisory', isOver = () => false) => {
    for (;;) {
      const { rows } = await operator.query(
        `SELECT pid FROM pg_stat_activity WHERE application_name = '${name}' AND wait_event = '${event}'`,
      );
      if (isOver()) return undefined;
      if (rows.length > 0) return rows[0].pid;
      await sleep(pollMs);
    }
  };

  /** Stops the batch at one of its changes, looks, kills its backend there, and repeats it. */
  const cut = async (history: AtomicHistory, key: Key, nth: number) => {
    const untouched = await prepare(history, key);
    await holdAt(nth);
    await operator.query(`SELECT pg_advisory_lock(${lock})`);
    const journal = await replicated.open(key);
    const outcome = history.action(journal).then(
      () => undefined,
      (error: unknown) => error,
    );
    const pid = await pidThatWaits();
    expect(await look(key), `while change ${nth} is under way`).to.deep.equal(untouched);
    await operator.query(`SELECT pg_terminate_backend(${pid})`);
    expect(await outcome).to.be.instanceOf(StoreUnavailableError);
    await operator.query(`SELECT pg_advisory_unlock(${lock})`);
    expect(await look(key), `killed at change ${nth}`).to.deep.equal(untouched);
    await holdAt(0);
    await history.action(await replicated.open(key));
    return await look(key);
  };

  for (const [name, history] of Object.entries(atomicHistories)) {
    it(`shows nothing of ${name} at any of its changes, and nothing stays when its backend is killed there`, async () => {
      const topic = given.randomTopic();
      const { changes, state } = await whole(history, { topic, id: 'whole' });
      expect(changes).to.be.greaterThan(1);
      for (let nth = 1; nth <= changes; nth++) {
        const again = await cut(history, { topic, id: `cut-${nth}` }, nth);
        expect(again, `repeated after change ${nth}`).to.deep.equal(state);
      }
    });
  }

  it('does not begin a journal again that a later owner has seen purged', async () => {
    const topic = given.randomTopic();
    const key = { topic, id: 'late' } as Key;
    const first = given.place(0);
    const name = `successor ${schema}`;
    await using successor = await openPostgresReplicatedJournal(
      postgresSettings(schema, { name }),
      deps,
    );
    await replicated.claim(topic, first.partition, { nowMs: given.nowMs });
    await replicated.saveOffset({ topic, ...first, after: undefined }, given.nowMs);
    await holdAt(1_002);
    await operator.query(`SELECT pg_advisory_lock(${lock})`);
    const late = await replicated.open(key);
    const written = late.append(given.append(5, [1, 2_500]), given.nowMs);
    await pidThatWaits();
    const takeOver = async () => {
      await successor.claim(topic, first.partition, { nowMs: given.nowMs });
      const journal = await successor.open(key);
      await journal.purge(given.purge(6), given.nowMs);
    };
    let isTaken = false;
    const taken = takeOver().then(() => {
      isTaken = true;
    });
    await pidThatWaits(name, 'transactionid', () => isTaken);
    await operator.query(`SELECT pg_advisory_unlock(${lock})`);
    await Promise.all([written, taken]);
    expect(await eventual.pointer(key)).to.equal(undefined);
  });

  it('shows nothing of an append of several statements between two of them', async () => {
    const large = given.append(5, [1, 2_500]);
    const history: AtomicHistory = {
      before: [],
      action: (journal) => journal.append(large, given.nowMs),
    };
    const topic = given.randomTopic();
    const { changes, state } = await whole(history, { topic, id: 'whole' });
    expect(changes).to.equal(2_501);
    for (const nth of [1_002, 2_002]) {
      expect(await cut(history, { topic, id: `cut-${nth}` }, nth)).to.deep.equal(state);
    }
  });
});
