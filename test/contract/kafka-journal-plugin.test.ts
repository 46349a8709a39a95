import { sharedKeyspace } from '../integration/cassandra/shared-keyspace.ts';
import { kafkaWorld } from '../support/kafka/world.ts';
import { journalPluginContract } from './journal-plugin.contract.ts';

let config: string | undefined;

journalPluginContract(
  'kafka',
  () => (config ??= kafkaWorld({ keyspace: sharedKeyspace() }).configText),
  {
    isShared: true,
    rejectsNonSerializable: true,
    bytes: true,
    begins: true,
  },
);
