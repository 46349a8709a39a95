import { kafkaWorld } from '../support/kafka/world.ts';
import { journalPluginContract } from './journal-plugin.contract.ts';

let config: string | undefined;

journalPluginContract('kafka', () => (config ??= kafkaWorld().configText), {
  isShared: true,
  rejectsNonSerializable: true,
  bytes: true,
  begins: true,
});
