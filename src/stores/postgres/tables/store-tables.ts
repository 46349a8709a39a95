import { eventStatements } from './event-table.ts';
import { metajournalStatements } from './metajournal-table.ts';
import { pointerStatements } from './pointer-table.ts';
import { tenureStatements } from './tenure-table.ts';
import { wakeUpStatements } from './wake-up-table.ts';

/** All statements on the tables of one schema. */
export interface StoreTables {
  readonly events: ReturnType<typeof eventStatements>;
  readonly metajournal: ReturnType<typeof metajournalStatements>;
  readonly pointers: ReturnType<typeof pointerStatements>;
  readonly tenures: ReturnType<typeof tenureStatements>;
  readonly wakeUps: ReturnType<typeof wakeUpStatements>;
}

/** @param schema a name that needs no escape: settings refuse others */
export function storeTables(schema: string): StoreTables {
  const quoted = `"${schema}"`;
  return {
    events: eventStatements(quoted),
    metajournal: metajournalStatements(quoted),
    pointers: pointerStatements(quoted),
    tenures: tenureStatements(quoted),
    wakeUps: wakeUpStatements(quoted),
  };
}
