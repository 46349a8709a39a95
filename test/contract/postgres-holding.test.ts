import { holdingContract } from './holding.contract.ts';
import { openPostgresHolding } from './holding-worlds.ts';

holdingContract('Kafka and PostgreSQL', openPostgresHolding, (world, topic) =>
  world.replicate(topic),
);
