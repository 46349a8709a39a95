import { createPersistence } from '../../src/compose/create-persistence.ts';

/*
 * One process of a service whose senders pay into accounts: `node delivery-child.ts FILE ROLE`. On
 * the message `pay` it has a sender pay once. As `first` it never learns that a payment has
 * arrived, and says so instead: `arrived`. As `later` it only runs.
 */
interface Payment {
  readonly account: string;
  readonly cents: number;
}
interface Paid {
  readonly type: 'paid';
  readonly cents: number;
}

const [file = '', role] = process.argv.slice(2);
const persistence = await createPersistence({ file });
const accounts = persistence.entities(
  'account',
  persistence.behavior({
    types: { commands: {} as Paid, events: {} as Paid },
    persistenceId: ({ input }) => `account-${input.id}`,
    initialState: 0,
    decide: ({ state, command: { cents } }) => ({
      type: 'persist',
      events: [{ type: 'paid', cents }],
      reply: state + cents,
    }),
    evolve: (state, { cents }) => state + cents,
  }),
);
const senders = persistence.entities(
  'sender',
  persistence.behavior({
    types: { commands: {} as Payment & { type: 'pay' }, events: {} as { type: 'sent' } },
    persistenceId: ({ input }) => `sender-${input.id}`,
    initialState: null,
    decide: ({ command: { account, cents } }) => ({
      type: 'persist',
      events: [{ type: 'sent' }],
      deliver: [{ to: 'account', message: { account, cents } }],
    }),
    evolve: (state) => state,
    deliveries: {
      to: {
        account: async ({ account, cents }: Payment, { id: commandId, signal }) => {
          const how = { commandId, signal, timeout: 20_000 };
          const answer = await accounts.ask(account, { type: 'paid', cents }, how);
          if (role !== 'first') return answer;
          process.send?.('arrived');
          return await new Promise(() => {}); // it is killed meanwhile
        },
      },
    },
  }),
);

process.on('message', (message) => {
  const done = message === 'stop' ? stop() : pay();
  done.catch((error: unknown) => {
    console.error(error);
    process.exit(1);
  });
});
process.send?.('ready');

async function pay(): Promise<void> {
  const command = { type: 'pay', account: 'a', cents: 500 } as const;
  await senders.ask('s', command, { timeout: 30_000 });
}

async function stop(): Promise<void> {
  await persistence.shutdown();
  process.removeAllListeners('message');
  process.disconnect();
}
