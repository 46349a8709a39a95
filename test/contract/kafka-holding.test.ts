import { holdingContract } from './holding.contract.ts';
import { openCassandraHolding } from './holding-worlds.ts';

holdingContract('Kafka and Cassandra', openCassandraHolding, (world, topic) =>
  world.replicate(topic),
);
