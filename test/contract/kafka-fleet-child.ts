import { openKafkaFleetMembership } from '../../src/kafka/fleet/kafka-fleet-membership.ts';
import { Topic } from '../../src/model/position.ts';
import { kafkaSettings, quietDeps } from '../integration/kafka/kafka-fixture.ts';
import { serveAsMember } from './fleet-membership.fixture.ts';

/** A member of a fleet until it is killed: `group id topic timings`. */
const [group = '', id = '', topic = '', timings = ''] = process.argv.slice(2);
const member = { id, address: 'http://127.0.0.1:9' };
const fleet = { ...JSON.parse(timings), group };
const membership = await openKafkaFleetMembership(
  { kafka: kafkaSettings(), fleet, member },
  quietDeps,
);
serveAsMember(id, Topic.of(topic), membership);
