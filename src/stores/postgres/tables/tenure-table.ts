import type { Statement } from '../session.ts';

/** Opening marks of tenures, by topic, partition and scope. */
export const tenuresTable = 'tenures';
/** How far those of a partition are all known. */
export const tenuresUntilTable = 'tenures_until';

/** Statements of the two tables of tenures (docs/format.md#relational-tables). */
export function tenureStatements(schema: string) {
  const table = `${schema}.${tenuresTable}`;
  const until = `${schema}.${tenuresUntilTable}`;
  return {
    /** topic `$1`, partition `$2` */
    selectUntil: {
      name: 'select tenures until',
      text: `SELECT "offset" FROM ${until} WHERE topic = $1 AND partition = $2`,
    },
    /** topic `$1`, partition `$2`, offset `$3`; one that would go back changes nothing */
    saveUntil: {
      name: 'save tenures until',
      text: `INSERT INTO ${until} AS u (topic, partition, "offset") VALUES ($1, $2, $3)
        ON CONFLICT (topic, partition) DO UPDATE SET "offset" = excluded."offset"
        WHERE u."offset" < excluded."offset"`,
    },
    /** topic `$1`, partition `$2`, scope `$3`, at or before `$4` */
    selectLast: {
      name: 'select last tenure',
      text: `SELECT "offset" FROM ${table}
        WHERE topic = $1 AND partition = $2 AND scope = $3 AND "offset" <= $4
        ORDER BY "offset" DESC LIMIT 1`,
    },
    /** topic `$1`, partition `$2`, now `$3`; scopes, offsets, holders and addresses from `$4` on */
    insert: {
      name: 'insert tenures',
      text: `INSERT INTO ${table} (topic, partition, scope, "offset", holder, address, created)
        SELECT $1, $2, scope, nr, holder, address, to_timestamp($3 / 1000.0::float8)
        FROM unnest($4::text[], $5::bigint[], $6::text[], $7::text[])
          AS new (scope, nr, holder, address)
        ON CONFLICT DO NOTHING`,
    },
  } as const satisfies Record<string, Statement>;
}
