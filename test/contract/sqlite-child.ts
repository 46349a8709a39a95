import type { LogRecord } from '../../src/model/log-record.ts';
import type { Offset, Partition, Topic } from '../../src/model/position.ts';
import { silentLogger } from '../../src/observability/logger.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { openSqliteStore, type SqliteStore } from '../../src/stores/sqlite/store.ts';
import { rangesOf } from '../support/journal/ranges.ts';
import { appendOf, keyOf } from './action-log.fixture.ts';
import * as given from './replicated-store.ts';

/*
 * A process that works on a file until it is killed: `file topic what`. It prints what is certain:
 * `acknowledged <key> <number> <partition> <offset>`, `owns <partition>`,
 * `replicated <partition> <offset>`.
 */
const [file = '', topicName = '', what = ''] = process.argv.slice(2);
const topic = topicName as Topic;
const keys = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];
const endless = new AbortController().signal;

const store = await openSqliteStore(
  { file, partitions: 3, segmentSize: 100 },
  { log: silentLogger, clock: systemClock },
);
const replicates = what === 'both' || what === 'replicate';
await Promise.all([
  ...(what === 'replicate' ? [] : keys.map((id) => produce(store, id))),
  ...(replicates ? [replicate(store)] : []),
]);

/** Appends of one key, up to four at a time, numbered on from what the file holds. */
async function produce({ producer }: SqliteStore, id: string): Promise<void> {
  const key = keyOf(topic, id);
  for (let number = 1; ; number += 4) {
    const numbers = [number, number + 1, number + 2, number + 3];
    const places = await Promise.all(numbers.map((n) => producer.produce(appendOf(key, n))));
    const lines = places.map(
      ({ partition, offset }, i) => `acknowledged ${id} ${numbers[i]} ${partition} ${offset}\n`,
    );
    // Out before the next calls: what is said at the time of a kill lags by one round.
    await new Promise((resolve) => process.stdout.write(lines.join(''), resolve));
  }
}

/** A small replicator: a row of the store for each key, then the offset. */
async function replicate({ topicConsumers, replicated }: SqliteStore): Promise<void> {
  const consumer = await topicConsumers.open(topic);
  const afters = new Map<Partition, Offset | undefined>();
  const save = async (partition: Partition, records: readonly LogRecord[]) => {
    const ids = new Map<string, Offset>();
    for (const { key, offset } of records) ids.set(Buffer.from(key ?? []).toString(), offset);
    const appends = [...ids].map(async ([id, offset]) => {
      const journal = await replicated.open(keyOf(topic, id));
      const events = [given.eventRecord(offset + 1, offset)] as const;
      const at = { partition, offset };
      await journal.append(
        { at, ranges: rangesOf(events), events, expireAfter: undefined },
        Date.now(),
      );
    });
    await Promise.all(appends);
    const offset = records.at(-1)?.offset as Offset;
    await replicated.saveOffset(
      { topic, partition, offset, after: afters.get(partition) },
      Date.now(),
    );
    afters.set(partition, offset);
    process.stdout.write(`replicated ${partition} ${offset}\n`);
  };
  await consumer.run(
    {
      async assigned(partition) {
        process.stdout.write(`owns ${partition}\n`);
        const offset = await replicated.claim(topic, partition, { nowMs: Date.now() });
        afters.set(partition, offset);
        return offset === undefined ? undefined : ((offset + 1) as Offset);
      },
      records: ({ partition, records }) => save(partition, records),
      revoked: async () => {},
      lost: async () => {},
    },
    { signal: endless },
  );
}
