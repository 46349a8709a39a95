import { assign, fromPromise, setup } from 'xstate';
import type { EntityDeps } from '../../../src/actor/entity/entity-deps.ts';
import { type Attempt, attemptOf } from '../../../src/actor/entity/invoked-work.ts';
import type { RetryPolicy } from '../../../src/actor/machine/retry-policy.ts';
import { settle } from './support.ts';
import { World } from './world.ts';

export interface Call extends Attempt {
  readonly input: unknown;
  readonly signal: AbortSignal;
  readonly resolve: (output: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/** A payment whose bank does as the test says; `calls` = all calls of all processes. */
export function payment(calls: Pick<Call[], 'push'>) {
  return setup({
    types: {
      context: {} as { cents: number; result: unknown; failures: readonly unknown[] },
      events: {} as { type: 'pay'; cents: number } | { type: 'cancel' } | { type: 'note' },
    },
    actors: {
      bank: fromPromise<unknown, { cents: number }>(({ input, self, signal }) => {
        const { promise, resolve, reject } = Promise.withResolvers<unknown>();
        calls.push({ ...attemptOf(self), input, signal, resolve, reject });
        return promise;
      }),
    },
  }).createMachine({
    id: 'payment',
    initial: 'idle',
    context: { cents: 0, result: undefined, failures: [] },
    states: {
      idle: {
        on: { pay: { target: 'paying', actions: assign({ cents: ({ event }) => event.cents }) } },
      },
      paying: {
        invoke: {
          id: 'call',
          src: 'bank',
          systemId: 'the-bank',
          input: ({ context }) => ({ cents: context.cents }),
          onDone: { target: 'paid', actions: assign({ result: ({ event }) => event.output }) },
          onError: {
            target: 'idle',
            actions: assign({
              failures: ({ context, event }) => [...context.failures, event.error],
            }),
          },
        },
        on: { cancel: 'idle', note: { actions: assign({ cents: 7 }) }, '*': 'idle' },
      },
      paid: {},
    },
  });
}

/** After 10 s, then each 15 s; an attempt may take a minute. */
export const policy: RetryPolicy = {
  attempts: 3,
  minBackoff: '10s',
  maxBackoff: '15s',
  timeout: '1m',
};

/** A process with the payment; `retry` = the option. */
export function open(
  world = new World(),
  calls: Call[] = [],
  retry: object = { bank: policy },
  { store, ...options }: { readonly store?: EntityDeps['snapshotStore'] } = {},
) {
  const running = world.start(
    payment(calls),
    undefined,
    {
      initEvent: 'never',
      onPersistFailure: { minBackoff: 1, maxBackoff: 1 },
      retry,
      ...options,
    },
    store && { snapshotStore: store },
  );
  const { actor } = running;
  return {
    ...running,
    world,
    calls,
    last: () => calls.at(-1) as Call,
    state: () => actor.getSnapshot().value,
    failures: () => actor.getSnapshot().context.failures as readonly Error[],
    types: () => world.journal.payloads('e').map((payload) => (payload as { type: string }).type),
    /** The next process; this one has ended. */
    crash: async (again = retry) => {
      const next = open(world.crash(), calls, again);
      await settle();
      return next;
    },
    fail: async (message = 'busy') => {
      (calls.at(-1) as Call).reject(new RangeError(message));
      await settle();
    },
  };
}

/** The same, and the first attempt has begun. */
export async function pay(...args: Parameters<typeof open>) {
  const process = open(...args);
  await process.tell('pay', { cents: 5 });
  await settle();
  return process;
}
