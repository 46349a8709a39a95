import { assign, fromPromise, setup } from 'xstate';

/** What happens outside the machine; given to each actor, so that the machine is made once. */
export interface FollowerEffects {
  /** Learns the replicated offset. */
  readonly readReplicated: (signal: AbortSignal) => Promise<void>;
  /** Takes records from the log until it is aborted or fails. */
  readonly followLog: (signal: AbortSignal) => Promise<void>;
  /** Asks for the replicated offset from time to time. Never fails. */
  readonly forgetReplicated: (signal: AbortSignal) => Promise<void>;
  /** Ends when nobody has asked for long. */
  readonly awaitIdleness: (signal: AbortSignal) => Promise<void>;
  readonly pause: (failures: number, signal: AbortSignal) => Promise<void>;
  /** Tells those who wait, and people. */
  readonly reportFailure: (error: unknown, failures: number) => void;
  readonly releaseAll: () => void;
}

/** What the life of a follower remembers. */
export interface FollowerContext {
  readonly effects: FollowerEffects;
  /** Failures since records last arrived. */
  readonly failures: number;
  readonly error: unknown;
}

/** What happens to a follower from outside. */
export type FollowerEvent =
  /** Records arrived. */
  { readonly type: 'records.seen' } | { readonly type: 'stop' };

function failed({ failures }: FollowerContext, error: unknown) {
  return { failures: failures + 1, error };
}

const effect = (run: (effects: FollowerEffects, signal: AbortSignal) => Promise<void>) =>
  fromPromise<void, FollowerEffects>(({ input, signal }) => run(input, signal));

interface WithContext {
  readonly context: FollowerContext;
}

const effectsOf = ({ context }: WithContext): FollowerEffects => context.effects;

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
  types: {
    context: {} as FollowerContext,
    events: {} as FollowerEvent,
    input: {} as FollowerEffects,
  },
  actors: {
    readReplicated: effect((effects, signal) => effects.readReplicated(signal)),
    followLog: effect((effects, signal) => effects.followLog(signal)),
    forgetReplicated: effect((effects, signal) => effects.forgetReplicated(signal)),
    awaitIdleness: effect((effects, signal) => effects.awaitIdleness(signal)),
    pause: fromPromise<void, FollowerContext>(({ input: { effects, failures }, signal }) =>
      effects.pause(failures, signal),
    ),
  },
  actions: {
    reportFailure: ({ context: { effects, error, failures } }) =>
      effects.reportFailure(error, failures),
    releaseAll: ({ context }) => context.effects.releaseAll(),
  },
}).createMachine({
  id: 'partitionFollower',
  context: ({ input }) => ({ effects: input, failures: 0, error: undefined }),
  initial: 'opening',
  on: { stop: '.closed' },
  states: {
    opening: {
      invoke: {
        src: 'readReplicated',
        input: effectsOf,
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
          input: effectsOf,
          onError: {
            target: 'backingOff',
            actions: assign(({ context, event }) => failed(context, event.error)),
          },
        },
        { src: 'forgetReplicated', input: effectsOf },
        { src: 'awaitIdleness', input: effectsOf, onDone: 'closed' },
      ],
    },
    backingOff: {
      entry: 'reportFailure',
      invoke: {
        src: 'pause',
        input: ({ context }) => context,
        onDone: 'opening',
      },
    },
    closed: { type: 'final', entry: 'releaseAll' },
  },
});
