import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import { runCli } from '../../src/cli/run-cli.ts';
import { dropKeyspace } from '../integration/cassandra/cassandra-server.ts';
import { deleteTopic } from '../integration/kafka/kafka-fixture.ts';
import {
  dropSchema,
  postgresAddress,
  randomSchema,
} from '../integration/postgres/postgres-server.ts';
import { postgresConfig } from '../support/kafka/kafka-config.ts';
import { kafkaWorld } from '../support/kafka/world.ts';
import { printed } from '../unit/cli/printed.ts';
import { temporaryFile } from '../unit/stores/sqlite/temporary-file.ts';

const journal = 'evolutiongaming.kafka-journal.persistence.journal';

describe('kafka-journal setup', () => {
  const { out, err } = printed();
  const opened: AsyncDisposable[] = [];
  let folder = '';
  before(async () => {
    const temporary = await temporaryFile();
    opened.push(temporary);
    folder = dirname(temporary.file);
  });
  after(async () => {
    for (const resource of opened) await resource[Symbol.asyncDispose]();
  });

  async function setup(config: string): Promise<readonly string[]> {
    const file = join(folder, 'application.conf');
    await writeFile(file, config);
    out.length = 0;
    expect(await runCli(['setup', '--config', file]), err.join('\n')).to.equal(0);
    return [...out];
  }

  it('says of each topic, keyspace and table of Cassandra whether it was made or found', async () => {
    const world = kafkaWorld({ more: `${journal}.kafka.topic.auto-create = off` });
    try {
      const journals = ['journal', 'pointer2', 'setting', 'metajournal'];
      const wakeUps = ['wake_up_keys', 'wake_ups', 'wake_up_buckets', 'wake_ups_until'];
      const tables = [...journals, 'tenures', 'tenures_until', ...wakeUps, 'locks'];
      const lines = (state: string) => [
        `Kafka at ${world.kafka}`,
        `  topic ${world.topic} (4 partitions): ${state}`,
        `Cassandra at ${world.cassandra}`,
        `  keyspace ${world.keyspace}: ${state}`,
        ...tables.map((table) => `  table ${world.keyspace}.${table}: ${state}`),
      ];
      expect(await setup(world.configText)).to.deep.equal(lines('created'));
      expect(await setup(world.configText)).to.deep.equal(lines('exists'));
      const more = `${journal}.cassandra.schema.setting-table = setting2`;
      const third = await setup(`${world.configText}\n${more}`);
      expect(third).to.include(`  table ${world.keyspace}.setting2: created`);
      expect(third).to.include(`  table ${world.keyspace}.journal: exists`);
    } finally {
      await dropKeyspace(world.keyspace);
      await deleteTopic(world.topic);
    }
  });

  it('says the same of PostgreSQL, and of topics that only persistence ids name', async () => {
    const schema = randomSchema();
    const world = kafkaWorld({
      more: `${postgresConfig(postgresAddress(), schema)}
        ${journal}.persistence-id-to-key { impl = split, split.fallback = constant-topic }`,
    });
    try {
      const first = await setup(world.configText);
      expect(first.slice(0, 3)).to.deep.equal([
        `Kafka at ${world.kafka}`,
        `  topic ${world.topic} (4 partitions): created`,
        '  topics that split persistence ids name: not known here, create them yourself',
      ]);
      expect(first[3]).to.match(/^PostgreSQL at .+:\d+$/);
      const tables = first.slice(4);
      expect(tables).to.include(`  table ${schema}.metajournal: created`);
      expect(tables.every((line) => /^ {2}table \S+: created$/.test(line))).to.equal(true);
      const second = await setup(world.configText);
      expect(second.slice(4)).to.deep.equal(
        tables.map((line) => line.replace('created', 'exists')),
      );
    } finally {
      await dropSchema(schema);
      await deleteTopic(world.topic);
    }
  });

  it('makes no topic where a module maps persistence ids, and looks whether it does', async () => {
    const keys = new URL('../support/own-plugins/own-keys.ts', import.meta.url).pathname;
    const mapping = `${journal}.persistence-id-to-key.impl`;
    const withKeys = (name: string) => {
      const stores = `evolutiongaming.kafka-journal { eventual = sqlite, sqlite.file = "${folder}/k.db" }`;
      return kafkaWorld({ more: `${stores}\n${mapping} = "${keys}${name}"` });
    };
    const world = withKeys('#OwnKeys');
    expect((await setup(world.configText)).slice(0, 2)).to.deep.equal([
      `Kafka at ${world.kafka}`,
      '  topics that persistence-id-to-key.impl gives: not known here, create them yourself',
    ]);
    const file = join(folder, 'application.conf');
    await writeFile(file, withKeys('#noMapping').configText);
    out.length = 0;
    expect(await runCli(['setup', '--config', file])).to.equal(2);
    expect(err.at(-1)).to.match(/impl: must make a mapping of persistence ids; .* lacks keyOf/);
    expect(out).to.deep.equal([]);
  });

  it('says the same of a file', async () => {
    const file = join(folder, 'events.db');
    const world = kafkaWorld({
      more: `evolutiongaming.kafka-journal { eventual = sqlite, sqlite.file = "${file}" }`,
    });
    try {
      expect((await setup(world.configText)).slice(2)).to.deep.equal([
        `SQLite in ${file}`,
        `  file ${file}: created`,
      ]);
      expect((await setup(world.configText)).at(-1)).to.equal(`  file ${file}: exists`);
    } finally {
      await deleteTopic(world.topic);
    }
  });

  it('names the server that does not answer, with 1', async () => {
    const file = join(folder, 'application.conf');
    const nowhere = kafkaWorld({
      kafka: '127.0.0.1:9',
      more: `${journal}.kafka.request-timeout = 3s`,
    });
    await writeFile(file, nowhere.configText);
    expect(await runCli(['setup', '--config', file])).to.equal(1);
    expect(err.join('\n')).to.match(/^kafka-journal setup: LOG_UNAVAILABLE: .*127\.0\.0\.1:9/m);
  });
});
