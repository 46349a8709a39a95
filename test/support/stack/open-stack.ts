import { combined } from './combined-stack.ts';
import { containersProblem, openContainerStack } from './container-stack.ts';
import { environmentProblem, openEnvironmentStack } from './environment-stack.ts';
import { javaProblem } from './jars.ts';
import { openJavaStack } from './java-stack.ts';
import { openPostgres, postgresProblem } from './open-postgres.ts';
import type { ServerPair, Stack, StackOptions, StackSource } from './stack.ts';

/** There is no way to run the servers on this machine; each source says why. */
export class NoStackError extends Error {
  constructor(problems: readonly string[]) {
    super(`no Kafka, Cassandra and PostgreSQL: ${problems.join('; ')}`);
    this.name = 'NoStackError';
  }
}

interface Source {
  readonly name: StackSource;
  /** Why it cannot offer such a stack here, found out without starting anything. */
  problem(options: StackOptions): Promise<string | undefined>;
  open(options: StackOptions): Promise<ServerPair>;
}

/** In the order of preference. */
const sources: readonly Source[] = [
  {
    name: 'environment',
    problem: async (options) => environmentProblem(options),
    open: openEnvironmentStack,
  },
  { name: 'containers', problem: containersProblem, open: openContainerStack },
  { name: 'java', problem: javaProblem, open: openJavaStack },
];

/**
 * Starts one Kafka, one Cassandra and one PostgreSQL, all answering requests when this resolves.
 *
 * The servers end with this process, however it ends, unless the stack is detached.
 *
 * @throws NoStackError when no source can offer such a stack
 * @throws what the last source that tried met, its logs kept and named
 */
export async function openStack(options: StackOptions): Promise<Stack> {
  const problem = await postgresProblem(options);
  if (problem !== undefined) throw new NoStackError([problem]);
  return await combined(openPair(options), openPostgres(options));
}

/** The same on containers, PostgreSQL where its image can be had. */
export async function openEngineStack(options: StackOptions): Promise<Stack> {
  return await combined(openContainerStack(options), openPostgres(options));
}

async function openPair(options: StackOptions): Promise<ServerPair> {
  const problems: string[] = [];
  let failure: unknown;
  for (const source of sources) {
    options.signal?.throwIfAborted();
    const problem = await source.problem(options);
    if (problem !== undefined) {
      problems.push(`${source.name}: ${problem}`);
      continue;
    }
    try {
      return await source.open(options);
    } catch (error) {
      failure = error;
      options.note?.(`${source.name}: ${describe(error)}`);
    }
  }
  throw failure ?? new NoStackError(problems);
}

function describe(error: unknown): string {
  const parts: string[] = [];
  for (let at = error; at instanceof Error; at = at.cause) parts.push(at.message);
  return parts.join(': ');
}
