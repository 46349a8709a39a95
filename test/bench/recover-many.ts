import { newNames, openBenchJournals, type Servers } from './bench-world.ts';
import { withFetches } from './count-fetches.ts';
import { alternate, type Figure, figure, median } from './figures.ts';
import { openRawCassandra, readRawRows } from './raw-cassandra.ts';
import { accountEvents, readJournal, writeAccount } from './recover.ts';
import { fill, replicateAll } from './replicate.ts';

const atOnce = 16;
const warmUpRounds = 2;
const rounds = 5;

/** Sixteen journals of 10,000 replicated events at once, against as many raw reads at once. */
export async function benchRecoverMany(servers: Servers): Promise<readonly Figure[]> {
  const names = newNames(servers);
  const journals = await openBenchJournals(names);
  const raw = await openRawCassandra(servers.cassandra);
  const ids = Array.from({ length: atOnce }, (_, index) => `account-${index}`);
  try {
    for (const id of ids) await writeAccount(journals, { id });
    await replicateAll(names);
    const perSecond = async (readOne: (id: string) => Promise<unknown>): Promise<number> => {
      const startMs = performance.now();
      await Promise.all(ids.map(readOne));
      return ((atOnce * accountEvents) / (performance.now() - startMs)) * 1_000;
    };
    const read = (): Promise<number> => perSecond((id) => readJournal(journals, { id }));
    const readRaw = (): Promise<number> =>
      perSecond((id) => readRawRows(raw, { ...names, id, to: accountEvents }));
    await alternate(warmUpRounds, read, readRaw);
    const { a, b } = await alternate(rounds, read, readRaw);
    return [figure('recover.16x', 'events/s', [a, b])];
  } finally {
    await raw.shutdown();
    await journals[Symbol.asyncDispose]();
  }
}

const crowd = { keys: 1_000, eventsPerKey: 20 };

/**
 * A thousand recoveries at once, of a process that has just started: from Kafka, then from
 * Cassandra.
 */
export async function benchRecoverCrowd(servers: Servers): Promise<readonly Figure[]> {
  const names = newNames(servers);
  await fill(names, crowd);
  const fromKafka = await measureCrowd(names, 'recover.1000.kafka');
  await replicateAll(names);
  return [...(await measureCrowd(names, 'recover.1000')), ...fromKafka];
}

async function measureCrowd(
  names: Parameters<typeof openBenchJournals>[0],
  name: string,
): Promise<readonly Figure[]> {
  const all: { readonly ms: number; readonly fetches: number }[] = [];
  for (let round = 0; round < rounds; round++) {
    const journals = await openBenchJournals(names);
    const ids = Array.from({ length: crowd.keys }, (_, index) => `key-${index}`);
    const read = (id: string): Promise<void> =>
      readJournal(journals, { id, events: crowd.eventsPerKey });
    all.push(await withFetches(() => Promise.all(ids.map(read))));
    await journals[Symbol.asyncDispose]();
  }
  return [
    figure(name, 'ms', [median(all.map(({ ms }) => ms))]),
    figure(`${name}.fetches`, 'requests', [median(all.map(({ fetches }) => fetches))]),
  ];
}
