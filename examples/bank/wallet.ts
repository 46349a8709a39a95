import { assign, fromPromise, setup } from 'xstate';
import type { Decision } from '../../src/index.ts';

/** Money on its way from one wallet to another. */
export interface Transfer {
  readonly transferId: string;
  readonly to: string;
  readonly cents: number;
}

/** What callers ask for. */
export type WalletCommand =
  | { readonly type: 'open'; readonly cents: number }
  | ({ readonly type: 'transfer' } & Transfer)
  | { readonly type: 'credit'; readonly transferId: string; readonly cents: number }
  | { readonly type: 'save' }
  /** Nothing but an answer. */
  | { readonly type: 'look' };

/** What is stored. */
export type WalletEvent =
  | { readonly type: 'opened'; readonly cents: number }
  | ({ readonly type: 'debited' } & Transfer)
  | { readonly type: 'credited'; readonly transferId: string; readonly cents: number }
  | { readonly type: 'savingStarted' };

export interface WalletContext {
  readonly cents: number;
  /** Debited here, not yet confirmed by the receiver. */
  readonly outgoing: Transfer | undefined;
  /** Transfers credited here, so that a repeated credit counts once. */
  readonly received: readonly string[];
}

/** How long savings take to mature. */
export const savingMs = 4_000;

/**
 * A wallet. Its transitions only apply what was decided: business rules live in `decide`.
 *
 * ```
 *   payments:  closed ── opened ──▶ idle ── debited ──▶ paying (invokes `pay`) ── done ──▶ idle
 *   savings:   none ── savingStarted ──▶ growing ── after 4 s ──▶ matured
 * ```
 */
export const wallet = setup({
  types: {
    context: {} as WalletContext,
    input: {} as { id: string },
    events: {} as WalletEvent,
  },
  actors: {
    pay: fromPromise<void, Transfer>(() => Promise.reject(new Error('no payment service'))),
  },
  delays: { savingMs },
}).createMachine({
  id: 'wallet',
  type: 'parallel',
  context: { cents: 0, outgoing: undefined, received: [] },
  on: {
    credited: {
      actions: assign({
        cents: ({ context, event }) => context.cents + event.cents,
        received: ({ context, event }) => [...context.received, event.transferId],
      }),
    },
  },
  states: {
    payments: {
      initial: 'closed',
      states: {
        closed: {
          on: {
            opened: { target: 'idle', actions: assign({ cents: ({ event }) => event.cents }) },
          },
        },
        idle: {
          on: {
            debited: {
              target: 'paying',
              actions: assign({
                cents: ({ context, event }) => context.cents - event.cents,
                outgoing: ({ event: { transferId, to, cents } }) => ({ transferId, to, cents }),
              }),
            },
          },
        },
        paying: {
          invoke: {
            id: 'pay',
            src: 'pay',
            input: ({ context }) => outgoingOf(context),
            onDone: { target: 'idle', actions: assign({ outgoing: undefined }) },
          },
        },
      },
    },
    savings: {
      initial: 'none',
      states: {
        none: { on: { savingStarted: 'growing' } },
        growing: { after: { savingMs: 'matured' } },
        matured: {},
      },
    },
  },
});

function outgoingOf({ outgoing }: WalletContext): Transfer {
  if (outgoing === undefined) throw new Error('a wallet pays only what it has debited');
  return outgoing;
}

interface WalletView {
  readonly context: WalletContext;
  matches(state: { payments: 'closed' | 'idle' } | { savings: 'none' }): boolean;
}

/** The rules: who may do what, and what is stored when they do. */
export function decide(request: {
  readonly snapshot: WalletView;
  readonly command: WalletCommand;
}): Decision<WalletEvent> {
  const { snapshot, command } = request;
  const { context } = snapshot;
  switch (command.type) {
    case 'open':
      if (!snapshot.matches({ payments: 'closed' })) return { type: 'none' };
      return { type: 'persist', events: [{ type: 'opened', cents: command.cents }] };
    case 'transfer': {
      if (!snapshot.matches({ payments: 'idle' })) return reject('a payment is under way');
      if (context.cents < command.cents) return reject('insufficient funds');
      return { type: 'persist', events: [{ ...command, type: 'debited' }] };
    }
    case 'credit':
      if (context.received.includes(command.transferId)) return { type: 'none' };
      return { type: 'persist', events: [{ ...command, type: 'credited' }] };
    case 'save':
      if (!snapshot.matches({ savings: 'none' })) return { type: 'none' };
      return { type: 'persist', events: [{ type: 'savingStarted' }] };
    case 'look':
      return { type: 'none' };
  }
}

function reject(reason: string): Decision<WalletEvent> {
  return { type: 'reject', reason: new Error(reason) };
}
