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
import { topicReplicatorMachine } from './topic/topic-replicator.machine.ts';

/** Pauses before a topic is started again whose actor broke, and between failed discoveries. */
export const restartBackoff: Backoff = { initialMs: 100, maxMs: 30_000 };

/** A topic that so many looks in a row did not find has been deleted; one may miss it by chance. */
export const missesBeforeGone = 5;

/** What the machine is started with. */
export interface ReplicatorInput {
  /** Between two looks for topics. */
  readonly discoveryIntervalMs: number;
}

/** One topic's child. */
export interface TopicChild {
  /**
   * `ended` = it broke and waits for its restart, or the replicator is stopping; `leaving` = it was
   * told to stop, since its topic is gone.
   */
  readonly status: 'running' | 'ended' | 'leaving';
  readonly failures: number;
  /** Looks in a row that did not find the topic. */
  readonly misses: number;
}

/** The topics and how they are. */
export interface ReplicatorContext extends ReplicatorInput {
  /** Every topic that was found and is not gone. */
  readonly topics: Readonly<Record<Topic, TopicChild>>;
  /** Discoveries that failed since one succeeded. */
  readonly discoveryFailures: number;
}

/** What happens, besides the ends of discoveries. */
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

/** Does nothing until the runner provides it. */
function effect<P>(): (args: unknown, params: P) => void {
  return () => {};
}

/**
 * The replicator as a whole: finds topics and keeps one child for each.
 *
 *     discovering ◄──► waiting          a new topic gets a child, which never gives up by itself
 *          │ stop         │ stop        a child that breaks is started again after a pause
 *          │              │             a topic that is gone for some looks loses its child
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
    discoverTopics: fromPromise<readonly Topic[]>(() => {
      throw new ClosedError('the runner provides this effect');
    }),
    topicReplicator: topicReplicatorMachine,
  },
  actions: {
    /** Log what they are called after; provided by the runner. */
    reportFound: effect<{ readonly topic: Topic }>(),
    reportGone: effect<{ readonly topic: Topic }>(),
    reportDiscoveryFailure: effect<{ readonly error: unknown }>(),
    reportBrokenTopic: effect<{ readonly topic: Topic; readonly error: unknown }>(),
  },
  guards: {
    isTopic: (_, actorId: string) => topicOf(actorId) !== undefined,
    nothingRuns: ({ context }) =>
      childrenIn(context, 'running').length + childrenIn(context, 'leaving').length === 0,
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
    'xstate.done.actor.*': {
      guard: { type: 'isTopic', params: ({ event }) => event.actorId },
      actions: assign(({ context, event }) => {
        const topic = topicOf(event.actorId);
        return topic === undefined ? {} : { topics: without(context.topics, topic) };
      }),
    },
    'xstate.error.actor.*': {
      guard: { type: 'isTopic', params: ({ event }) => event.actorId },
      actions: enqueueActions(({ context, event, enqueue }) => {
        const topic = topicOf(event.actorId);
        if (topic === undefined) return;
        if (context.topics[topic]?.status === 'leaving') {
          enqueue.assign({ topics: without(context.topics, topic) });
          return;
        }
        const child = context.topics[topic];
        const failures = (child?.failures ?? 0) + 1;
        const ended: TopicChild = { status: 'ended', failures, misses: child?.misses ?? 0 };
        const delay = backoffDelayMs(restartBackoff, failures, 1);
        enqueue({ type: 'reportBrokenTopic', params: { topic, error: event.error } });
        enqueue.assign({ topics: { ...context.topics, [topic]: ended } });
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
            const { topics, found, gone } = compare(context, event.output);
            for (const topic of found) {
              enqueue({ type: 'reportFound', params: { topic } });
              enqueue.spawnChild('topicReplicator', { id: childId(topic), input: { topic } });
            }
            for (const topic of gone) {
              enqueue({ type: 'reportGone', params: { topic } });
              if (topics[topic] === undefined) enqueue.cancel(childId(topic));
              else enqueue.sendTo(childId(topic), { type: 'stop' });
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
        'xstate.done.actor.*': {
          actions: assign(({ context, event }) => ended(context, event.actorId)),
        },
        'xstate.error.actor.*': {
          actions: assign(({ context, event }) => ended(context, event.actorId)),
        },
      },
    },
    stopped: { type: 'final' },
  },
});

function childrenIn(context: ReplicatorContext, status: TopicChild['status']): readonly Topic[] {
  const topics = Object.keys(context.topics) as Topic[];
  return topics.filter((topic) => context.topics[topic]?.status === status);
}

type Topics = ReplicatorContext['topics'];

/** What a look found: the topics as they are from now on, which are new, and which are gone. */
function compare({ topics }: ReplicatorContext, listed: readonly Topic[]) {
  const found = listed.filter((topic) => topics[topic] === undefined);
  const gone: Topic[] = [];
  const after: Record<Topic, TopicChild> = {};
  const present = new Set(listed);
  for (const [topic, child] of Object.entries(topics) as [Topic, TopicChild][]) {
    const misses = present.has(topic) ? 0 : child.misses + 1;
    const isGone = misses >= missesBeforeGone && child.status !== 'leaving';
    if (isGone) gone.push(topic);
    if (isGone && child.status === 'ended') continue;
    after[topic] = { ...child, misses, status: isGone ? 'leaving' : child.status };
  }
  for (const topic of found) after[topic] = { status: 'running', failures: 0, misses: 0 };
  return { topics: after, found, gone };
}

function without(topics: Topics, gone: Topic): Topics {
  return Object.fromEntries(Object.entries(topics).filter(([topic]) => topic !== gone));
}

function withChild({ topics }: ReplicatorContext, topic: Topic, status: TopicChild['status']) {
  const { failures = 0, misses = 0 } = topics[topic] ?? {};
  return { ...topics, [topic]: { status, failures, misses } };
}

function ended(context: ReplicatorContext, actorId: string) {
  const topic = topicOf(actorId);
  return topic === undefined ? {} : { topics: withChild(context, topic, 'ended') };
}
