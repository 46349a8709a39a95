/** Recovers the bench's account once and tells the parent how long it took. */
import { createPersistence } from '../../src/index.ts';
import { elapsedMs } from './figures.ts';
import { recoverMachine } from './recover.ts';

const persistence = await createPersistence({ config: process.argv[2] ?? '' });
const ms = await elapsedMs(() => recoverMachine(persistence));
process.send?.(ms);
await persistence.shutdown();
process.disconnect();
