import type {
  EmbeddedJournalSettings,
  KafkaJournalSettings,
} from '../config/settings/journal-settings.ts';
import { readKafkaFleet } from '../kafka/fleet/read-kafka-fleet.ts';
import { InvalidInputError } from '../model/errors.ts';
import type { FleetDescription } from '../ports/fleet-membership.ts';
import { readSqliteFleet } from '../stores/sqlite/fleet/read-sqlite-fleet.ts';
import type { OpenDeps } from './stores.ts';

/**
 * Who owns what in a fleet, read from outside: nothing is joined, created or changed.
 * Without members the generation is 0.
 *
 * @throws {InvalidInputError} the embedded journal is in the memory of its process
 * @throws {StoreUnavailableError} {@link LogUnavailableError} not reachable
 */
export async function readFleetOf(
  settings: EmbeddedJournalSettings | KafkaJournalSettings,
  group: string,
  deps: OpenDeps,
): Promise<FleetDescription> {
  if ('file' in settings) {
    if (settings.file === ':memory:') {
      throw new InvalidInputError('the journal is in the memory of its process: file = ":memory:"');
    }
    return readSqliteFleet(settings.file, group, deps.clock.nowMs());
  }
  return await readKafkaFleet(settings.kafka, group, deps);
}
