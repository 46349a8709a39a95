import { journalContract } from './journal.contract.ts';
import { readingWays } from './journal-ways.ts';
import { openSqliteWorld } from './journal-worlds.ts';

for (const way of readingWays) {
  const sizes = way === 'by a marker' ? [0, 1, 2, 3, 4] : [0, 2];
  journalContract('SQLite', openSqliteWorld, { sizes, way });
}
