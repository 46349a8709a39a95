import { fork } from 'node:child_process';
import { once } from 'node:events';
import { assign, createActor, setup, waitFor } from 'xstate';
import type { OpenJournals } from '../../src/compose/open-journals.ts';
import { createPersistence, isReady, type Persistence } from '../../src/index.ts';
import { SeqNr } from '../../src/model/seq-nr.ts';
import { silentLogger } from '../../src/observability/logger.ts';
import { KafkaJournalPlugin } from '../../src/plugin/kafka-journal-plugin.ts';
import type { PersistenceId, PersistentRepr } from '../../src/ports/journal-plugin.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import {
  type BenchNames,
  newNames,
  openBenchJournals,
  payloadOf,
  type Servers,
} from './bench-world.ts';
import { alternate, elapsedMs, type Figure, figure } from './figures.ts';
import { openRawCassandra, readRawRows } from './raw-cassandra.ts';
import { openRawPostgres, type RawRows, readRawPages } from './raw-postgres.ts';
import { replicateAll } from './replicate.ts';

export const accountEvents = 10_000;
const eventsPerAppend = 10;
const rounds = 11;
const firstAccount = 'account-1';

export const account = setup({
  types: { context: {} as { cents: number }, events: {} as { type: 'deposited'; cents: number } },
}).createMachine({
  id: 'account',
  context: { cents: 0 },
  on: {
    deposited: { actions: assign({ cents: ({ context, event }) => context.cents + event.cents }) },
  },
});

/** A key of 10,000 events in Cassandra. */
export async function benchRecoverCassandra(servers: Servers): Promise<readonly Figure[]> {
  const client = await openRawCassandra(servers.cassandra);
  try {
    const readRaw: ReadRaw = (rows) => readRawRows(client, rows);
    return await benchStored('recover.10k.cassandra', newNames(servers), readRaw);
  } finally {
    await client.shutdown();
  }
}

/** The same in PostgreSQL. */
export async function benchRecoverPostgres(servers: Servers): Promise<readonly Figure[]> {
  const pool = openRawPostgres(servers.postgres);
  try {
    const readRaw: ReadRaw = (rows) => readRawPages(pool, rows);
    return await benchStored('recover.10k.postgres', newNames(servers, 'postgres'), readRaw);
  } finally {
    await pool.end();
  }
}

/** Reads the rows with the plain driver; answers how many there are. */
type ReadRaw = (rows: RawRows) => Promise<number>;

/** A replicated key, read through the journal and through a persistent machine. */
async function benchStored(
  name: string,
  names: BenchNames,
  readRaw: ReadRaw,
): Promise<readonly Figure[]> {
  const journals = await openBenchJournals(names);
  const persistence = await createPersistence({ config: names.configText });
  try {
    await writeAccount(journals);
    await replicateAll(names);
    const first = await firstInFreshProcess(names);
    const rows = { ...names, id: firstAccount, to: accountEvents };
    const raw = (): Promise<number> => elapsedMs(async () => expect(await readRaw(rows)));
    const read = (): Promise<number> => elapsedMs(() => readJournal(journals));
    const recover = (): Promise<number> => elapsedMs(() => recoverMachine(persistence));
    await alternate(5, read, raw);
    const journal = await alternate(rounds, read, raw);
    await alternate(5, recover, raw);
    const machine = await alternate(rounds, recover, raw);
    return [
      figure(name, 'ms', [journal.a, journal.b]),
      figure(`${name}.machine`, 'ms', [machine.a, machine.b]),
      figure(`${name}.first`, 'ms', [first]),
    ];
  } finally {
    await persistence.shutdown();
    await journals[Symbol.asyncDispose]();
  }
}

/** The same key when nothing is replicated: all of it comes from Kafka. */
export async function benchRecoverKafka(servers: Servers): Promise<readonly Figure[]> {
  const names = newNames(servers);
  const journals = await openBenchJournals(names);
  const persistence = await createPersistence({ config: names.configText });
  try {
    await writeAccount(journals);
    const { a, b } = await alternate(
      rounds,
      () => elapsedMs(() => readJournal(journals)),
      () => elapsedMs(() => recoverMachine(persistence)),
    );
    return [figure('recover.10k.kafka', 'ms', [a]), figure('recover.10k.kafka.machine', 'ms', [b])];
  } finally {
    await persistence.shutdown();
    await journals[Symbol.asyncDispose]();
  }
}

/** Writes the events as persistent actors do, ten to an append; `first` = number of the first. */
export async function writeAccount(
  journals: OpenJournals,
  {
    id = firstAccount,
    events = accountEvents,
    first: begin = 1,
  }: { id?: string; events?: number; first?: number } = {},
): Promise<void> {
  const plugin = accountPlugin(journals);
  const writes: Promise<unknown>[] = [];
  for (let from = begin; from < begin + events; from += eventsPerAppend) {
    const [first, ...rest] = Array.from({ length: eventsPerAppend }, (_, index) =>
      repr(id, from + index),
    );
    if (first === undefined) continue;
    writes.push(plugin.write([{ persistenceId: first.persistenceId, events: [first, ...rest] }]));
  }
  await Promise.all(writes);
}

/** The journals as persistent actors write them. */
export function accountPlugin(journals: OpenJournals): KafkaJournalPlugin {
  const { keyOf } = journals;
  return new KafkaJournalPlugin({
    journals,
    keyOf,
    maxEventsInBatch: 0,
    wakesEntities: false,
    log: silentLogger,
    clock: systemClock,
    close: async () => {},
  });
}

function repr(id: string, seqNr: number): PersistentRepr {
  return {
    persistenceId: id as PersistenceId,
    seqNr: SeqNr.of(seqNr),
    payload: payloadOf(seqNr),
    manifest: '',
    writerUuid: '6f4b2ff0-8a44-4a0e-9a0c-0f1d2a3b4c5d',
    timestampMs: undefined,
    tags: [],
    facts: {},
  };
}

/** @throws when it has not so many events */
export async function readJournal(
  journals: OpenJournals,
  { id = firstAccount, events = accountEvents }: { id?: string; events?: number } = {},
): Promise<void> {
  let count = 0;
  for await (const batch of journals.of(journals.keyOf(id)).read()) count += batch.length;
  expect(count, events);
}

export async function recoverMachine(persistence: Persistence): Promise<void> {
  const actor = createActor(
    persistence.persistent(account, { persistenceId: firstAccount, initEvent: 'never' }),
  );
  actor.start();
  const { persistence: info } = await waitFor(actor, isReady);
  expect(info.sequenceNr);
  await persistence.stop(actor);
}

function expect(count: number, events: number = accountEvents): void {
  if (count !== events) throw new Error(`read ${count} of ${events} events`);
}

/** The first recovery of a new process, its connections included. */
async function firstInFreshProcess(names: BenchNames): Promise<number> {
  const child = fork(new URL('first-recovery.ts', import.meta.url), [names.configText]);
  const [ms] = (await once(child, 'message')) as [number];
  await once(child, 'exit');
  return ms;
}
