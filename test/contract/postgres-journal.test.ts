import { journalContract } from './journal.contract.ts';
import { readingWays } from './journal-ways.ts';
import { openPostgresWorld } from './journal-worlds.ts';

for (const way of readingWays) {
  const sizes = way === 'by a marker' ? [0, 1, 3] : [2];
  journalContract('a log in memory and PostgreSQL', openPostgresWorld, { sizes, way });
}
