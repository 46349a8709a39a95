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
const statementsAtOnce = 32;
/** A server that has much to do answers too late at times; the statements may be repeated. */
const mostTries = 20;

/**
 * Wake-ups of journals that are not there, due a day or more from now, as a replicator writes them. They
 * are rows of the store and nothing else.
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
  const execute = async (cql: string, params: readonly unknown[]): Promise<void> => {
    for (let tries = 1; ; tries++) {
      try {
        await client.execute(cql, [...params], { prepare: true });
        return;
      } catch (error) {
        if (tries === mostTries) throw error;
      }
    }
  };
  const fromMs = Date.now() + dayMs;
  try {
    const stretches = Array.from({ length: dayMs / bucketMs + 1 }, (_, n) => bucketOf(fromMs) + n);
    for (let partition = 0; partition < partitionCount; partition++)
      await Promise.all(
        stretches.map((bucket) => execute(insertBucket, [topic, partition, bucket])),
      );
    let next = 0;
    const lane = async (): Promise<void> => {
      for (let row = next++; row < count; row = next++) {
        const id = `far-${row}`;
        const dueMs = fromMs + Math.floor((row / count) * dayMs);
        const partition = partitionOf(Buffer.from(id), partitionCount);
        const place = [topic, partition];
        await execute(insertKey, [...place, shareOf(id), id, dueMs, 'time', 0]);
        await execute(insertDue, [...place, bucketOf(dueMs), shareOf(id), dueMs, id]);
      }
    };
    await Promise.all(Array.from({ length: statementsAtOnce }, lane));
  } finally {
    await client.shutdown();
  }
}
