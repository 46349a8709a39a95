import { type ActorRefFrom, createActor, fromCallback, fromPromise } from 'xstate';
import { DeadlineExceededError, FencedError, InvalidInputError } from '../src/model/errors.ts';
import type { Topic } from '../src/model/position.ts';
import { backoffDelayMs } from '../src/runtime/retry.ts';
import { actorClock } from './actor-clock.ts';
import { Quarantine } from './apply/quarantine.ts';
import { Pacer } from './expiry/pacer.ts';
import { replicatorMachine } from './replicator.machine.ts';
import type { ExpiryParts, FlowParts, ReplicatorParts } from './replicator-parts.ts';
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

/** A running replicator. Disposing it is stopping it within 30 s. */
export interface Replicator extends AsyncDisposable {
  /**
   * Starts no further write, waits for those in hand, commits and leaves the groups. Its place is
   * kept whatever happens: what was not finished is done again by the next owner.
   *
   * @throws {DeadlineExceededError} a write did not settle in time; it may go on in the background
   */
  stop(options: { readonly deadlineMs: number }): Promise<void>;
  /** Resolves when it has stopped; rejects only when the replicator itself is broken. */
  readonly finished: Promise<void>;
}

/**
 * Carries every topic that matches from the log into the store, until it is stopped. It looks for
 * topics at once, then at the interval set, and waits out every failure of log and store.
 *
 * The consumers and the store stay the caller's, who closes them after `stop`.
 */
export function startReplicator(parts: ReplicatorParts): Replicator {
  const works = new TopicWorks(parts);
  const actor = createActor(replicatorMachineFor(parts, works), {
    clock: actorClock(parts.clock),
    input: { discoveryIntervalMs: parts.settings.topicDiscoveryIntervalMs },
  });
  const finished = untilDone(actor, works);
  finished.catch((err: unknown) => parts.log.error({ err }, 'the replicator broke'));
  actor.start();
  const stop = async ({ deadlineMs }: { readonly deadlineMs: number }): Promise<void> => {
    if (actor.getSnapshot().status === 'active') actor.send({ type: 'stop' });
    await within(deadlineMs, finished, parts);
  };
  return {
    stop,
    finished,
    [Symbol.asyncDispose]: () => stop({ deadlineMs: disposeDeadlineMs }),
  };
}

/** However the actors end, no work of theirs is left running. */
async function untilDone(
  actor: ActorRefFrom<typeof replicatorMachine>,
  works: TopicWorks,
): Promise<void> {
  try {
    await new Promise<void>((resolve, reject) => {
      actor.subscribe({ complete: resolve, error: reject });
    });
  } finally {
    await works.close();
  }
}

async function within(
  deadlineMs: number,
  finished: Promise<void>,
  { clock }: ReplicatorParts,
): Promise<void> {
  const timer = new AbortController();
  const expired = clock.sleep(deadlineMs, { signal: timer.signal }).then(
    () => {
      throw new DeadlineExceededError(`the replicator did not stop within ${deadlineMs} ms`);
    },
    () => {},
  );
  try {
    await Promise.race([finished, expired]);
  } finally {
    timer.abort();
  }
}

/** The work of each topic: one for the whole life of the replicator, so that nothing runs twice. */
class TopicWorks {
  readonly #parts: ReplicatorParts;
  readonly #flowParts: FlowParts;
  readonly #works = new Map<Topic, TopicWork>();

  constructor(parts: ReplicatorParts) {
    this.#parts = parts;
    this.#flowParts = flowPartsOf(parts);
  }

  of(topic: Topic): TopicWork {
    const known = this.#works.get(topic);
    if (known !== undefined) return known;
    const work = new TopicWork(topic, this.#parts.consumers, this.#flowParts);
    this.#works.set(topic, work);
    return work;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#works.values()].map((work) => work.close()));
  }
}

/** What all topics of the process share. */
function flowPartsOf(parts: ReplicatorParts): FlowParts {
  const { store, storeName = 'the store', log, clock, settings, metrics, onReplicated } = parts;
  const rules = settings.quarantine ?? { policy: 'fail', skip: [] };
  return {
    store,
    storeName,
    inFlight: new WorkInFlight(settings.maxKeysInFlight),
    quarantine: new Quarantine(rules, { file: parts.quarantineFile, log, clock }),
    expiry: expiryOf(parts),
    log,
    clock,
    random: parts.random ?? Math.random,
    cacheExpireAfterMs: settings.cacheExpireAfterMs,
    metrics,
    onReplicated,
  };
}

function expiryOf({ settings, producer, clock }: ReplicatorParts): ExpiryParts | undefined {
  const tuning = settings.purgeExpired;
  if (tuning === undefined) return undefined;
  if (producer === undefined) throw new InvalidInputError('purgeExpired needs a producer');
  return { tuning, producer, pacer: new Pacer(tuning.perSecond, clock) };
}

function replicatorMachineFor(parts: ReplicatorParts, works: TopicWorks) {
  const { log, settings } = parts;
  return replicatorMachine.provide({
    actors: {
      discoverTopics: fromPromise(async ({ signal }) => {
        const topics = await parts.consumers.topics({ signal });
        return topics.filter((topic) =>
          settings.topicPrefixes.some((prefix) => topic.startsWith(prefix)),
        );
      }),
      topicReplicator: topicMachineFor(parts, works),
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

function topicMachineFor({ log, random = Math.random }: ReplicatorParts, works: TopicWorks) {
  return topicReplicatorMachine.provide({
    actors: {
      openTopic: fromPromise<void, TopicInput>(({ input }) => works.of(input.topic).open()),
      closeTopic: fromPromise<void, TopicInput>(({ input }) => works.of(input.topic).close()),
      runSubscription: fromCallback<TopicReplicatorEvent, TopicInput>(({ input, sendBack }) => {
        const send = sendBack as (event: TopicReplicatorEvent) => void;
        const listener = {
          workStarted: () => send({ type: 'work.started' }),
          workSettled: () => send({ type: 'work.settled' }),
        };
        works
          .of(input.topic)
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
