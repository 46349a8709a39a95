import { setUpPostgres } from '../../src/stores/postgres/schema/create-schema.ts';
import { type BenchNames, deps, newNames, type Servers, settingsOf } from './bench-world.ts';
import { elapsedMs, type Figure } from './figures.ts';
import { openRawPostgres, type RecordedCall, replayWrites, watchWrites } from './raw-postgres.ts';
import { benchBacklogs } from './replicate.ts';

/** From a backlog in Kafka into PostgreSQL, against the same statements from memory. */
export async function benchReplicatePostgres(servers: Servers): Promise<readonly Figure[]> {
  return await benchBacklogs<RecordedCall>('replicate.postgres', {
    newNames: () => newNames(servers, 'postgres'),
    watch: watchWrites,
    replay: rawWrites,
    async drop({ postgres, keyspace }) {
      const pool = openRawPostgres(postgres);
      await pool.query(`DROP SCHEMA "${keyspace}" CASCADE`);
      await pool.end();
    },
  });
}

async function rawWrites(names: BenchNames, calls: readonly RecordedCall[]): Promise<number> {
  const { eventual } = await settingsOf(names);
  if (eventual.type !== 'postgres') throw new Error('this figure is about PostgreSQL');
  const { postgres } = eventual;
  const name = `${names.keyspace}_raw`;
  await setUpPostgres({ ...postgres, schema: { ...postgres.schema, name } }, deps, {
    mode: 'create',
  });
  const pool = openRawPostgres(names.postgres);
  try {
    const rename = (text: string): string => text.replaceAll(`"${names.keyspace}"`, `"${name}"`);
    return await elapsedMs(() => replayWrites(pool, calls, rename));
  } finally {
    await pool.query(`DROP SCHEMA "${name}" CASCADE`);
    await pool.end();
  }
}
