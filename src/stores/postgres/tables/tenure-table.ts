import { oldTenuresLookedAt } from '../../kept-tenures.ts';
import type { Statement } from '../session.ts';

/** Opening marks of tenures, by topic, partition and scope. */
export const tenuresTable = 'tenures';
/** How far those of a partition are all known. */
export const tenuresUntilTable = 'tenures_until';

/** Statements of the two tables of tenures (docs/format.md#relational-tables). */
export function tenureStatements(schema: string) {
  const table = `${schema}.${tenuresTable}`;
  const until = `${schema}.${tenuresUntilTable}`;
  const epoch = `(SELECT epoch FROM ${schema}.pointer WHERE topic = $1 AND partition = $2)`;
  // Nothing is stored by a process that was replaced, even if it wakes up long afterwards: a topic
  // that was made anew meanwhile would find marks of the old one.
  const ifClaimed = (claimed: string) => `${epoch} IS NOT DISTINCT FROM ${claimed}::bigint`;
  const ofPartition = `WHERE topic = $1 AND partition = $2 AND ${ifClaimed('NULL')}`;
  return {
    /** topic `$1`, partition `$2` */
    selectUntil: {
      name: 'select tenures until',
      text: `SELECT "offset" FROM ${until} WHERE topic = $1 AND partition = $2`,
    },
    /**
     * topic `$1`, partition `$2`, offset `$3`, the epoch of the claim `$4`; one that would go back
     * changes nothing
     */
    saveUntil: {
      name: 'save tenures until',
      text: `INSERT INTO ${until} AS u (topic, partition, "offset")
        SELECT $1, $2, $3::bigint WHERE ${ifClaimed('$4')}
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
    /**
     * topic `$1`, partition `$2`, now `$3`, the epoch of the claim `$4`; scopes, offsets, holders
     * and addresses from `$5` on
     */
    insert: {
      name: 'insert tenures',
      text: `INSERT INTO ${table} (topic, partition, scope, "offset", holder, address, created)
        SELECT $1, $2, scope, nr, holder, address, to_timestamp($3 / 1000.0::float8)
        FROM (SELECT DISTINCT * FROM unnest($5::text[], $6::bigint[], $7::text[], $8::text[]))
          AS new (scope, nr, holder, address)
        WHERE ${ifClaimed('$4')}
        ON CONFLICT (topic, partition, scope, "offset") DO UPDATE SET holder = excluded.holder,
          address = excluded.address, created = excluded.created`,
    },
    /** topic `$1`, partition `$2`, scopes `$3`; those before the last one stored until `$4` (ms) */
    removeSuperseded: {
      name: 'remove superseded tenures',
      text: `DELETE FROM ${table} AS t USING unnest($3::text[]) AS new (scope)
        WHERE t.topic = $1 AND t.partition = $2 AND t.scope = new.scope AND t."offset" < (
          SELECT max("offset") FROM (
            SELECT "offset", created FROM ${table}
            WHERE topic = $1 AND partition = $2 AND scope = new.scope
            ORDER BY "offset" LIMIT ${oldTenuresLookedAt}
          ) AS oldest WHERE created <= to_timestamp($4 / 1000.0::float8)
        )`,
    },
    /** topic `$1`, partition `$2`; nothing where something is replicated */
    clear: { name: 'clear tenures', text: `DELETE FROM ${table} ${ofPartition}` },
    /** The same of how far they are known. */
    clearUntil: { name: 'clear tenures until', text: `DELETE FROM ${until} ${ofPartition}` },
  } as const satisfies Record<string, Statement>;
}
