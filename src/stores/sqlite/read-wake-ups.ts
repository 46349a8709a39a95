import { NotSetUpError } from '../../model/errors.ts';
import type { Topic } from '../../model/position.ts';
import type { EventualStore } from '../../ports/wake-ups.ts';
import { SqliteEventualJournal } from './eventual-journal.ts';
import { LogPartitions } from './log/log-partitions.ts';
import { formatOf } from './schema/create-schema.ts';
import { type Database, isThere, openToRead, readOr, storeFailure } from './session.ts';
import { EventTable } from './tables/event-table.ts';
import { MetajournalTable } from './tables/metajournal-table.ts';
import { PointerTable } from './tables/pointer-table.ts';
import { SettingTable } from './tables/setting-table.ts';
import { TenureTable } from './tables/tenure-table.ts';
import { WakeUpTable } from './tables/wake-up-table.ts';

/** The version of the schema that brought the tables of wake-ups. */
const firstVersionWithWakeUps = 7;

/** A file that is only read: what its processes have written last. */
export interface SqliteFileToRead extends AsyncDisposable {
  readonly eventual: Pick<EventualStore, 'offset' | 'wakeUps'>;
  /** `undefined` = no such topic. */
  partitionCount(topic: Topic): number | undefined;
}

/**
 * Opens a file that processes of a service may have open. Reads only: it creates no file, brings
 * none up to date and waits for nobody.
 *
 * @returns `undefined` = there is no file
 * @throws {InvalidInputError} the file is no database, or is of another program or later version
 * @throws {NotSetUpError} it is of an earlier format
 * @throws {StoreUnavailableError} another process has locked it
 */
export function openSqliteToRead(path: string): SqliteFileToRead | undefined {
  if (!isThere(path)) return undefined;
  const database = openToRead(path);
  try {
    return readOr(storeFailure, `read ${path}`, () => fileOf(database, path));
  } catch (error) {
    database.close();
    throw error;
  }
}

function fileOf(database: Database, path: string): SqliteFileToRead {
  const format = formatOf(database, path);
  if (format < firstVersionWithWakeUps) {
    throw new NotSetUpError(
      `${path} has journal format ${format}, without wake-ups: ` +
        'the first program of this version that opens it brings it up to date',
    );
  }
  const partitions = new LogPartitions(database);
  return {
    eventual: new SqliteEventualJournal({
      metajournal: new MetajournalTable(database),
      events: new EventTable(database),
      pointers: new PointerTable(database),
      settings: new SettingTable(database),
      tenures: new TenureTable(database),
      wakeUps: new WakeUpTable(database),
    }),
    partitionCount: (topic) => partitions.partitionCount(topic),
    async [Symbol.asyncDispose]() {
      database.close();
    },
  };
}
