import { setTimeout as sleep } from 'node:timers/promises';
import { openJournals } from '../../src/compose/open-journals.ts';
import type { Partition } from '../../src/model/position.ts';
import type { Recovered } from './ledger.ts';
import { withStores } from './open-stores.ts';

const replicationLimitMs = 120_000;

/** Reads every journal, one after another, as a recovering actor would. */
export async function readJournals(
  configText: string,
  ids: readonly string[],
): Promise<ReadonlyMap<string, readonly Recovered[]>> {
  const journals = await openJournals({ config: configText });
  try {
    const recovered = new Map<string, readonly Recovered[]>();
    for (const id of ids) {
      const events: Recovered[] = [];
      for await (const batch of journals.of(journals.keyOf(id)).read()) {
        for (const { event } of batch) {
          const operation = operationOf(event.payload) ?? `no operation ${event.seqNr}`;
          events.push({ seqNr: event.seqNr, operation });
        }
      }
      recovered.set(id, events);
    }
    return recovered;
  } finally {
    await journals[Symbol.asyncDispose]();
  }
}

/** How the recovery of each key ends: with `recovered`, or with the code of its error. */
export async function tryJournals(
  configText: string,
  ids: readonly string[],
): Promise<readonly string[]> {
  const journals = await openJournals({ config: configText });
  const outcome = async (id: string): Promise<string> => {
    try {
      for await (const _ of journals.of(journals.keyOf(id)).read());
      return 'recovered';
    } catch (error) {
      return (error as { code?: string }).code ?? String(error);
    }
  };
  try {
    return await Promise.all(ids.map(outcome));
  } finally {
    await journals[Symbol.asyncDispose]();
  }
}

/** Absent: an event that no command led to. */
function operationOf(payload: unknown): string | undefined {
  return /"operation":"([^"]+)"/.exec(JSON.stringify(payload))?.[1];
}

/** Resolves when every partition's replicated offset has reached the log's end. */
export async function waitUntilReplicated(
  configText: string,
  topicName: string,
  limitMs: number = replicationLimitMs,
): Promise<void> {
  await withOffsets(configText, topicName, async (behind) => {
    const limit = Date.now() + limitMs;
    while ((await behind()) > 0) {
      if (Date.now() > limit) throw new Error(`${topicName} is not replicated`);
      await sleep(50);
    }
  });
}

/** How many records of the topic are not in the store yet. */
export async function recordsBehind(configText: string, topicName: string): Promise<number> {
  return await withOffsets(configText, topicName, (behind) => behind());
}

/** How far each partition is replicated; a partition that nothing was replicated of is absent. */
export async function replicatedOffsets(
  configText: string,
  topicName: string,
): Promise<ReadonlyMap<number, number>> {
  return await withStores(configText, topicName, async ({ store, topic, partitions }) => {
    const offsets = new Map<number, number>();
    for (const partition of partitions) {
      const offset = await store.offset(topic, partition);
      if (offset !== undefined) offsets.set(partition, offset);
    }
    return offsets;
  });
}

/** The offset that the next record of each partition will get. */
export async function logEnds(
  configText: string,
  topicName: string,
): Promise<ReadonlyMap<Partition, number>> {
  return await withStores(configText, topicName, async ({ log, topic, partitions }) => {
    const ends = new Map<Partition, number>();
    for (const partition of partitions) ends.set(partition, await log.endOffset(topic, partition));
    return ends;
  });
}

async function withOffsets<T>(
  configText: string,
  topicName: string,
  use: (behind: () => Promise<number>) => Promise<T>,
): Promise<T> {
  return await withStores(configText, topicName, ({ store, log, topic, partitions }) => {
    const behindIn = async (partition: Partition): Promise<number> => {
      const end = await log.endOffset(topic, partition);
      return end - 1 - ((await store.offset(topic, partition)) ?? -1);
    };
    const behind = async (): Promise<number> =>
      (await Promise.all(partitions.map(behindIn))).reduce((sum, count) => sum + count, 0);
    return use(behind);
  });
}
