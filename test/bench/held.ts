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
import { Occasion } from '../../src/runtime/occasion.ts';
import { within } from '../../src/runtime/waiting.ts';
import { RestartableProcess } from '../chaos/child-process.ts';
import {
  type BenchNames,
  deps,
  newNames,
  payloadOf,
  type Servers,
  settingsOf,
} from './bench-world.ts';
import { alternate, type Figure, figure } from './figures.ts';

const warmUpRounds = 5;
const rounds = 9;
/** A round takes about a second. */
const roundLimitMs = 60_000;

const holdingTimeMs = 500;
const holders = 4;
const contendedMs = 12_000;

interface Process extends AsyncDisposable {
  readonly journals: Journals;
}

/** Journals as one process has them, which holds tenures. */
export async function openProcess(names: BenchNames): Promise<Process> {
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
 * Appends to journals that are held, in turn with appends to journals that are not: each in a
 * process of its own, as services are. One that has records with tenures and others would run both
 * slower.
 */
export async function benchHeld(servers: Servers): Promise<readonly Figure[]> {
  await using held = openSide('held', servers);
  await using plain = openSide('plain', servers);
  await held.ready;
  await plain.ready;
  await alternate(warmUpRounds, held.perSecond, plain.perSecond);
  const { a, b } = await alternate(rounds, held.perSecond, plain.perSecond);
  return [figure('append.256.held', 'events/s', [a, b])];
}

function openSide(side: 'held' | 'plain', servers: Servers) {
  const news: unknown[] = [];
  const heard = new Occasion();
  const child = new RestartableProcess({
    file: new URL('held-process.ts', import.meta.url),
    args: () => [side, JSON.stringify(servers)],
    onMessage: (message) => {
      news.push(message);
      heard.fire();
    },
  });
  const next = async (): Promise<unknown> => {
    while (news.length === 0) {
      child.expectAlive();
      if ((await within(heard.wait(), roundLimitMs, deps.clock)) !== 'expired') continue;
      throw new Error(`the process of the side "${side}" does not answer`);
    }
    return news.shift();
  };
  child.start();
  return {
    ready: next(),
    perSecond: async (): Promise<number> => {
      child.send('round');
      return Number(await next());
    },
    [Symbol.asyncDispose]: () => child.kill(),
  };
}

export const eventOf = (number: number): Event => {
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
