import { waitFor } from 'xstate';
import { createPersistence, isReady, type Persistence } from '../../src/index.ts';
import { counter } from '../support/counter.ts';

export type Counters = ReturnType<typeof countersOf>;

/** Persistent actors as an application has them, for the time of `use`. */
export async function withCounters<T>(
  file: string,
  use: (counters: Counters) => Promise<T>,
): Promise<T> {
  const persistence = await createPersistence({ file });
  try {
    return await use(countersOf(persistence));
  } finally {
    await persistence.shutdown();
  }
}

function countersOf(persistence: Persistence) {
  const persistenceId = ({ input }: { input: { id: string } }): string => input.id;
  return persistence.entities('counter', persistence.persistent(counter, { persistenceId }));
}

/** What another process recovers. */
export async function recoveredSum(file: string, id: string): Promise<number> {
  return await withCounters(file, async (counters) => {
    return (await waitFor(counters.ref(id), isReady)).context.sum;
  });
}

/** What a call failed with. */
export async function failureOf(call: Promise<unknown>): Promise<Error> {
  try {
    await call;
  } catch (error) {
    return error as Error;
  }
  throw new Error('it did not fail');
}

/**
 * The first error of a class along the causes.
 *
 * @throws when there is none
 */
export function causeOf<T extends Error>(
  error: Error,
  type: abstract new (...args: never[]) => T,
): T {
  const chain: string[] = [];
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    if (at instanceof type) return at;
    chain.push(`${at.name}: ${at.message}`);
  }
  throw new Error(`no ${type.name} in: ${chain.join(' < ')}`);
}
