import type { Statement } from '../postgres-session.ts';

/** Statements of `pointer` and of `expiry`: what is known of one partition as a whole. */
export function pointerStatements(schema: string) {
  const table = `${schema}.pointer`;
  const expiry = `${schema}.expiry`;
  const now = (param: string): string => `to_timestamp(${param} / 1000.0::float8)`;
  return {
    topics: { name: 'select topics', text: `SELECT DISTINCT topic FROM ${table}` },
    /** topic `$1`, partition `$2` */
    select: {
      name: 'select offset',
      text: `SELECT "offset" FROM ${table} WHERE topic = $1 AND partition = $2`,
    },
    /** topic `$1`, partition `$2`, offset `$3`, now `$4` → no row when the partition has one */
    insert: {
      name: 'insert offset',
      text: `INSERT INTO ${table} (topic, partition, "offset", created, updated)
        VALUES ($1, $2, $3, ${now('$4')}, ${now('$4')})
        ON CONFLICT DO NOTHING RETURNING "offset"`,
    },
    /** The same and what it stands at, `$5` → no row when it stands elsewhere */
    move: {
      name: 'move offset',
      text: `UPDATE ${table} SET "offset" = $3, updated = ${now('$4')}
        WHERE topic = $1 AND partition = $2 AND "offset" = $5 RETURNING "offset"`,
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
