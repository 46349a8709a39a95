import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect } from 'chai';
import type { KafkaSettings } from '../../../../src/config/settings/kafka-settings.ts';
import type { GroupMembership } from '../../../../src/kafka/driver/group-membership.ts';
import { GroupSession } from '../../../../src/kafka/group/group-session.ts';
import type { LogCluster } from '../../../../src/kafka/log-cluster.ts';
import { silentLogger } from '../../../../src/observability/logger.ts';
import type { Clock } from '../../../../src/runtime/clock.ts';
import { aborted } from '../../../../src/runtime/waiting.ts';
import { topic } from '../../../support/replicator/records.ts';

const heartbeatIntervalMs = 1_000;

/** Time goes on by heartbeats only. */
function beatingClock(): Clock {
  let ms = 0;
  return {
    nowMs: () => ms,
    steadyMs: () => ms,
    async sleep(delayMs, options) {
      const never = options?.signal ?? new AbortController().signal;
      if (delayMs !== heartbeatIntervalMs) return aborted(never);
      ms += delayMs;
      await nextTurn();
    },
  };
}

/**
 * Runs a session of 100 heartbeats: a look for partitions after each 30.
 *
 * @param count partitions that the metadata has, after a number of looks
 * @param refresh what a look waits for
 */
async function run(count: (looks: number) => number, refresh: () => Promise<void>) {
  const over = new AbortController();
  let beats = 0;
  const beat = async (): Promise<void> => {
    if (++beats === 100) over.abort('enough');
  };
  const membership: Partial<GroupMembership> = { heartbeat: beat };
  let looks = 0;
  const consumer = { heartbeatIntervalMs, sessionTimeoutMs: 10_000, maxPollIntervalMs: 30_000 };
  const driver = {
    findTopicPartitionMetadata: () => Array.from({ length: count(looks) }),
    refreshMetadata: () => {
      looks++;
      return refresh();
    },
  };
  const cluster = {
    deps: { clock: beatingClock(), log: silentLogger },
    settings: { consumer, requestTimeoutMs: 5_000 } as KafkaSettings,
    driver,
    learnTopic: async () => {},
  };
  const nothing = async (): Promise<undefined> => undefined;
  const subscriber = { assigned: nothing, records: nothing, revoked: nothing, lost: nothing };
  const deps = {
    cluster: cluster as unknown as LogCluster,
    membership: membership as GroupMembership,
    subscriber,
  };
  const end = await new GroupSession(deps, topic, []).run(over.signal);
  return { end, beats, looks };
}

describe('A session of a group', () => {
  it('sends heartbeats also while no broker answers how many partitions there are', async () => {
    const never = (): Promise<never> => new Promise(() => {});
    const ran = await run(() => 2, never);
    expect(ran).to.deep.equal({ end: { type: 'stopped' }, beats: 100, looks: 3 });
  });

  it('ends for a rebalance when partitions were added, and not when a broker knows none for a moment', async () => {
    const atOnce = async (): Promise<void> => {};
    const forgotten = await run((looks) => (looks === 1 ? 0 : 2), atOnce);
    expect(forgotten).to.deep.equal({ end: { type: 'stopped' }, beats: 100, looks: 3 });
    const added = await run((looks) => [2, 0, 3][looks] ?? 3, atOnce);
    expect(added.end).to.deep.equal({ type: 'rebalance' });
    expect(added.looks).to.equal(2);
  });
});
