import { pino } from 'pino';
import { startReplicator } from '../../replicator/replicator.ts';
import { openReplicatedStore } from '../../src/compose/open-eventual-store.ts';
import { loadConfig } from '../../src/config/load-config.ts';
import { readReplicatorSettings } from '../../src/config/settings/replicator-settings.ts';
import { openKafkaTopicConsumers } from '../../src/kafka/group/kafka-topic-consumers.ts';
import { systemClock } from '../../src/runtime/clock.ts';

/**
 * A replicator that does not stay: it joins its group, replicates until it is told to leave, stops
 * in order and joins again, until SIGTERM. It keeps its connections, so that it is back soon.
 *
 *     node visitor-process.ts CONFIG-FILE
 */
const [file = ''] = process.argv.slice(2);
const stopLimitMs = 20_000;

const stopping = new AbortController();
process.once('SIGTERM', () => {
  stopping.abort();
  leave.resolve();
});
let leave = Promise.withResolvers<void>();
process.on('message', () => leave.resolve());

const settings = readReplicatorSettings(await loadConfig({ file }));
const deps = { log: pino(), clock: systemClock };
const store = await openReplicatedStore(settings.eventual, deps);
const consumers = await openKafkaTopicConsumers(settings.kafka, deps);

while (!stopping.signal.aborted) {
  leave = Promise.withResolvers<void>();
  const replicator = startReplicator({ ...deps, consumers, store, settings });
  await leave.promise;
  await replicator.stop({ deadlineMs: stopLimitMs });
}
await consumers[Symbol.asyncDispose]();
await store[Symbol.asyncDispose]();
process.disconnect();
