import { assign, setup } from 'xstate';
import { createPersistence } from '../../src/index.ts';
import { newNames, payloadOf, type Servers } from './bench-world.ts';
import { type Figure, figure, median, throughput } from './figures.ts';

const keys = 1_000;
const inFlight = 256;
const commands = 30_000;
const rounds = 5;

const account = setup({
  types: {
    context: {} as { cents: number },
    events: {} as ReturnType<typeof depositOf>,
    input: {} as { id: string },
  },
}).createMachine({
  id: 'account',
  context: { cents: 0 },
  on: {
    deposited: { actions: assign({ cents: ({ context, event }) => context.cents + event.cents }) },
  },
});

/** Commands through persistent actors and `ask`; the baseline is `append.256` of raw kafkajs. */
export async function benchActors(
  servers: Servers,
  raw: number | undefined,
): Promise<readonly Figure[]> {
  const value = await commandsPerSecond(newNames(servers).configText);
  return [figure('append.256.actors', 'commands/s', [value, raw])];
}

/** The same on the configuration given. */
export async function commandsPerSecond(configText: string): Promise<number> {
  const persistence = await createPersistence({ config: configText });
  try {
    const logic = persistence.persistent(account, {
      persistenceId: ({ input }) => input.id,
      initEvent: 'never',
    });
    const accounts = persistence.entities('account', logic);
    const ask = (index: number): Promise<unknown> =>
      accounts.ask(`account-${index % keys}`, depositOf(index));
    await throughput(10_000, inFlight, ask);
    const values: number[] = [];
    for (let round = 0; round < rounds; round++) {
      values.push(await throughput(commands, inFlight, ask));
    }
    return median(values);
  } finally {
    await persistence.shutdown();
  }
}

function depositOf(index: number) {
  return { ...payloadOf(index), type: 'deposited', cents: index % 10_000 } as const;
}
