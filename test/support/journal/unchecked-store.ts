import { encodeAction } from '../../../src/codec/record/action-record-codec.ts';
import type { Action } from '../../../src/model/action.ts';
import {
  openSqliteParts,
  type SqliteDeps,
  type SqliteSettings,
  type SqliteStore,
} from '../../../src/stores/sqlite/store.ts';

/**
 * The embedded store with a log that takes whatever is written, as Kafka does: the embedded one
 * refuses what readers would find void.
 */
export async function openUncheckedStore(
  settings: SqliteSettings,
  deps: SqliteDeps,
): Promise<SqliteStore> {
  const { store, queue, writer } = await openSqliteParts(settings, deps);
  const produce = async (action: Action) => {
    const { key, value, timestampMs, headers } = encodeAction(action);
    const record = {
      key,
      value: value ?? undefined,
      timestampMs,
      headers: Object.entries(headers),
    };
    return queue.write(() => writer.append(action.key.topic, record));
  };
  const { producer } = store;
  const dispose = async (): Promise<void> => producer[Symbol.asyncDispose]();
  return { ...store, producer: { produce, [Symbol.asyncDispose]: dispose } };
}
