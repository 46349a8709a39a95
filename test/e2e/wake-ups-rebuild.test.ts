import { AsyncLocalStorage } from 'node:async_hooks';
import { expect } from 'chai';
import { runCli } from '../../src/cli/run-cli.ts';
import { openJournals } from '../../src/compose/open-journals.ts';
import { shortSession, until } from '../chaos/chaos-world.ts';
import type { RestartableProcess } from '../chaos/child-process.ts';
import { waitUntilReplicated } from '../chaos/recovered.ts';
import { replicatorProcess, stopLimitMs, withConfigFile } from '../chaos/replicator-process.ts';
import { timers, type WakePlan } from '../chaos/wake-protocol.ts';
import { readWaited, WakeService } from '../chaos/wake-service.ts';
import * as cassandra from '../integration/cassandra/cassandra-server.ts';
import { deleteTopic } from '../integration/kafka/kafka-fixture.ts';
import * as postgres from '../integration/postgres/postgres-server.ts';
import { runReplicator } from '../support/kafka/in-process-replicator.ts';
import { postgresConfig } from '../support/kafka/kafka-config.ts';
import { kafkaWorld } from '../support/kafka/world.ts';

const journal = 'evolutiongaming.kafka-journal.persistence.journal';
const dayMs = 86_400_000;
const limitMs = 30_000;

/** The tables of wake-ups, seen past the product. */
interface Tables extends AsyncDisposable {
  /** As a program that keeps none leaves them. */
  empty(): Promise<void>;
  /** How many journals have an entry. */
  count(): Promise<number>;
}

interface Store {
  /** HOCON that chooses the store. */
  readonly config: string;
  open(): Promise<Tables>;
  drop(): Promise<void>;
}

const stores: Readonly<Record<string, (name: string) => Store>> = {
  PostgreSQL: (schema) => ({
    config: postgresConfig(postgres.postgresAddress(), schema),
    drop: () => postgres.dropSchema(schema),
    async open() {
      const client = await postgres.rawClient();
      return {
        empty: async () =>
          void (await client.query(`TRUNCATE ${schema}.wake_ups, ${schema}.wake_ups_until`)),
        count: async () =>
          Number((await client.query(`SELECT count(*) AS n FROM ${schema}.wake_ups`)).rows[0]?.n),
        [Symbol.asyncDispose]: () => client.end(),
      };
    },
  }),
  Cassandra: (keyspace) => ({
    config: '',
    drop: () => cassandra.dropKeyspace(keyspace),
    async open() {
      const client = await cassandra.rawClient();
      const names = ['wake_ups', 'wake_up_buckets', 'wake_up_keys', 'wake_ups_until'];
      return {
        empty: async () => {
          await Promise.all(names.map((name) => client.execute(`TRUNCATE ${keyspace}.${name}`)));
        },
        count: async () =>
          Number(
            (await client.execute(`SELECT count(*) AS n FROM ${keyspace}.wake_up_keys`)).first()[
              'n'
            ],
          ),
        [Symbol.asyncDispose]: () => client.shutdown(),
      };
    },
  }),
};

/** These wait. */
const waiting: readonly WakePlan[] = [
  ['timer', [timers(3_000)]],
  ['far', [timers(3_200, dayMs)]],
  ['work', [{ ...timers(), hasWork: true }]],
];
/** These do not. They make the rebuild take its time. */
const idle = Array.from({ length: 200 }, (_, n) => `idle-${n}`);
const idsOf = (ids: readonly string[]): string[] => ids.map((id) => `sleeper-${id}`);

/** What the program prints, by run: two may be under way. */
const printing = new AsyncLocalStorage<string[]>();

/** Runs the program as an operator does; in this process, since a start takes its time. */
async function kafkaJournal(...args: readonly string[]) {
  const lines: string[] = [];
  const code = await printing.run(lines, () => runCli(args));
  return { code, lines };
}

interface Listed {
  readonly head: string | undefined;
  readonly partition: string | undefined;
  /** By id of the journal. */
  readonly reasons: ReadonlyMap<string, string>;
}

/**
 * What `wakeups list` prints of a topic with one partition; each line has the columns of its help.
 */
async function list(file: string): Promise<Listed> {
  const { code, lines } = await kafkaJournal('wakeups', 'list', '--config', file);
  expect(code).to.equal(0);
  const [head, partition, ...rows] = lines;
  const line =
    /^ {4}(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z) (time {3}|now {4}|unknown) (\S+) \(offset \d+\)$/;
  const reasons = new Map<string, string>();
  for (const row of rows) {
    const [, , reason = '', id = ''] = line.exec(row) ?? expect.fail(`not as documented: ${row}`);
    reasons.set(id, reason.trimEnd());
  }
  const times = rows.map((row) => row.slice(4, 28));
  expect(times).to.deep.equal(times.toSorted());
  return { head, partition, reasons };
}

