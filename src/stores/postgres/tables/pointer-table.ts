import type { Statement } from '../session.ts';

const now = (param: string): string => `to_timestamp(${param} / 1000.0::float8)`;

/** Statements of `pointer` and of `expiry`: what is known of one partition as a whole. */
export function pointerStatements(schema: string) {
  const table = `${schema}.pointer`;
  const expiry = `${schema}.expiry`;
  return {
    topics: { name: 'select topics', text: `SELECT DISTINCT topic FROM ${table}` },
    /** topic `$1`, partition `$2` */
    select: {
      name: 'select offset',
      text: `SELECT "offset" FROM ${table} WHERE topic = $1 AND partition = $2`,
    },
    /**
     * topic `$1`, partition `$2` → the offset and an epoch that nobody had; no row when nothing is
     * replicated
     */
    claim: {
      name: 'claim partition',
      text: `UPDATE ${table} SET epoch = epoch + 1
        WHERE topic = $1 AND partition = $2 RETURNING "offset", epoch`,
    },
    /**
     * topic `$1`, partition `$2`, offset `$3`, now `$4` → its epoch. Where the same offset is
     * stored already it is claimed; no row when another one is.
     */
    insert: {
      name: 'insert offset',
      text: `INSERT INTO ${table} AS p (topic, partition, "offset", epoch, created, updated)
        VALUES ($1, $2, $3, 1, ${now('$4')}, ${now('$4')})
        ON CONFLICT (topic, partition) DO UPDATE SET epoch = p.epoch + 1
        WHERE p."offset" = excluded."offset" RETURNING epoch`,
    },
    /**
     * The same and the epoch, `$5` → the epoch; no row when the partition was claimed since. Within
     * an epoch one process alone moves the offset, so wherever below it stands, there its own last
     * move has put it.
     */
    move: {
      name: 'move offset',
      text: `UPDATE ${table} SET "offset" = $3, updated = ${now('$4')}
        WHERE topic = $1 AND partition = $2 AND epoch = $5 AND "offset" <= $3 RETURNING epoch`,
    },
    /** topic `$1`, partition `$2` */
    selectExpired: {
      name: 'select expiry',
      text: `SELECT to_char(day, 'YYYY-MM-DD') FROM ${expiry} WHERE topic = $1 AND partition = $2`,
    },
    /** topic `$1`, partition `$2`, day `$3`, now `$4` */
    saveExpired: {
      name: 'save expiry',
      text: `INSERT INTO ${expiry} (topic, partition, day, updated)
        VALUES ($1, $2, $3::date, ${now('$4')})
        ON CONFLICT (topic, partition) DO UPDATE SET day = excluded.day, updated = excluded.updated`,
    },
  } as const satisfies Record<string, Statement>;
}
