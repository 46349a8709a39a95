import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openEngineStack, openStack } from '../stack/open-stack.ts';
import { missingText } from '../stack/opened-stack.ts';
import { stackEnvironment, withReason } from '../stack/server-variables.ts';
import { sharedStackVariable, shareStack } from '../stack/shared-stack.ts';
import type { Stack, StackOptions } from '../stack/stack.ts';
import type { Need } from './levels.ts';

const securedVariable = 'KAFKA_JOURNAL_TEST_SECURED';

export type ServerNeed = Exclude<Need, 'nothing'>;

/** One set of servers for all levels that need it, and what their tests learn about it. */
export interface Servers extends AsyncDisposable {
  readonly stack: Stack;
  readonly env: Readonly<Record<string, string>>;
}

export async function openServers(
  need: ServerNeed,
  { signal, note }: { readonly signal: AbortSignal; readonly note: (line: string) => void },
): Promise<Servers> {
  const stack = await openStackFor(need, { signal, note, name: need });
  const shared = restarts.has(need) ? await shareStack(stack) : undefined;
  return {
    stack,
    env: {
      ...(need === 'secured' ? securedEnvironment(stack) : stackEnvironment(stack)),
      ...(shared === undefined ? {} : { [sharedStackVariable]: shared.address }),
    },
    async [Symbol.asyncDispose]() {
      await shared?.[Symbol.asyncDispose]();
      await stack[Symbol.asyncDispose]();
    },
  };
}

/** Suites of these needs kill servers, and reach the owner to do so. */
const restarts: ReadonlySet<ServerNeed> = new Set(['keep', 'engine']);

function openStackFor(need: ServerNeed, options: Omit<StackOptions, 'profile'>): Promise<Stack> {
  switch (need) {
    case 'quick':
    case 'keep':
      return openStack({ ...options, profile: need });
    case 'secured':
      return openStack({ ...options, profile: 'quick', secured: true });
    case 'engine':
      return openEngineStack({ ...options, profile: 'keep' });
  }
}

/** Passwords go into a file that only we can read, beside the logs. */
function securedEnvironment({ kafka, cassandra, logins, ...stack }: Stack): Record<string, string> {
  const missing = stack.missing.filter(({ name }) => name !== 'postgres');
  if (missing.length > 0) {
    return withReason(securedVariable, missing.map(missingText).join('\n'));
  }
  const [folder] = stack.folders;
  if (logins === undefined || folder === undefined) throw new Error('the stack has no logins');
  const file = join(folder, 'secured.json');
  const description = {
    kafka: { address: kafka.address, mechanism: 'scram-sha-256', logins },
    cassandra: { address: cassandra.address, datacenter: cassandra.datacenter, logins },
  };
  writeFileSync(file, `${JSON.stringify(description, null, 2)}\n`, { mode: 0o600 });
  return { [securedVariable]: file };
}
