import { partitionOf } from '../../src/codec/java-hash.ts';
import { encodeAction } from '../../src/codec/record/action-record-codec.ts';
import { encodeEvents } from '../../src/codec/record/events-codec.ts';
import type { Event } from '../../src/model/event.ts';
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
import { alternate, elapsedMs, type Figure, figure, median, throughput } from './figures.ts';
import { openRawProducer, type RawProducer } from './raw-kafka.ts';

const keys = 1_000;
const inFlight = 256;
const appends = 60_000;
const sequential = 1_000;
/** Until both sides' compilers have seen what runs. */
const warmUpRounds = 5;
const rounds = 9;

type RawMessage = Parameters<RawProducer['send']>[0];

/** Appends through the journal against the same records, encoded beforehand, through kafkajs. */
export async function benchAppend(servers: Servers): Promise<readonly Figure[]> {
  const names = newNames(servers);
  const journals = await openBenchJournals(names);
  const raw = await openRawProducer(servers.kafka, names.topic);
  try {
    const messages = await rawMessages(names);
    const events = messages.map((_, index) => eventOf(index));
    const open = Array.from({ length: keys }, (_, index) =>
      journals.of(journals.keyOf(`key-${index}`)),
    );
    const append = (index: number): Promise<unknown> =>
      (open[index % keys] as (typeof open)[number]).append([events[index] as Event]);
    const sendRaw = (index: number): Promise<unknown> => raw.send(messages[index] as RawMessage);
    const ours = (): Promise<number> => throughput(appends, inFlight, append);
    const theirs = (): Promise<number> => throughput(appends, inFlight, sendRaw);
    await alternate(warmUpRounds, ours, theirs);
    const many = await alternate(rounds, ours, theirs);
    const one = await alternate(
      rounds,
      () => p50(append),
      () => p50(sendRaw),
    );
    return [
      figure('append.256', 'events/s', [many.a, many.b]),
      figure('append.sequential', 'ms p50', [one.a, one.b]),
    ];
  } finally {
    await raw[Symbol.asyncDispose]();
    await journals[Symbol.asyncDispose]();
  }
}

async function p50(run: (index: number) => Promise<unknown>): Promise<number> {
  const times: number[] = [];
  for (let index = 0; index < sequential; index++) times.push(await elapsedMs(() => run(index)));
  return median(times);
}

function eventOf(index: number): Event {
  return { seqNr: SeqNr.min, tags: [], payload: { type: 'json', value: payloadOf(index) } };
}

/** The raw client at 256 in flight on a topic of its own, for figures that are taken elsewhere. */
export interface RawAppends extends AsyncDisposable {
  /** `before` is called with the number of each append. */
  perSecond(before?: (index: number) => void): Promise<number>;
}

export async function openRawAppends(servers: Servers): Promise<RawAppends> {
  const names = newNames(servers);
  const journals = await openBenchJournals(names);
  await journals[Symbol.asyncDispose]();
  const raw = await openRawProducer(servers.kafka, names.topic);
  const messages = await rawMessages(names);
  const send = (index: number): Promise<unknown> => raw.send(messages[index] as RawMessage);
  await throughput(20_000, inFlight, send);
  return {
    perSecond: (before) =>
      throughput(appends, inFlight, (index) => {
        before?.(index);
        return send(index);
      }),
    [Symbol.asyncDispose]: () => raw[Symbol.asyncDispose](),
  };
}

/** The bytes that our append writes, with the partition that our producer chooses. */
async function rawMessages(names: BenchNames): Promise<RawMessage[]> {
  const { kafka } = await settingsOf(names);
  return Array.from({ length: appends }, (_, index) => {
    const { payloadType, value } = encodeEvents([eventOf(index)], {});
    const encoded = encodeAction({
      key: { topic: names.topic, id: `key-${index % keys}` },
      timestampMs: Date.now(),
      header: {
        type: 'append',
        range: { from: SeqNr.min, to: SeqNr.min },
        origin: 'bench',
        version: libraryVersion,
        payloadType,
        metadata: {},
      },
      value,
      headers: {},
    });
    const partition = partitionOf(encoded.key, kafka.topic.partitions);
    return { ...encoded, timestamp: String(encoded.timestampMs), partition };
  });
}
