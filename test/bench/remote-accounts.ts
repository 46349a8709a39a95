import { assign, setup } from 'xstate';
import { createPersistence, type Decision } from '../../src/index.ts';
import { payloadOf } from './bench-world.ts';

type Deposited = ReturnType<typeof depositOf>;
/** A deposit is stored; a look is only answered. */
export type AccountCommand = Deposited | { readonly type: 'look' };

const account = setup({
  types: {
    context: {} as { cents: number },
    events: {} as Deposited,
    input: {} as { id: string },
  },
}).createMachine({
  id: 'account',
  context: { cents: 0 },
  on: {
    deposited: { actions: assign({ cents: ({ context, event }) => context.cents + event.cents }) },
  },
});

/** Accounts of one instance of a fleet; a reply is the process id of the instance that answered. */
export async function openAccounts(options: { readonly file: string }) {
  const persistence = await createPersistence(options);
  const logic = persistence.persistent(account, {
    types: { commands: {} as AccountCommand },
    persistenceId: ({ input }) => input.id,
    initEvent: 'never',
    decide: ({ command }): Decision<Deposited> => {
      const reply = process.pid;
      if (command.type === 'look') return { type: 'none', reply };
      return { type: 'persist', events: [command], reply };
    },
  });
  return { accounts: persistence.entities('account', logic), close: () => persistence.shutdown() };
}

export function depositOf(index: number) {
  return { ...payloadOf(index), type: 'deposited', cents: index % 10_000 } as const;
}
