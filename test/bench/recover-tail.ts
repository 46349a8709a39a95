import { setTimeout as sleep } from 'node:timers/promises';
import { partitionOf } from '../../src/codec/java-hash.ts';
import { encodeAction } from '../../src/codec/record/action-record-codec.ts';
import { encodeEvents } from '../../src/codec/record/events-codec.ts';
import { SeqNr } from '../../src/model/seq-nr.ts';
import { libraryVersion } from '../../src/runtime/library-version.ts';
import {
  type BenchNames,
  newNames,
  openBenchJournals,
  payloadOf,
  type Servers,
  settingsOf,
} from './bench-world.ts';
import { withFetches } from './count-fetches.ts';
import { type Figure, figure, median, throughput } from './figures.ts';
import { openRawProducer, type RawProducer } from './raw-kafka.ts';
import { readJournal, writeAccount } from './recover.ts';
import { replicateAll } from './replicate.ts';

const account = { id: 'account-1', events: 20 };
const foreignRecords = 100_000;
/** Fewer than the `max-ids` of a head cache: with more, it cannot know which it has dropped. */
const foreignJournals = 1_000;
const recordsInFlight = 2_000;
const rounds = 3;
const warmRecoveries = 5;
/** Time for a head cache to reach the end of the partition after the first recovery. */
const settleMs = 4_000;

interface Recovery {
  readonly ms: number;
  readonly fetches: number;
}

/**
 * A small replicated journal whose partition has 100,000 newer records of others that are not
 * replicated: recovered by a process that knows nothing, and by one whose head cache does.
 */
export async function benchRecoverTail(servers: Servers): Promise<readonly Figure[]> {
  const names = newNames(servers);
  const journals = await openBenchJournals(names);
  await writeAccount(journals, account);
  await journals[Symbol.asyncDispose]();
  await replicateAll(names);
  await writeForeign(names);
  const cold: Recovery[] = [];
  const warm: Recovery[] = [];
  for (let round = 0; round < rounds; round++) {
    const fresh = await openBenchJournals(names);
    const recover = (): Promise<Recovery> => withFetches(() => readJournal(fresh, account));
    cold.push(await recover());
    await sleep(settleMs);
    for (let count = 0; count < warmRecoveries; count++) warm.push(await recover());
    await fresh[Symbol.asyncDispose]();
  }
  return [...figuresOf('recover.tail.cold', cold), ...figuresOf('recover.tail.warm', warm)];
}

function figuresOf(name: string, recoveries: readonly Recovery[]): readonly Figure[] {
  return [
    figure(name, 'ms', [median(recoveries.map(({ ms }) => ms))]),
    figure(`${name}.fetches`, 'requests', [median(recoveries.map(({ fetches }) => fetches))]),
  ];
}

/** Appends of one event to other journals of the same partition. */
async function writeForeign(names: BenchNames): Promise<void> {
  const { kafka } = await settingsOf(names);
  const partition = partitionOf(Buffer.from(account.id), kafka.topic.partitions);
  const raw = await openRawProducer(names.kafka, names.topic);
  const send = (index: number): Promise<void> => raw.send(foreignMessage(names, index, partition));
  try {
    await throughput(foreignRecords, recordsInFlight, send);
  } finally {
    await raw[Symbol.asyncDispose]();
  }
}

/**
 * The next event of the next journal in turn; the partition is given, so the id need not lead
 * there.
 */
function foreignMessage(
  { topic }: BenchNames,
  index: number,
  partition: number,
): Parameters<RawProducer['send']>[0] {
  const seqNr = SeqNr.of(Math.floor(index / foreignJournals) + 1);
  const payload = { type: 'json', value: payloadOf(index) } as const;
  const { payloadType, value } = encodeEvents([{ seqNr, tags: [], payload }], {});
  const encoded = encodeAction({
    key: { topic, id: `foreign-${index % foreignJournals}` },
    timestampMs: Date.now(),
    header: {
      type: 'append',
      range: { from: seqNr, to: seqNr },
      origin: 'bench',
      version: libraryVersion,
      payloadType,
      metadata: {},
    },
    value,
    headers: {},
  });
  return { ...encoded, timestamp: String(encoded.timestampMs), partition };
}
