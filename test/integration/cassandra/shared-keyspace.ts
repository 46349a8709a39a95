import { dropKeyspace, randomKeyspace } from './cassandra-server.ts';

const name = randomKeyspace();
let isUsed = false;

/**
 * One keyspace for all suites of a run of mocha that topics keep apart: to make and drop one costs
 * Cassandra more than many a suite. The first that needs its tables makes them.
 */
export function sharedKeyspace(): string {
  isUsed = true;
  return name;
}

// Of the root suite: after the last test of the run.
after(async () => {
  if (isUsed) await dropKeyspace(name);
});
