import { existsSync } from 'node:fs';
import { InvalidInputError } from '../../../model/errors.ts';
import type { FleetDescription } from '../../../ports/fleet-membership.ts';
import { schemaVersion } from '../schema/create-schema.ts';
import { type Database, openToRead, readOr, storeFailure } from '../session.ts';
import { isDead } from './fleet-file.ts';
import { FleetRows } from './fleet-rows.ts';

/** The version of the schema that brought the tables of the fleet. */
const firstVersionWithFleets = 6;

/**
 * Who owns what in the file at `path`, as its members agreed on it. Reads only: it creates no file,
 * not even a missing one, and waits for nobody.
 *
 * @param nowMs since the epoch; members whose lease is over by then are dead
 * @returns `undefined` when no member lives, or there is no such file
 * @throws {InvalidInputError} the file is no database, or is of another program or later version
 * @throws {StoreUnavailableError} another process has locked it
 * @throws {DataIntegrityError} a row does not decode
 */
export function readSqliteFleet(
  path: string,
  group: string,
  nowMs: number,
): FleetDescription | undefined {
  if (!existsSync(path)) return undefined;
  const database = openToRead(path);
  try {
    return readOr(storeFailure, `read the fleet of ${path}`, () => {
      const version = versionOf(database);
      if (version > schemaVersion) {
        throw new InvalidInputError(
          `${path} has journal format ${version}; this version reads up to ${schemaVersion}`,
        );
      }
      if (version < firstVersionWithFleets) return undefined;
      database.exec('BEGIN');
      return describe(new FleetRows(database, group), nowMs);
    });
  } finally {
    database.close();
  }
}

function versionOf(database: Database): number {
  const row = database.prepare<{ user_version: number }>('PRAGMA user_version').get();
  return row?.user_version ?? 0;
}

/** In one transaction, so that members and view are of one moment. */
function describe(rows: FleetRows, nowMs: number): FleetDescription | undefined {
  const members = rows.members();
  const view = rows.view()?.view;
  if (view === undefined || members.every((member) => isDead(member, nowMs))) return undefined;
  return { view, hosted: new Map(members.map(({ member, topics }) => [member.id, topics])) };
}
