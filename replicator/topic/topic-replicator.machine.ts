import { assign, fromCallback, fromPromise, setup } from 'xstate';
import { ClosedError } from '../../src/model/errors.ts';
import type { Topic } from '../../src/model/position.ts';
import { type Backoff, backoffDelayMs } from '../../src/runtime/retry.ts';

/** Pauses between two memberships of a topic that fails. */
export const reopenBackoff: Backoff = { initialMs: 100, maxMs: 30_000 };

/** Names the topic, at the start and for each effect. */
export interface TopicInput {
  readonly topic: Topic;
}

/** What is known of a topic's replication. */
export interface TopicReplicatorContext extends TopicInput {
  /** Failures since work was last done. */
  readonly failures: number;
  readonly error: unknown;
}

/** What happens to a topic's replication, besides the ends of its effects. */
export type TopicReplicatorEvent =
  | { readonly type: 'work.started' }
  | { readonly type: 'work.settled' }
  | { readonly type: 'subscription.failed'; readonly error: unknown }
  | { readonly type: 'stop' };

function notProvided(): never {
  throw new ClosedError('the runner provides this effect');
}

/** The effects, which the runner provides. */
const actors = {
  /** Opens a group member, or fails. */
  openTopic: fromPromise<void, TopicInput>(notProvided),
  /** Replicates; reports work and failure as events. Has no end of its own. */
  runSubscription: fromCallback<TopicReplicatorEvent, TopicInput>(notProvided),
  /** Ends the writes in hand, commits, leaves the group, whatever state it is in. Never fails. */
  closeTopic: fromPromise<void, TopicInput>(notProvided),
};

/**
 * The life of one topic's replication.
 *
 *     opening ──────────► subscribed: polling ⇄ replicating
 *        │ ▲                   │ subscription.failed
 *        ▼ │                   ▼
 *     backingOff ◄────────── draining         every started write is awaited before the next try
 *
 *     any ── stop ──► stopping ──► stopped
 *
 * It never gives up: a topic that cannot be read is tried again with growing pauses for ever.
 */
export const topicReplicatorMachine = setup({
  types: {
    context: {} as TopicReplicatorContext,
    events: {} as TopicReplicatorEvent,
    input: {} as TopicInput,
  },
  actors,
  actions: {
    /** Logs the failure; provided by the runner. */
    reportFailure: () => {},
  },
  delays: {
    reopenDelay: ({ context }) => backoffDelayMs(reopenBackoff, context.failures, 1),
  },
}).createMachine({
  id: 'topicReplicator',
  context: ({ input }) => ({ topic: input.topic, failures: 0, error: undefined }),
  initial: 'opening',
  on: { stop: { target: '.stopping' } },
  states: {
    opening: {
      invoke: {
        src: 'openTopic',
        input: ({ context }) => ({ topic: context.topic }),
        onDone: 'subscribed',
        onError: {
          target: 'backingOff',
          actions: assign(({ context, event }) => failed(context, event.error)),
        },
      },
    },
    subscribed: {
      invoke: { src: 'runSubscription', input: ({ context }) => ({ topic: context.topic }) },
      on: {
        'subscription.failed': {
          target: 'draining',
          actions: assign(({ context, event }) => failed(context, event.error)),
        },
      },
      initial: 'polling',
      states: {
        polling: { on: { 'work.started': 'replicating' } },
        replicating: {
          on: {
            'work.settled': {
              target: 'polling',
              actions: assign({ failures: 0, error: undefined }),
            },
          },
        },
      },
    },
    draining: {
      invoke: {
        src: 'closeTopic',
        input: ({ context }) => ({ topic: context.topic }),
        onDone: 'backingOff',
        onError: 'backingOff',
      },
    },
    backingOff: {
      entry: 'reportFailure',
      after: { reopenDelay: 'opening' },
    },
    stopping: {
      on: { stop: {} },
      invoke: {
        src: 'closeTopic',
        input: ({ context }) => ({ topic: context.topic }),
        onDone: 'stopped',
        onError: 'stopped',
      },
    },
    stopped: { type: 'final' },
  },
});

function failed(context: TopicReplicatorContext, error: unknown) {
  return { failures: context.failures + 1, error };
}
