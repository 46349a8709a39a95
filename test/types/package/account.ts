import { assign, setup } from 'xstate';

/** What the bank is asked for. */
export type Command =
  | { type: 'deposit'; cents: number }
  | { type: 'withdraw'; cents: number }
  | { type: 'look' };

/** What it stores. */
export type Booked =
  | { type: 'deposited'; cents: number; notes: string[] }
  | { type: 'withdrawn'; cents: number; by: 'card' | 'cash' };

export const account = setup({
  types: {
    context: {} as { cents: number },
    events: {} as Booked,
    input: {} as { id: string },
  },
}).createMachine({
  id: 'account',
  initial: 'open',
  context: { cents: 0 },
  states: {
    open: {
      on: {
        deposited: {
          actions: assign({ cents: ({ context, event }) => context.cents + event.cents }),
        },
        withdrawn: {
          actions: assign({ cents: ({ context, event }) => context.cents - event.cents }),
        },
      },
    },
    shut: {},
  },
});
