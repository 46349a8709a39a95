import type { FleetDescription } from '../../../ports/fleet-membership.ts';
import { formatOf } from '../schema/create-schema.ts';
import { isThere, openToRead, readOr, storeFailure } from '../session.ts';
import { isDead } from '../signs-of-life.ts';
import { FleetRows } from './fleet-rows.ts';

/** The version of the schema that brought the tables of the fleet. */
const firstVersionWithFleets = 6;

const nobody: FleetDescription = {
  view: { generation: 0, members: [], topics: new Map() },
  hosted: new Map(),
};

/**
 * Who owns what in the file at `path`, as its members agreed on it last. Without living members,
 * and without a file, the generation is 0. Reads only: it creates no file, and waits for nobody.
 *
 * @param nowMs since the epoch; members whose lease is over by then are dead
 * @throws {InvalidInputError} the file is no database, or is of another program or later version
 * @throws {StoreUnavailableError} another process has locked it
 * @throws {DataIntegrityError} a row does not decode
 */
export function readSqliteFleet(path: string, group: string, nowMs: number): FleetDescription {
  if (!isThere(path)) return nobody;
  const database = openToRead(path);
  try {
    return readOr(storeFailure, `read the fleet of ${path}`, () => {
      if (formatOf(database, path) < firstVersionWithFleets) return nobody;
      // In one transaction, so that members and view are of one moment.
      database.exec('BEGIN');
      const rows = new FleetRows(database, group);
      const members = rows.members();
      const view = rows.view()?.view;
      if (view === undefined || members.every((member) => isDead(member, nowMs))) return nobody;
      return { view, hosted: new Map(members.map(({ member, topics }) => [member.id, topics])) };
    });
  } finally {
    database.close();
  }
}
