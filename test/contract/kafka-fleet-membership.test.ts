import { openKafkaFleetMembership } from '../../src/kafka/fleet/kafka-fleet-membership.ts';
import { openKafkaAdmin } from '../../src/kafka/kafka-admin.ts';
import { createTopic, kafkaSettings, quietDeps } from '../integration/kafka/kafka-fixture.ts';
import { fleetMembershipContract } from './fleet-membership.contract.ts';
import type { FleetUnderTest } from './fleet-membership.fixture.ts';

/** Shorter than a broker allows unless it is told otherwise, as that of the stack is. */
const sessionTimeoutMs = 5_000;
const timings = { sessionTimeoutMs, heartbeatIntervalMs: 100, balanceDelayMs: 1_000_000 };

fleetMembershipContract('Kafka', openKafkaFleet);

async function openKafkaFleet(): Promise<FleetUnderTest> {
  const kafka = kafkaSettings();
  const admin = await openKafkaAdmin(kafka, quietDeps);
  return {
    sessionTimeoutMs,
    childFile: new URL('./kafka-fleet-child.ts', import.meta.url),
    childArgs: [JSON.stringify(timings)],
    createTopic: (name, partitions) => createTopic(admin, name, partitions),
    open: (group, member, { balanceDelayMs }) => {
      const fleet = { ...timings, group, balanceDelayMs };
      return openKafkaFleetMembership({ kafka, fleet, member }, quietDeps);
    },
    [Symbol.asyncDispose]: () => admin[Symbol.asyncDispose](),
  };
}
