import { assign, setup } from 'xstate';

export interface Added {
  readonly type: 'added';
  readonly by: number;
  readonly note?: unknown;
}

/** The smallest persistent machine: it adds. */
export const counter = setup({
  types: { context: {} as { sum: number }, events: {} as Added, input: {} as { id: string } },
}).createMachine({
  id: 'counter',
  context: { sum: 0 },
  on: { added: { actions: assign({ sum: ({ context, event }) => context.sum + event.by }) } },
});
