import { existsSync } from 'node:fs';
import { InvalidInputError } from '../../../model/errors.ts';
import type { FleetDescription } from '../../../ports/fleet-membership.ts';
import { schemaVersion } from '../schema/create-schema.ts';
import { type Database, openToRead, readOr, storeFailure } from '../session.ts';
import { isDead } from './fleet-file.ts';
import { FleetRows } from './fleet-rows.ts';

/** The version of the schema that brought the tables of the fleet. */
const firstVersionWithFleets = 6;

const nobody: FleetDescription = {
  view: { generation: 0, members: [], topics: new Map() },
  hosted: new Map(),
};

/**
 * Who owns what in the file at `path`, as its members agreed on it last. Without living members, and
 * without a file, the generation is 0. Reads only: it creates no file, and waits for nobody.
 *
 * @param nowMs since the epoch; members whose lease is over by then are dead
 * @throws {InvalidInputError} the file is no database, or is of another program or later version
 * @throws {StoreUnavailableError} another process has locked it
 * @throws {DataIntegrityError} a row does not decode
 */
export function readSqliteFleet(path: string, group: string, nowMs: number): FleetDescription {
  if (!existsSync(path)) return nobody;
  const database = openToRead(path);
  try {
    return readOr(storeFailure, `read the fleet of ${path}`, () => {
      const version = versionOf(database);
      if (version > schemaVersion) {
        throw new InvalidInputError(
          `${path} has journal format ${version}; this version reads up to ${schemaVersion}`,
        );
      }
      if (version < firstVersionWithFleets) return nobody;
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
function describe(rows: FleetRows, nowMs: number): FleetDescription {
  const members = rows.members();
  const view = rows.view()?.view;
  if (view === undefined || members.every((member) => isDead(member, nowMs))) return nobody;
  return { view, hosted: new Map(members.map(({ member, topics }) => [member.id, topics])) };
}
