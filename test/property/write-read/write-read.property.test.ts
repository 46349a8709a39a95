import { openSqliteWorld } from '../../contract/journal-worlds.ts';
import { writeReadLaw } from './write-read.law.ts';

writeReadLaw('SQLite', openSqliteWorld, { runs: 1_000, timeoutMs: 60_000 });
