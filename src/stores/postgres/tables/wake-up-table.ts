import type { Statement } from '../session.ts';

/** What the journals of a partition wait for: a row each that waits. */
export const wakeUpsTable = 'wake_ups';
/** How far those of a partition are complete. */
export const wakeUpsUntilTable = 'wake_ups_until';

/** Rows in one page of a reader. */
export const dueInPage = 1_000;

/** Statements of the two tables of wake-ups (docs/format.md#relational-tables). */
export function wakeUpStatements(schema: string) {
  const table = `${schema}.${wakeUpsTable}`;
  const until = `${schema}.${wakeUpsUntilTable}`;
  const epoch = `(SELECT epoch FROM ${schema}.pointer WHERE topic = $1 AND partition = $2)`;
  // Nothing is stored by a process that was replaced, even if it wakes up long afterwards.
  const ifClaimed = (claimed: string) => `${epoch} IS NOT DISTINCT FROM ${claimed}::bigint`;
  const ofPartition = `WHERE topic = $1 AND partition = $2 AND ${ifClaimed('NULL')}`;
  return {
    /** topic `$1`, partition `$2` */
    selectUntil: {
      name: 'select wake-ups until',
      text: `SELECT "offset" FROM ${until} WHERE topic = $1 AND partition = $2`,
    },
    /**
     * topic `$1`, partition `$2`, offset `$3`, the epoch of the claim `$4`; one that would go back
     * changes nothing
     */
    saveUntil: {
      name: 'save wake-ups until',
      text: `INSERT INTO ${until} AS u (topic, partition, "offset")
        SELECT $1, $2, $3::bigint WHERE ${ifClaimed('$4')}
        ON CONFLICT (topic, partition) DO UPDATE SET "offset" = excluded."offset"
        WHERE u."offset" < excluded."offset"`,
    },
    /** topic `$1`, partition `$2`, due at or before `$3`, after the time `$4` and the id `$5` */
    selectDue: {
      name: 'select wake-ups due',
      text: `SELECT id, due, reason, "offset" FROM ${table}
        WHERE topic = $1 AND partition = $2 AND due <= $3 AND (due, id) > ($4::bigint, $5)
        ORDER BY due, id LIMIT ${dueInPage}`,
    },
    /** topic `$1`, partition `$2`, id `$3` */
    selectOffset: {
      name: 'select offset of wake-up',
      text: `SELECT "offset" FROM ${table} WHERE topic = $1 AND partition = $2 AND id = $3`,
    },
    /**
     * topic `$1`, partition `$2`, the epoch of the claim `$3`; id, due, reason, offset from `$4` on
     */
    save: {
      name: 'save wake-up',
      text: `INSERT INTO ${table} (topic, partition, id, due, reason, "offset")
        SELECT $1, $2, $4, $5::bigint, $6, $7::bigint WHERE ${ifClaimed('$3')}
        ON CONFLICT (topic, partition, id) DO UPDATE SET due = excluded.due,
          reason = excluded.reason, "offset" = excluded."offset"`,
    },
    /** topic `$1`, partition `$2`, the epoch of the claim `$3`, id `$4` */
    remove: {
      name: 'remove wake-up',
      text: `DELETE FROM ${table}
        WHERE topic = $1 AND partition = $2 AND id = $4 AND ${ifClaimed('$3')}`,
    },
    /** topic `$1`, partition `$2`; nothing where something is replicated */
    clearUntil: { name: 'clear wake-ups until', text: `DELETE FROM ${until} ${ofPartition}` },
    /**
     * The same of the wake-ups, but that of the journal `$3`, which the first record has changed.
     */
    clear: {
      name: 'clear wake-ups',
      text: `DELETE FROM ${table} ${ofPartition} AND id IS DISTINCT FROM $3::text`,
    },
  } as const satisfies Record<string, Statement>;
}
