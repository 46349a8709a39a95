import { createPersistence } from '../../src/index.ts';
import { sharedKeyspace } from '../integration/cassandra/shared-keyspace.ts';
import { kafkaWorld } from '../support/kafka/world.ts';
import { RecordingLogger } from '../support/recording-logger.ts';
import { xstateTableContract } from './xstate-table.contract.ts';

const snapshots = 'evolutiongaming.kafka-journal.snapshot-store.cassandra';

xstateTableContract('Kafka and Cassandra', async () => {
  const world = kafkaWorld({ keyspace: sharedKeyspace() });
  const [host, port] = world.cassandra.split(':');
  const config = `${world.configText}
    akka.persistence.snapshot-store.plugin = "${snapshots}"
    ${snapshots}.cassandra {
      client { contact-points = ["${host}"], port = ${port} }
      schema { keyspace.name = "${world.keyspace}", auto-create = on }
    }`;
  const log = new RecordingLogger();
  const persistence = await createPersistence({ config, log });
  return {
    persistence,
    warnings: () => log.of('warn'),
    [Symbol.asyncDispose]: () => persistence.shutdown(),
  };
});
