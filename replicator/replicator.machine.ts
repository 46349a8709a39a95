import {
  assign,
  type DoneActorEvent,
  type ErrorActorEvent,
  enqueueActions,
  fromPromise,
  setup,
} from 'xstate';
import { ClosedError } from '../src/model/errors.ts';
import type { Topic } from '../src/model/position.ts';
import { type Backoff, backoffDelayMs } from '../src/runtime/retry.ts';
import { topicReplicatorMachine } from './topic-replicator.machine.ts';

/** Pauses before a topic is started again whose actor broke, and between failed discoveries. */
export const restartBackoff: Backoff = { initialMs: 100, maxMs: 30_000 };

export interface ReplicatorInput {
  readonly discoveryIntervalMs: number;
}

export interface TopicChild {
  /** `ended` may have a restart before it. */
  readonly status: 'running' | 'ended';
  readonly failures: number;
}

export interface ReplicatorContext extends ReplicatorInput {
  /** Every topic that was ever found; none is dropped before the end. */
  readonly topics: Readonly<Record<Topic, TopicChild>>;
  /** Discoveries that failed since one succeeded. */
  readonly discoveryFailures: number;
}

export type ReplicatorEvent =
  | { readonly type: 'topic.restart'; readonly topic: Topic }
  | { readonly type: 'stop' }
  | DoneActorEvent<unknown, string>
  | ErrorActorEvent<unknown, string>;

/** Actor id of a topic's child; topics hold no colon, so it clashes with nothing. */
export function childId(topic: Topic): string {
  return `topic:${topic}`;
}

function topicOf(actorId: string): Topic | undefined {
  return actorId.startsWith('topic:') ? (actorId.slice('topic:'.length) as Topic) : undefined;
}

function notProvided(): never {
  throw new ClosedError('the runner provides this effect');
}

/** Does nothing until the runner provides it. */
function effect<P>(): (args: unknown, params: P) => void {
  return () => {};
}

/**
 * The replicator as a whole: finds topics and keeps one child for each.
 *
 *     discovering ◄──► waiting          a new topic gets a child, which never gives up by itself
 *          │ stop         │ stop        a child that breaks is started again after a pause
 *          └──► stopping ◄┘             every child ends its work in hand
 *                  ▼
 *               stopped
 */
export const replicatorMachine = setup({
  types: {
    context: {} as ReplicatorContext,
    events: {} as ReplicatorEvent,
    input: {} as ReplicatorInput,
  },
  actors: {
    /** Lists the topics that are wanted; provided by the runner. */
    discoverTopics: fromPromise<readonly Topic[]>(notProvided),
    topicReplicator: topicReplicatorMachine,
  },
  actions: {
    /** Tell people; provided by the runner. */
    reportFound: effect<{ readonly topic: Topic }>(),
    reportDiscoveryFailure: effect<{ readonly error: unknown }>(),
    reportBrokenTopic: effect<{ readonly topic: Topic; readonly error: unknown }>(),
  },
  guards: {
    isTopic: (_, actorId: string) => topicOf(actorId) !== undefined,
    nothingRuns: ({ context }) => childrenIn(context, 'running').length === 0,
  },
  delays: {
    discoveryDelay: ({ context }) =>
      context.discoveryFailures === 0
        ? context.discoveryIntervalMs
        : backoffDelayMs(restartBackoff, context.discoveryFailures, 1),
  },
}).createMachine({
  id: 'replicator',
  context: ({ input }) => ({ ...input, topics: {}, discoveryFailures: 0 }),
  initial: 'discovering',
  on: {
    stop: '.stopping',
    'topic.restart': {
      actions: enqueueActions(({ context, event, enqueue }) => {
        const { topic } = event;
        enqueue.assign({ topics: withChild(context, topic, 'running') });
        enqueue.spawnChild('topicReplicator', { id: childId(topic), input: { topic } });
      }),
    },
    'xstate.error.actor.*': {
      guard: { type: 'isTopic', params: ({ event }) => event.actorId },
      actions: enqueueActions(({ context, event, enqueue }) => {
        const topic = topicOf(event.actorId);
        if (topic === undefined) return;
        const topics = withFailure(context, topic);
        const delay = backoffDelayMs(restartBackoff, topics[topic]?.failures ?? 1, 1);
        enqueue({ type: 'reportBrokenTopic', params: { topic, error: event.error } });
        enqueue.assign({ topics });
        enqueue.raise({ type: 'topic.restart', topic }, { delay, id: childId(topic) });
      }),
    },
  },
  states: {
    discovering: {
      invoke: {
        id: 'discovery',
        src: 'discoverTopics',
        onDone: {
          target: 'waiting',
          actions: enqueueActions(({ context, event, enqueue }) => {
            const found = event.output.filter((topic) => context.topics[topic] === undefined);
            let topics = context.topics;
            for (const topic of found) {
              topics = { ...topics, [topic]: { status: 'running', failures: 0 } };
              enqueue({ type: 'reportFound', params: { topic } });
              enqueue.spawnChild('topicReplicator', { id: childId(topic), input: { topic } });
            }
            enqueue.assign({ topics, discoveryFailures: 0 });
          }),
        },
        onError: {
          target: 'waiting',
          actions: [
            { type: 'reportDiscoveryFailure', params: ({ event }) => ({ error: event.error }) },
            assign({ discoveryFailures: ({ context }) => context.discoveryFailures + 1 }),
          ],
        },
      },
    },
    waiting: { after: { discoveryDelay: 'discovering' } },
    stopping: {
      entry: enqueueActions(({ context, enqueue }) => {
        for (const topic of childrenIn(context, 'running')) {
          enqueue.sendTo(childId(topic), { type: 'stop' });
        }
        for (const topic of childrenIn(context, 'ended')) enqueue.cancel(childId(topic));
      }),
      always: { guard: 'nothingRuns', target: 'stopped' },
      on: {
        stop: {},
        'topic.restart': {},
        'xstate.done.actor.*': { actions: assign(({ context, event }) => ended(context, event)) },
        'xstate.error.actor.*': { actions: assign(({ context, event }) => ended(context, event)) },
      },
    },
    stopped: { type: 'final' },
  },
});

function childrenIn(context: ReplicatorContext, status: TopicChild['status']): readonly Topic[] {
  const topics = Object.keys(context.topics) as Topic[];
  return topics.filter((topic) => context.topics[topic]?.status === status);
}

function withChild(context: ReplicatorContext, topic: Topic, status: TopicChild['status']) {
  const failures = context.topics[topic]?.failures ?? 0;
  return { ...context.topics, [topic]: { status, failures } };
}

function withFailure(context: ReplicatorContext, topic: Topic): ReplicatorContext['topics'] {
  const failures = (context.topics[topic]?.failures ?? 0) + 1;
  return { ...context.topics, [topic]: { status: 'ended', failures } };
}

function ended(context: ReplicatorContext, event: { readonly actorId: string }) {
  const topic = topicOf(event.actorId);
  return topic === undefined ? {} : { topics: withChild(context, topic, 'ended') };
}