/** Arms, replicates, and ends both programs: the service by force. */
async function armAndStop(config: string, file: string, topic: string): Promise<void> {
  await using _replicator = await runReplicator(config);
  const service = await WakeService.start(file, 'first');
  await service.arm(idle.map((id): WakePlan => [id, [timers()]]));
  await service.arm(waiting);
  await service.kill();
  await waitUntilReplicated(config, topic);
}

/** Lets a new replicator begin with what was asked for, and kills it in the middle of that. */
async function killInTheMiddle(replicator: RestartableProcess, tables: Tables): Promise<void> {
  replicator.start();
  await until('some are rebuilt', async () => (await tables.count()) > 0, limitMs);
  await replicator.kill();
  expect(await tables.count()).to.be.below(waiting.length + idle.length);
}

async function wakesTheRest(config: string, file: string): Promise<void> {
  await using journals = await openJournals({ config });
  const later = await WakeService.start(file, 'later');
  try {
    const isDone = async () =>
      (await readWaited(journals, ['timer', 'far', 'work'])).every(
        ({ fired, worked }) => fired.length + worked === 1,
      );
    await until('the timers fire and the work is done', isDone, limitMs);
  } finally {
    await later.stop();
  }
}

async function rebuildOn(open: (name: string) => Store): Promise<void> {
  const named = kafkaWorld();
  const store = open(named.keyspace);
  const more = `${store.config}\n${shortSession}\n${journal}.kafka.topic.partitions = 1`;
  const { topic, configText: config } = kafkaWorld({ ...named, more });
  const all = idsOf([...waiting.map(([id]) => id), ...idle]);
  try {
    await withConfigFile(config, async (file) => {
      const replicator = replicatorProcess({ file });
      try {
        await armAndStop(config, file, topic);
        const before = await list(file);
        expect(before.head).to.equal(
          `topic ${topic} (1 partition), soonest first within each partition`,
        );
        expect(before.partition).to.match(/^ {2}0: complete, up to offset \d+$/);
        expect(Object.fromEntries(before.reasons)).to.deep.equal({
          'sleeper-timer': 'time',
          'sleeper-far': 'time',
          'sleeper-work': 'now',
        });

        await using tables = await store.open();
        await tables.empty();
        // No replicator runs: the request stays.
        const asked = await kafkaJournal('wakeups', 'rebuild', '--config', file, '--wait', '0');
        expect(asked.code).to.equal(1);
        await killInTheMiddle(replicator, tables);
        const cut = await list(file);
        expect(cut.partition).to.match(
          /^ {2}0: not complete: those of offsets 0 to \d+ may be missing/,
        );

        await using _restarted = await runReplicator(config);
        const rebuilt = await kafkaJournal('wakeups', 'rebuild', '--config', file);
        expect(rebuilt.code).to.equal(0);
        expect(rebuilt.lines.at(-1)).to.match(/^ {2}0: complete/);
        const after = await list(file);
        expect(after.partition).to.equal(before.partition);
        expect([...after.reasons.keys()]).to.have.members(all);
        expect(new Set(after.reasons.values())).to.deep.equal(new Set(['unknown']));

        await wakesTheRest(config, file);
        await waitUntilReplicated(config, topic);
        const end = await list(file);
        // What has waited says again what it waits for.
        expect(end.reasons.get('sleeper-far')).to.equal('time');
        expect([...end.reasons.keys()]).to.have.members(idsOf(['far', ...idle]));
      } finally {
        await replicator.stop(stopLimitMs);
      }
    });
  } finally {
    await deleteTopic(topic);
    await store.drop();
  }
}

describe('kafka-journal wakeups, with the replicator as a process', function () {
  this.timeout(60_000);

  const runs = new Map<string, Promise<void>>();
  const { log } = console;
  after(() => Object.assign(console, { log }));
  // Each waits most of its time for processes and servers: so they run at the same time.
  before(() => {
    console.log = (text: string) => {
      const lines = printing.getStore();
      if (lines === undefined) log(text);
      else lines.push(text);
    };
    for (const [name, open] of Object.entries(stores)) {
      const run = rebuildOn(open);
      run.catch(() => {}); // its test throws it
      runs.set(name, run);
    }
  });

  for (const name of Object.keys(stores)) {
    it(`lists what waits, and rebuilds it after a crash in the middle, on Kafka and ${name}`, async () => {
      await runs.get(name);
    });
  }
});
