import { assign, createActor, fromPromise, setup } from 'xstate';
import { testHost } from './support.ts';

export interface Call {
  readonly input: unknown;
  readonly resolve: (output: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/** A payment service whose answers the test gives. */
export function paymentMachine(calls: Call[]) {
  return setup({
    types: {
      context: {} as { cents: number; receipt: unknown; failure: unknown },
      events: {} as { type: 'pay'; cents: number } | { type: 'cancel' } | { type: 'note' },
    },
    actors: {
      bank: fromPromise(({ input }: { input: { cents: number } }) => {
        const { promise, resolve, reject } = Promise.withResolvers<unknown>();
        calls.push({ input, resolve, reject });
        return promise;
      }),
    },
  }).createMachine({
    id: 'payment',
    initial: 'idle',
    context: { cents: 0, receipt: undefined, failure: undefined },
    states: {
      idle: {
        on: { pay: { target: 'paying', actions: assign({ cents: ({ event }) => event.cents }) } },
      },
      paying: {
        invoke: {
          id: 'bank',
          src: 'bank',
          input: ({ context }) => ({ cents: context.cents }),
          onDone: { target: 'paid', actions: assign({ receipt: ({ event }) => event.output }) },
          onError: { target: 'idle', actions: assign({ failure: ({ event }) => event.error }) },
        },
        on: {
          cancel: 'idle',
          note: { actions: assign({ cents: ({ context }) => context.cents }) },
        },
      },
      paid: { type: 'final' },
    },
    output: ({ context }) => context.receipt,
  });
}

export function openPayment(journal = testHost().journal) {
  const calls: Call[] = [];
  const { host } = testHost({ journal });
  const logic = host.persistent(paymentMachine(calls), {
    persistenceId: 'payment',
    onPersistFailure: { minBackoff: 1, maxBackoff: 1 },
  });
  const start = () => {
    const actor = createActor(logic);
    actor.subscribe({ error: () => {} });
    return actor.start();
  };
  return { host, journal, calls, start };
}
