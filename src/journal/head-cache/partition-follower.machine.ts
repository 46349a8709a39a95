import { assign, fromPromise, setup } from 'xstate';
import { ClosedError } from '../../model/errors.ts';

export interface FollowerContext {
  /** Failures since records last arrived. */
  readonly failures: number;
  readonly error: unknown;
}

export type FollowerEvent =
  /** Records arrived. */
  { readonly type: 'records.seen' } | { readonly type: 'stop' };

function notProvided(): never {
  throw new ClosedError('the runner provides this effect');
}

function failed(context: FollowerContext, error: unknown): FollowerContext {
  return { failures: context.failures + 1, error };
}

/**
 * The life of the cache of one partition. Its data, the heads, are folded outside.
 *
 *     opening ────► following ──── nobody asks for long ────► closed
 *       ▲ │             │
 *       │ ▼             ▼
 *     backingOff ◄──── any failure           any ── stop ──► closed
 *
 * It never gives up while it is asked: meanwhile its owner reads the log.
 */
export const partitionFollowerMachine = setup({
  types: { context: {} as FollowerContext, events: {} as FollowerEvent },
  actors: {
    /** Learns the replicated offset. */
    readReplicated: fromPromise<void>(notProvided),
    /** Takes records from the log until it is aborted or fails. */
    followLog: fromPromise<void>(notProvided),
    /** Asks for the replicated offset from time to time. Never fails. */
    forgetReplicated: fromPromise<void>(notProvided),
    /** Ends when nobody has asked for long. */
    awaitIdleness: fromPromise<void>(notProvided),
    pause: fromPromise<void, { readonly failures: number }>(notProvided),
  },
  actions: {
    /** Those who wait are told, and people; provided by the runner. */
    reportFailure: () => {},
    releaseAll: () => {},
  },
}).createMachine({
  id: 'partitionFollower',
  context: { failures: 0, error: undefined },
  initial: 'opening',
  on: { stop: '.closed' },
  states: {
    opening: {
      invoke: {
        src: 'readReplicated',
        onDone: 'following',
        onError: {
          target: 'backingOff',
          actions: assign(({ context, event }) => failed(context, event.error)),
        },
      },
    },
    following: {
      on: { 'records.seen': { actions: assign({ failures: 0, error: undefined }) } },
      invoke: [
        {
          src: 'followLog',
          onError: {
            target: 'backingOff',
            actions: assign(({ context, event }) => failed(context, event.error)),
          },
        },
        { src: 'forgetReplicated' },
        { src: 'awaitIdleness', onDone: 'closed' },
      ],
    },
    backingOff: {
      entry: 'reportFailure',
      invoke: {
        src: 'pause',
        input: ({ context }) => ({ failures: context.failures }),
        onDone: 'opening',
      },
    },
    closed: { type: 'final', entry: 'releaseAll' },
  },
});
