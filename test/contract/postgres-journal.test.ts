import { journalContract } from './journal.contract.ts';
import { openPostgresWorld } from './journal-worlds.ts';

// The other ways differ in what they read of the log, and call a store as these two do.
journalContract('a log in memory and PostgreSQL', openPostgresWorld, {
  sizes: [0, 2],
  way: 'by a marker',
});
journalContract('a log in memory and PostgreSQL', openPostgresWorld, {
  sizes: [1],
  way: 'with a head cache whose replicated offset is old, by the end offset',
});
