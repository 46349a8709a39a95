import { expect } from 'chai';
import type { KafkaSettings } from '../../../../src/config/settings/kafka-settings.ts';
import { GroupMembership } from '../../../../src/kafka/driver/group-membership.ts';
import type { KafkaClient } from '../../../../src/kafka/driver/kafka-client.ts';
import { type DriverCluster, MemberAssignment } from '../../../../src/kafka/driver/kafkajs.ts';

describe('a member of a group of consumers', () => {
  const now = Date.now;
  afterEach(() => {
    Date.now = now;
  });

  it('sends a heartbeat each time, also after the time of day was set back', async () => {
    let beats = 0;
    const given = { version: 1, assignment: { t: [0] }, userData: Buffer.alloc(0) };
    const coordinator = {
      findGroupCoordinator: async () => ({}),
      connectionPool: { send: async () => ({ memberId: 'me' }) },
      joinGroup: async () => ({ generationId: 1, leaderId: 'other', memberId: 'me', members: [] }),
      syncGroup: async () => ({ memberAssignment: MemberAssignment.encode(given) }),
      heartbeat: async () => {
        beats++;
      },
    };
    const cluster = {
      brokerPool: { findConnectedBroker: async () => coordinator },
      findGroupCoordinator: async () => coordinator,
      findTopicPartitionMetadata: () => [{ partitionId: 0 }],
      committedOffsets: () => ({}),
    } as unknown as DriverCluster;
    const logger = { info: () => {}, debug: () => {}, warn: () => {}, namespace: () => logger };
    const membership = new GroupMembership({
      client: { kafka: { logger: () => logger } } as unknown as KafkaClient,
      cluster,
      settings: { consumer: {} } as KafkaSettings,
      groupId: 'g',
      topic: 't',
    });
    expect(await membership.join()).to.deep.equal([0]);
    await membership.heartbeat();
    Date.now = () => now() - 3_600_000;
    await membership.heartbeat();
    await membership.heartbeat();
    expect(beats).to.equal(3);
  });
});
