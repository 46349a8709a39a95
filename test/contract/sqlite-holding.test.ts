import { holdingContract } from './holding.contract.ts';
import { openSqliteHolding } from './holding-worlds.ts';

holdingContract('one SQLite file', openSqliteHolding);
