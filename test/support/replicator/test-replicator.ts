import { startReplicator } from '../../../replicator/replicator.ts';
import type { ReplicationSettings, ReplicatorDeps } from '../../../replicator/replicator-deps.ts';
import { FakeTopicConsumers } from './fake-topic-consumers.ts';
import { logLines } from './log-lines.ts';
import { ManualClock, settle } from './manual-clock.ts';
import { MemoryReplicatedJournal } from './memory-replicated-journal.ts';
import { topic } from './records.ts';

const defaults: ReplicationSettings = {
  topicPrefixes: ['journal'],
  topicDiscoveryIntervalMs: 3_000,
  cacheExpireAfterMs: 60_000,
  maxKeysInFlight: 64,
  quarantine: { policy: 'fail', skip: [] },
  purgeExpired: undefined,
};

/** A replicator over fakes that the test drives: its topic is joined, nothing is assigned yet. */
export async function testReplicator(
  settings: Partial<ReplicationSettings> = {},
  outputs: Pick<ReplicatorDeps, 'producer' | 'quarantineFile'> = {},
) {
  const consumers = new FakeTopicConsumers();
  const store = new MemoryReplicatedJournal();
  const clock = new ManualClock();
  const log = logLines();
  const notified: string[] = [];
  consumers.names = [topic];
  const replicator = startReplicator({
    consumers,
    store,
    clock,
    log,
    settings: { ...defaults, ...settings },
    ...outputs,
    random: () => 0.999,
    onReplicated: (of, partition, offset) => notified.push(`${of} ${partition}:${offset}`),
  });
  await settle();
  const stop = async (): Promise<void> => {
    const stopped = replicator.stop({ deadlineMs: 1_000 });
    await clock.advance(0);
    await stopped;
  };
  return {
    consumers,
    store,
    clock,
    log,
    notified,
    replicator,
    stop,
    /** The topic's newest member. */
    member: () => consumers.member(topic),
    errors: () => log.lines.filter(({ level }) => level === 'error'),
  };
}

/** A promise that the test settles. */
export function gate(): { readonly opened: Promise<void>; open: () => void } {
  let open: () => void = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}
