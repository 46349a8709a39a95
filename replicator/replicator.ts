import { createActor, fromCallback, fromPromise } from 'xstate';
import { DeadlineExceededError, FencedError, InvalidInputError } from '../src/model/errors.ts';
import type { Topic } from '../src/model/position.ts';
import { backoffDelayMs } from '../src/runtime/retry.ts';
import { within } from '../src/runtime/waiting.ts';
import { actorClock } from './actor-clock.ts';
import { Quarantine } from './apply/quarantine.ts';
import { Pacer } from './expiry/pacer.ts';
import { replicatorMachine } from './replicator.machine.ts';
import type { ExpiryDeps, FlowDeps, ReplicatorDeps } from './replicator-deps.ts';
import {
  reopenBackoff,
  type TopicInput,
  type TopicReplicatorEvent,
  topicReplicatorMachine,
} from './topic/topic-replicator.machine.ts';
import { TopicWork } from './topic/topic-work.ts';
import { WorkInFlight } from './topic/work-in-flight.ts';

/** How long disposing waits for the writes in hand. */
export const disposeDeadlineMs = 30_000;

/** How long stopping may take. */
export interface StopOptions {
  readonly deadlineMs: number;
}

/** A running replicator. Disposing it is stopping it within 30 s. */
export interface Replicator extends AsyncDisposable {
  /**
   * Starts no further write, waits for those in hand, commits and leaves the groups. Its place is
   * kept whatever happens: what was not finished is done again by the next owner.
   *
   * @throws {DeadlineExceededError} a write did not settle in time; it may go on in the background
   */
  stop(options: StopOptions): Promise<void>;
  /** Resolves when it has stopped; rejects only when the replicator itself is broken. */
  readonly finished: Promise<void>;
}

/**
 * Carries every topic that matches from the log into the store, until it is stopped. It looks for
 * topics at once, then at the interval set, and waits out every failure of log and store.
 *
 * @throws {InvalidInputError} expired journals are to be purged, and there is no producer
 */
export function startReplicator(deps: ReplicatorDeps): Replicator {
  const { log, clock } = deps;
  const flowDeps = flowDepsOf(deps);
  // One for the whole life of the replicator, so that nothing of a topic runs twice.
  const works = new Map<Topic, TopicWork>();
  const workOf = (topic: Topic): TopicWork => {
    const work = works.get(topic) ?? new TopicWork(topic, deps.consumers, flowDeps);
    works.set(topic, work);
    return work;
  };
  const actor = createActor(replicatorMachineFor(deps, workOf), {
    clock: actorClock(clock),
    input: { discoveryIntervalMs: deps.settings.topicDiscoveryIntervalMs },
  });
  const untilDone = async (): Promise<void> => {
    try {
      await new Promise<void>((resolve, reject) => {
        actor.subscribe({ complete: resolve, error: reject });
      });
    } finally {
      // However the actors end, no work of theirs is left running.
      await Promise.all([...works.values()].map((work) => work.close()));
    }
  };
  const finished = untilDone();
  finished.catch((err: unknown) => log.error({ err }, 'the replicator broke'));
  actor.start();
  const stop = async ({ deadlineMs }: StopOptions): Promise<void> => {
    if (actor.getSnapshot().status === 'active') actor.send({ type: 'stop' });
    if ((await within(finished, deadlineMs, clock)) === 'expired') {
      throw new DeadlineExceededError(`the replicator did not stop within ${deadlineMs} ms`);
    }
  };
  return {
    stop,
    finished,
    [Symbol.asyncDispose]: () => stop({ deadlineMs: disposeDeadlineMs }),
  };
}

/** What all topics of the process share. */
function flowDepsOf(deps: ReplicatorDeps): FlowDeps {
  const { store, storeName = 'the store', log, clock, settings, producer, onReplicated } = deps;
  const { purgeExpired } = settings;
  let expiry: ExpiryDeps | undefined;
  if (purgeExpired !== undefined) {
    if (producer === undefined) throw new InvalidInputError('purgeExpired needs a producer');
    const pacer = new Pacer(purgeExpired.perSecond, clock);
    expiry = { settings: purgeExpired, producer, pacer };
  }
  return {
    store,
    storeName,
    inFlight: new WorkInFlight(settings.maxKeysInFlight),
    quarantine: new Quarantine(settings.quarantine, { file: deps.quarantineFile, log, clock }),
    expiry,
    log,
    clock,
    random: deps.random ?? Math.random,
    cacheExpireAfterMs: settings.cacheExpireAfterMs,
    onReplicated,
  };
}

const noTopic =
  'no topic begins with one of topic-prefixes: nothing is replicated until there is one';

type WorkOf = (topic: Topic) => TopicWork;

function replicatorMachineFor(deps: ReplicatorDeps, workOf: WorkOf) {
  const { log, settings, consumers } = deps;
  const { topicPrefixes: prefixes } = settings;
  let hasNothing = false;
  return replicatorMachine.provide({
    actors: {
      discoverTopics: fromPromise(async ({ signal }) => {
        const topics = await consumers.topics({ signal });
        const ours = topics.filter((topic) => prefixes.some((prefix) => topic.startsWith(prefix)));
        const hadNothing = hasNothing;
        hasNothing = topics.length > 0 && ours.length === 0;
        if (hasNothing && !hadNothing) log.warn({ prefixes }, noTopic);
        return ours;
      }),
      topicReplicator: topicMachineFor(deps, workOf),
    },
    actions: {
      reportFound: (_, { topic }) => log.info({ topic }, 'topic found'),
      reportGone: (_, { topic }) =>
        log.warn({ topic }, 'topic is gone; its replication ends until it is found again'),
      reportDiscoveryFailure: (_, { error }) =>
        log.warn({ err: error }, 'topics not listed; trying again'),
      reportBrokenTopic: (_, { topic, error }) =>
        log.error({ topic, err: error }, 'topic replicator broke; starting it again'),
    },
  });
}

function topicMachineFor({ log, random = Math.random }: ReplicatorDeps, workOf: WorkOf) {
  return topicReplicatorMachine.provide({
    actors: {
      openTopic: fromPromise<void, TopicInput>(({ input }) => workOf(input.topic).open()),
      closeTopic: fromPromise<void, TopicInput>(({ input }) => workOf(input.topic).close()),
      runSubscription: fromCallback<TopicReplicatorEvent, TopicInput>(({ input, sendBack }) => {
        const send = sendBack as (event: TopicReplicatorEvent) => void;
        const listener = {
          workStarted: () => send({ type: 'work.started' }),
          workSettled: () => send({ type: 'work.settled' }),
        };
        workOf(input.topic)
          .run(listener)
          .catch((error: unknown) => send({ type: 'subscription.failed', error }));
      }),
    },
    actions: {
      reportFailure: ({ context }) => {
        const { topic, failures, error } = context;
        // The partition that was fenced has said so.
        const level = error instanceof FencedError ? 'info' : 'error';
        log[level]({ topic, failures, err: error }, 'topic not replicated; trying again');
      },
    },
    delays: {
      reopenDelay: ({ context }) => backoffDelayMs(reopenBackoff, context.failures, random()),
    },
  });
}
