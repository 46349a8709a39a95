import type { EventualSettings } from '../config/settings/eventual-settings.ts';
import type {
  EmbeddedJournalSettings,
  KafkaJournalSettings,
} from '../config/settings/journal-settings.ts';
import { openKafkaAdmin } from '../kafka/kafka-admin.ts';
import { InvalidInputError } from '../model/errors.ts';
import type { Topic } from '../model/position.ts';
import type { ReplicatedJournal } from '../ports/replicated-journal.ts';
import type { EventualStore } from '../ports/wake-ups.ts';
import { Opened } from '../runtime/opened.ts';
import { openSqliteToRead } from '../stores/sqlite/read-wake-ups.ts';
import { openEmbeddedStores } from './open-embedded-stores.ts';
import { openEventualStore, openReplicatedStore } from './open-eventual-store.ts';
import type { OpenDeps } from './stores.ts';

type Settings = EmbeddedJournalSettings | KafkaJournalSettings;

/** The wake-ups of a journal, read from outside. */
export interface OpenWakeUps extends AsyncDisposable {
  /**
   * Of a topic; 0 = an embedded journal has not made it yet.
   *
   * @throws {NotSetUpError} it does not exist on Kafka
   * @throws {LogUnavailableError} no broker answered in time
   */
  partitions(topic: Topic): Promise<number>;
  readonly eventual: Pick<EventualStore, 'offset' | 'wakeUps'>;
}

/** The same, and the store as the replicator writes it. */
export interface WritableWakeUps extends OpenWakeUps {
  readonly replicated: ReplicatedJournal;
}

/**
 * Opens them to look: nothing is created or changed, whatever the settings allow.
 *
 * @throws {InvalidInputError} the embedded journal is in the memory of its process
 * @throws {NotSetUpError} the store lacks tables, or the file is of an earlier format
 * @throws {StoreUnavailableError} {@link LogUnavailableError} not reachable
 */
export async function openWakeUps(settings: Settings, deps: OpenDeps): Promise<OpenWakeUps> {
  const opened = new Opened();
  const close = () => opened[Symbol.asyncDispose]();
  try {
    if ('file' in settings) {
      const file = fileToRead(settings);
      if (file !== undefined) opened.own(file);
      const partitions = async (topic: Topic) => file?.partitionCount(topic) ?? 0;
      return { partitions, eventual: file?.eventual ?? nothing, [Symbol.asyncDispose]: close };
    }
    const admin = opened.own(await openKafkaAdmin(settings.kafka, deps));
    const eventual = await openToLook(settings.eventual, deps, opened);
    const partitions = (topic: Topic) => admin.partitions(topic);
    return { partitions, eventual, [Symbol.asyncDispose]: close };
  } catch (error) {
    await close();
    throw error;
  }
}

/**
 * Opens them to ask for a rebuild. Of an embedded journal this process is one of those that
 * replicate, until it is closed.
 *
 * @throws as {@link openWakeUps}
 * @throws {AccessDeniedError} names the right to write the store that is missing
 */
export async function openWakeUpsToWrite(
  settings: Settings,
  deps: OpenDeps,
): Promise<WritableWakeUps | undefined> {
  const opened = new Opened();
  const close = () => opened[Symbol.asyncDispose]();
  try {
    if ('file' in settings) {
      // Of an earlier format it is left as it is: a program that runs may not be able to read it
      // then.
      const file = fileToRead(settings);
      await file?.[Symbol.asyncDispose]();
      if (file === undefined) return undefined;
      const { consumer, eventual } = opened.own(await openEmbeddedStores(settings, deps));
      const store = { type: 'sqlite', sqlite: { file: settings.file } } as const;
      const replicated = opened.own(await openReplicatedStore(store, deps));
      const partitions = async (topic: Topic) => (await consumer.partitionCount(topic)) ?? 0;
      return { partitions, eventual, replicated, [Symbol.asyncDispose]: close };
    }
    const admin = opened.own(await openKafkaAdmin(settings.kafka, deps));
    const replicated = opened.own(await openReplicatedStore(settings.eventual, deps));
    const eventual = opened.own(await openEventualStore(settings.eventual, deps));
    const partitions = (topic: Topic) => admin.partitions(topic);
    return { partitions, eventual, replicated, [Symbol.asyncDispose]: close };
  } catch (error) {
    await close();
    throw error;
  }
}

function fileToRead({ file: path }: EmbeddedJournalSettings) {
  if (path === ':memory:') {
    throw new InvalidInputError('the journal is in the memory of its process: file = ":memory:"');
  }
  return openSqliteToRead(path);
}

async function openToLook(
  settings: EventualSettings,
  deps: OpenDeps,
  opened: Opened,
): Promise<OpenWakeUps['eventual']> {
  if (settings.type !== 'sqlite') {
    return opened.own(await openEventualStore(settings, deps, { mode: 'check' }));
  }
  const file = openSqliteToRead(settings.sqlite.file);
  return file === undefined ? nothing : opened.own(file).eventual;
}

/** A file that is not there. */
const nothing: OpenWakeUps['eventual'] = {
  offset: async () => undefined,
  wakeUps: { until: async () => undefined, async *due() {} },
};
