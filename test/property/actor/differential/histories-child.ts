/** Runs histories for another process and sends it what they came to. */
import { runHistories, type Task } from './run-histories.ts';

const task = JSON.parse(process.argv[2] ?? '{}') as Task;
process.on('disconnect', () => process.exit()); // nobody waits for the outcome
const outcome = await runHistories(task);
process.send?.(outcome, () => process.disconnect());
