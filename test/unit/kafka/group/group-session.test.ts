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

describe('A session of a group', () => {
  it('sends heartbeats also while no broker answers how many partitions there are', async () => {
    const over = new AbortController();
    let beats = 0;
    const beat = async (): Promise<void> => {
      if (++beats === 100) over.abort('enough');
    };
    const membership: Partial<GroupMembership> = { heartbeat: beat };
    let looks = 0;
    const consumer = { heartbeatIntervalMs, sessionTimeoutMs: 10_000, maxPollIntervalMs: 30_000 };
    const cluster = {
      deps: { clock: beatingClock(), log: silentLogger },
      settings: { consumer, requestTimeoutMs: 5_000 } as KafkaSettings,
      driver: {
        findTopicPartitionMetadata: () => [],
        refreshMetadata: () => {
          looks++;
          return new Promise<never>(() => {});
        },
      },
    };
    const nothing = async (): Promise<undefined> => undefined;
    const subscriber = { assigned: nothing, records: nothing, revoked: nothing, lost: nothing };
    const deps = {
      cluster: cluster as unknown as LogCluster,
      membership: membership as GroupMembership,
      subscriber,
    };
    const end = await new GroupSession(deps, topic, []).run(over.signal);
    expect(end).to.deep.equal({ type: 'stopped' });
    expect(beats).to.equal(100);
    expect(looks).to.equal(3);
  });
});
