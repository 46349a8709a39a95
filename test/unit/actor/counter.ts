import type { EventObject } from 'xstate';
import { assign, setup } from 'xstate';

export type CounterEvent =
  | { type: 'added'; n: number }
  | { type: 'opened' }
  | { type: 'closed' }
  | { type: 'poked' }
  | { type: 'broken' };

/** A counter that notes in `ran` which of its actions have run. */
export function counterMachine(ran: string[] = []) {
  return setup({
    types: {
      context: {} as { id: string; count: number },
      input: {} as { id: string },
      events: {} as CounterEvent,
    },
    actions: {
      add: assign({
        count: ({ context, event }) => context.count + (event.type === 'added' ? event.n : 0),
      }),
      break: assign({
        count: () => {
          throw new Error('cannot compute');
        },
      }),
      note: ({ event, context }) => {
        ran.push(`${event.type} at ${context.count}`);
      },
    },
  }).createMachine({
    id: 'counter',
    initial: 'open',
    context: ({ input }) => ({ id: input.id, count: 0 }),
    states: {
      open: {
        on: {
          added: { actions: ['add', 'note'] },
          broken: { actions: 'break' },
          poked: { actions: 'note' },
          closed: 'shut',
        },
      },
      shut: { on: { opened: 'open' } },
    },
  });
}

export type CounterCommand =
  | { type: 'add'; ns: readonly number[] }
  | { type: 'close' }
  | { type: 'look' }
  | { type: 'fail' }
  | { type: 'forbid' }
  | { type: 'unknown' };

type AnyDecision =
  | { type: 'persist'; events: readonly CounterEvent[]; reply?: unknown }
  | { type: 'none'; reply?: unknown }
  | { type: 'reject'; reason: Error }
  | { type: 'unhandled' };

/** Commands of their own: several events of one command, answers without events, refusals. */
export function decideCounter({
  snapshot,
  command,
}: {
  readonly snapshot: { readonly context: { readonly count: number } };
  readonly command: CounterCommand;
}): AnyDecision {
  switch (command.type) {
    case 'add':
      return { type: 'persist', events: command.ns.map((n) => ({ type: 'added', n })) };
    case 'close':
      return { type: 'persist', events: [{ type: 'closed' }], reply: 'bye' };
    case 'look':
      return { type: 'none', reply: snapshot.context.count };
    case 'fail':
      throw new Error('decide is broken');
    case 'forbid':
      return { type: 'reject', reason: new Error('not today') };
    case 'unknown':
      return { type: 'unhandled' };
  }
}

export function eventTypes(payloads: readonly unknown[]): readonly string[] {
  return payloads.map((payload) => (payload as EventObject).type);
}
