import { Client } from 'cassandra-driver';
import { partitionOf } from '../../src/codec/java-hash.ts';
import {
  bucketMs,
  bucketOf,
  shareOf,
  wakeUpStatements,
} from '../../src/stores/cassandra/tables/wake-up-table.ts';
import { parseAddress } from '../support/stack/probes.ts';
import { type ChaosWorld, partitionCount } from './chaos-world.ts';

const dayMs = 86_400_000;
const batchesAtOnce = 8;
const rowsOfBatch = 100;
/** A server that has much to do answers too late at times; the statements may be repeated. */
const mostTries = 20;

/**
 * Wake-ups of journals that are not there, due a day or more from now, as a replicator writes them.
 * They are rows of the store and nothing else.
 */
export async function addFarWakeUps(
  { stack, keyspace, topic }: ChaosWorld,
  count: number,
): Promise<void> {
  const { host, port } = parseAddress(stack.cassandra.address);
  const client = new Client({
    contactPoints: [host],
    protocolOptions: { port },
    localDataCenter: stack.cassandra.datacenter,
  });
  await client.connect();
  const { insertKey, insertDue, insertBucket } = wakeUpStatements(keyspace);
  const fromMs = Date.now() + dayMs;
  try {
    const stretches = Array.from({ length: dayMs / bucketMs + 1 }, (_, n) => bucketOf(fromMs) + n);
    for (let partition = 0; partition < partitionCount; partition++)
      await Promise.all(
        stretches.map((bucket) =>
          again(() => client.execute(insertBucket, [topic, partition, bucket], { prepare: true })),
        ),
      );
    const batches: Insert[][] = [];
    const open = new Map<string, Insert[]>();
    /** One batch has rows of one partition of its table, which are written together. */
    const add = (place: readonly unknown[], insert: Insert): void => {
      const name = place.join();
      const batch = open.get(name) ?? [];
      open.set(name, batch);
      if (batch.push(insert) === rowsOfBatch) batches.push(...take(open, name));
    };
    for (let row = 0; row < count; row++) {
      const id = `far-${row}`;
      const dueMs = fromMs + Math.floor((row / count) * dayMs);
      const share = shareOf(id);
      const place = [topic, partitionOf(Buffer.from(id), partitionCount)];
      const bucket = [...place, bucketOf(dueMs), share];
      add([...place, share], { query: insertKey, params: [...place, share, id, dueMs, 'time', 0] });
      add(bucket, { query: insertDue, params: [...bucket, dueMs, id] });
    }
    for (const name of open.keys()) batches.push(...take(open, name));
    let next = 0;
    const lane = async (): Promise<void> => {
      for (let batch = batches[next++]; batch !== undefined; batch = batches[next++]) {
        const inserts = batch;
        await again(() => client.batch([...inserts], { prepare: true, logged: false }));
      }
    };
    await Promise.all(Array.from({ length: batchesAtOnce }, lane));
  } finally {
    await client.shutdown();
  }
}

interface Insert {
  readonly query: string;
  readonly params: unknown[];
}

function take(open: Map<string, Insert[]>, name: string): readonly Insert[][] {
  const batch = open.get(name);
  open.delete(name);
  return batch === undefined ? [] : [batch];
}

async function again(statement: () => Promise<unknown>): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      await statement();
      return;
    } catch (error) {
      if (tries === mostTries) throw error;
    }
  }
}
