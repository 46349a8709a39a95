import { randomUUID } from 'node:crypto';
import { partitionOf } from '../../src/codec/java-hash.ts';
import { openKafkaStores } from '../../src/compose/open-kafka-stores.ts';
import type { HeldJournal } from '../../src/journal/holding/held-journal.ts';
import { TenureHolder } from '../../src/journal/holding/tenure-holder.ts';
import { createJournals, type Journals } from '../../src/journal/journals.ts';
import { endByOffset } from '../../src/journal/read/ends.ts';
import type { Event } from '../../src/model/event.ts';
import { Key } from '../../src/model/key.ts';
import { SeqNr } from '../../src/model/seq-nr.ts';
import {
  type BenchNames,
  deps,
  newNames,
  payloadOf,
  type Servers,
  settingsOf,
} from './bench-world.ts';
import { alternate, type Figure, figure, throughput } from './figures.ts';

const keys = 1_000;
const inFlight = 256;
const appends = 30_000;
const warmUpRounds = 2;
const rounds = 5;

const holdingTimeMs = 500;
const holders = 4;
const contendedMs = 12_000;

interface Process extends AsyncDisposable {
  readonly journals: Journals;
}

/** Journals as one process has them, which holds tenures. */
async function openProcess(names: BenchNames): Promise<Process> {
  const settings = await settingsOf(names);
  const stores = await openKafkaStores(settings, deps);
  const own = { origin: 'bench', randomUuid: randomUUID };
  const holding = { scope: '', holdingTimeMs };
  const by = { holder: randomUUID(), holding, limitMs: 30_000, random: Math.random };
  const tenures = new TenureHolder({ ...stores, ...deps, ...own, ...by });
  const readEnd = endByOffset(stores.consumer);
  const parts = { ...stores, ...deps, ...own, settings, readEnd, tenures };
  return {
    journals: createJournals(parts, settings.callTimeThresholdsMs),
    async [Symbol.asyncDispose]() {
      tenures.close();
      await stores[Symbol.asyncDispose]();
    },
  };
}

/**
 * Appends to journals that are held, in turn with appends to journals that are not. All were read
 * before, as they are by whoever has to know their last numbers.
 */
export async function benchHeld(servers: Servers): Promise<readonly Figure[]> {
  const names = newNames(servers);
  await using held = await openProcess(names);
  const both = newNames(servers);
  await using plain = await openProcess(both);
  const indexes = Array.from({ length: keys }, (_, index) => index);
  const mine = await Promise.all(
    indexes.map((index) => held.journals.hold(Key.of(names.topic, `key-${index}`))),
  );
  const others = indexes.map((index) => plain.journals.of(Key.of(both.topic, `key-${index}`)));
  await Promise.all([...mine, ...others].map((journal) => journal.pointer()));
  const appendTo = (journals: readonly Pick<HeldJournal, 'append'>[]) => {
    const last = indexes.map(() => 0);
    return (index: number): Promise<unknown> => {
      const at = index % keys;
      const number = (last[at] ?? 0) + 1;
      last[at] = number;
      return (journals[at] as HeldJournal).append([eventOf(number)]);
    };
  };
  const ours = appendTo(mine);
  const theirs = appendTo(others);
  const run = (append: (index: number) => Promise<unknown>) => () =>
    throughput(appends, inFlight, append);
  await alternate(warmUpRounds, run(ours), run(theirs));
  const { a, b } = await alternate(rounds, run(ours), run(theirs));
  return [figure('append.256.held', 'events/s', [a, b])];
}

const eventOf = (number: number): Event => {
  return { seqNr: SeqNr.of(number), tags: [], payload: { type: 'json', value: payloadOf(number) } };
};

/**
 * Four processes that nobody routes to: all of them want one journal, or each one a journal of one
 * and the same partition.
 */
export async function benchContended(servers: Servers): Promise<readonly Figure[]> {
  const one = await contend(newNames(servers), () => 'key');
  const names = newNames(servers);
  const { kafka } = await settingsOf(names);
  const ids = idsOfOnePartition(kafka.topic.partitions);
  const several = await contend(names, (index) => ids[index] as string);
  return [
    figure('hold.contended', 'appends/s', [one.appends]),
    figure('hold.contended.tenures', 'tenures/s', [one.tenures]),
    figure('hold.contended.keys', 'appends/s', [several.appends]),
    figure('hold.contended.keys.tenures', 'tenures/s', [several.tenures]),
  ];
}

function idsOfOnePartition(partitions: number): string[] {
  const all = Array.from({ length: 100 * partitions }, (_, index) => `key-${index}`);
  return all.filter((id) => partitionOf(Buffer.from(id), partitions) === 0).slice(0, holders);
}

/** What is acknowledged, and how often the partition changes hands, a second. */
async function contend(
  names: BenchNames,
  idOf: (holder: number) => string,
): Promise<{ readonly appends: number; readonly tenures: number }> {
  await using processes = new AsyncDisposableStack();
  const opened: Process[] = [];
  for (let index = 0; index < holders; index++)
    opened.push(processes.use(await openProcess(names)));
  const tenures = new Set<number>();
  let acknowledged = 0;
  const startMs = performance.now();
  const isOver = (): boolean => performance.now() - startMs >= contendedMs;
  const work = async ({ journals }: Process, index: number): Promise<void> => {
    const signal = AbortSignal.timeout(contendedMs);
    while (!isOver()) {
      const journal = await journals.hold(Key.of(names.topic, idOf(index)), { signal });
      tenures.add(journal.tenure.of);
      acknowledged += await appendUntilLost(journal, isOver);
    }
  };
  // A holder whose time is over while it waits for the partition ends with its signal.
  await Promise.allSettled(opened.map(work));
  const seconds = (performance.now() - startMs) / 1_000;
  return { appends: acknowledged / seconds, tenures: tenures.size / seconds };
}

/** How many appends were acknowledged. */
async function appendUntilLost(journal: HeldJournal, isOver: () => boolean): Promise<number> {
  const before = (await journal.pointer()) ?? 0;
  let last: number = before;
  try {
    for (; !isOver(); last++) await journal.append([eventOf(last + 1)]);
  } catch (error) {
    if (!journal.signal.aborted) throw error;
  }
  return last - before;
}
