import type { Clock } from '../../runtime/clock.ts';
import { createSchema } from './schema/create-schema.ts';
import { type Database, isBusy, openDatabase, storeFailure } from './session.ts';

/** Two processes that create one file at the same moment wait for each other. */
const openAttempts = 100;
const openRetryMs = 50;

/**
 * A connection to the file, whose tables are there and of this version.
 *
 * @throws {InvalidInputError} the file cannot be opened, or is of another program or later version
 * @throws {StoreUnavailableError} another process holds a lock on it, or the disk is full
 * @throws {DataIntegrityError} it is damaged
 */
export async function openWhenFree(file: string, clock: Clock): Promise<Database> {
  for (let attempt = 1; ; attempt++) {
    let database: Database | undefined;
    try {
      database = openDatabase(file);
      createSchema(database, file);
      return database;
    } catch (error) {
      database?.close();
      const cause = (error as Error).cause ?? error;
      if (!isBusy(cause)) throw storeFailure(error, `open ${file}`);
      if (attempt >= openAttempts) throw storeFailure(cause, `open ${file}`);
      await clock.sleep(openRetryMs);
    }
  }
}
