import type { AnyActorLogic } from 'xstate';
import type {
  EntityRegistry,
  EntityRegistryOptions,
  HandOver,
  LocalEntities,
} from '../actor/registry/entities.ts';
import { wakeAmong } from '../actor/registry/wake-among.ts';
import type { FleetSettings } from '../config/settings/fleet-settings.ts';
import { ClosedError, InvalidInputError } from '../model/errors.ts';
import type { Key } from '../model/key.ts';
import { Topic } from '../model/position.ts';
import type { WakeUpPlace, Woken } from '../model/wake-up.ts';
import type { Logger } from '../observability/logger.ts';
import type { FleetMember, FleetMembership } from '../ports/fleet-membership.ts';
import type { JournalPlugin, PersistenceId } from '../ports/journal-plugin.ts';
import type {
  RemoteCalls,
  RemoteHandler,
  RemoteRequest,
  RemoteResponse,
} from '../ports/remote-calls.ts';
import type { Clock } from '../runtime/clock.ts';
import { unlessAborted, within } from '../runtime/waiting.ts';
import { type CallToEntity, decodeCall, decodeUpkeep } from './calls/call-codec.ts';
import { encodeRefusal } from './calls/refusal-codec.ts';
import { decodeRelease } from './calls/release-codec.ts';
import { Departures } from './departures.ts';
import { FailedCalls } from './failed-calls.ts';
import { Ownership } from './ownership.ts';
import type { PartitionHere } from './partition-here.ts';
import type { Errand } from './route.ts';
import { RoutedEntities, type RoutingDeps } from './routed-entities.ts';

/** What a fleet is made of. */
export interface FleetDeps {
  readonly settings: FleetSettings;
  /** The calls are answered from then on. */
  readonly openCalls: (handler: RemoteHandler) => Promise<RemoteCalls>;
  readonly openMembership: (member: FleetMember) => Promise<FleetMembership>;
  readonly keyOf: (persistenceId: string) => Key;
  /** Wakes the entities of a partition that is served here, until `signal` fires. */
  readonly wakePartition: (place: WakeUpPlace, open: OpenEntity, signal: AbortSignal) => void;
  /** The one topic of all journals; `undefined` = the persistence id names it. */
  readonly topic: Topic | undefined;
  readonly log: Logger;
  readonly clock: Clock;
  readonly random: () => number;
  readonly randomUuid: () => string;
}

/**
 * Starts the entity of a persistence id and waits for its recovery, see `LocalEntities.wake`;
 * `undefined` = it is of no type of this process.
 */
export type OpenEntity = (persistenceId: string) => Promise<Woken> | undefined;

/** How long a process that stops waits for others: to take its partitions, and to answer. */
const leaveLimitMs = 2_000;

/**
 * Opens the calls, then joins: whoever sees the member can reach it.
 *
 * @throws as the two openers
 */
export async function openFleet(deps: FleetDeps): Promise<Fleet> {
  const handlers: { current: RemoteHandler } = { current: async () => notYet };
  const calls = await deps.openCalls((...call) => handlers.current(...call));
  try {
    const member = { id: deps.randomUuid(), address: calls.address };
    const membership = await deps.openMembership(member);
    const fleet = new Fleet(deps, { member, membership, calls });
    handlers.current = (...call) => fleet.handle(...call);
    return fleet;
  } catch (error) {
    await calls[Symbol.asyncDispose]();
    throw error;
  }
}

interface Connections {
  readonly member: FleetMember;
  readonly membership: FleetMembership;
  readonly calls: RemoteCalls;
}

/**
 * The instances of a service that share the entities of one section of journals, as seen from this
 * one. Its end has two steps: `leave`, after which the entities that are left are stopped, then
 * disposing.
 */
export class Fleet implements AsyncDisposable {
  readonly #deps: FleetDeps;
  readonly #connections: Connections;
  readonly #ownership: Ownership;
  /** By type. */
  readonly #entities = new Map<string, RoutedEntities<AnyActorLogic>>();
  readonly #topics = new Set<Topic>();
  readonly #closing = new AbortController();
  readonly #routing: RoutingDeps;
  /** Commands that other processes have been sent, and have not answered yet. */
  readonly #sent = new Set<Promise<unknown>>();
  #isLeaving = false;

  constructor(deps: FleetDeps, connections: Connections) {
    this.#deps = deps;
    this.#connections = connections;
    const endEntities = async (here: PartitionHere, how: HandOver): Promise<void> => {
      await Promise.all([...this.#entities.values()].map((entities) => entities.endAt(here, how)));
    };
    const wake: OpenEntity = (persistenceId) => wakeAmong(this.#entities.values(), persistenceId);
    const serve = (here: PartitionHere, signal: AbortSignal): void => {
      const { topic, partition } = here;
      deps.wakePartition({ topic, partition }, wake, signal);
    };
    const closing = this.#closing.signal;
    const departures = new Departures({ ...deps, ...connections, closing });
    const looked = (): void => departures.look();
    this.#ownership = new Ownership({ ...deps, ...connections, endEntities, serve, looked });
    const ownership = this.#ownership;
    const calls = { call: (...of: Parameters<RemoteCalls['call']>) => this.#send(of) };
    const isLeaving = () => this.#isLeaving;
    const failedCalls = new FailedCalls(deps);
    const parts = { calls, departures, failedCalls, ownership, closing, isLeaving };
    this.#routing = { ...deps, ...connections, ...parts };
  }

  /**
   * The entities of a type in all processes. This process hosts its share of them from now on,
   * unless it is leaving.
   *
   * @throws {InvalidInputError} their topics are not known
   */
  entities<L extends AnyActorLogic>(
    local: LocalEntities<L>,
    options: EntityRegistryOptions,
  ): EntityRegistry<L> {
    const topics = this.#topicsOf(local.type, options.topics);
    const routed = new RoutedEntities(local, topics, this.#routing);
    this.#entities.set(local.type, routed as unknown as RoutedEntities<AnyActorLogic>);
    const before = this.#topics.size;
    for (const topic of topics) this.#topics.add(topic);
    const hasMore = this.#topics.size > before;
    if (hasMore && !this.#isLeaving) this.#connections.membership.host([...this.#topics]);
    return routed;
  }

  /**
   * The journals as actors of this process may use them: they take the right to write a journal
   * only where this process has its partition.
   */
  guard(plugin: JournalPlugin): JournalPlugin {
    const hold = plugin.hold?.bind(plugin);
    const recover = plugin.recover?.bind(plugin);
    const beginRecovery = plugin.beginRecovery?.bind(plugin);
    const purge = plugin.purge?.bind(plugin);
    if (hold === undefined) return plugin;
    return {
      write: (...call) => plugin.write(...call),
      deleteTo: (...call) => plugin.deleteTo(...call),
      highestSeqNr: (...call) => plugin.highestSeqNr(...call),
      replay: (...call) => plugin.replay(...call),
      ...(recover === undefined ? {} : { recover }),
      ...(beginRecovery === undefined ? {} : { beginRecovery }),
      ...(purge === undefined ? {} : { purge }),
      hold: async (id, options) => {
        options?.signal?.throwIfAborted();
        const here = this.#placeOf(id);
        // A tenure may be opened though its caller has given up: a hand-over has to know of it.
        const holding = hold(id);
        here?.noteHold(holding);
        const letGo = (): void => {
          holding.then((late) => late?.[Symbol.asyncDispose]()).catch(() => {});
        };
        try {
          const held = await unlessAborted(holding, options?.signal);
          if (here?.isServed === false) throw this.#ownership.notHere(this.#deps.keyOf(id), id);
          return held;
        } catch (error) {
          letGo();
          throw error;
        }
      },
      [Symbol.asyncDispose]: () => plugin[Symbol.asyncDispose](),
    };
  }

  /** Takes calls of the other processes. */
  async handle({ name, body }: RemoteRequest, signal: AbortSignal) {
    try {
      switch (name) {
        case 'ask':
        case 'ask-on-terms':
        case 'send': {
          const call = decodeCall(body);
          const { command, terms = {} } = call;
          const errand: Errand = { name: name === 'send' ? 'send' : 'ask', command, terms };
          return await this.#serve(errand, call, signal);
        }
        case 'delete-events':
        case 'purge': {
          const call = decodeUpkeep(name, body);
          return await this.#serve(call.upkeep, call, signal);
        }
        case 'release': {
          const refusal = await this.#ownership.letGo(decodeRelease(body), signal);
          if (refusal === undefined) return { type: 'answered', body: '{}' } as const;
          return { type: 'refused', body: encodeRefusal(refusal) } as const;
        }
        default:
          return refuse('not-hosted', `this instance knows no call "${name}"`);
      }
    } catch (err) {
      if (!signal.aborted) this.#deps.log.warn({ name, err }, 'a call of another instance failed');
      return refuse('busy', `the call could not be taken: ${String(err)}`);
    }
  }

  async #serve(errand: Errand, call: CallToEntity, signal: AbortSignal): Promise<RemoteResponse> {
    const entities = this.#entities.get(call.type);
    if (entities !== undefined) return await entities.serve(errand, call, signal);
    return refuse('not-hosted', `this instance has no entities "${call.type}"`);
  }

  /**
   * Gives everything away while it can still say where it went; waits for that for a while.
   * Commands that come meanwhile find their way. With no other process nothing moves.
   */
  async leave(): Promise<void> {
    const { membership } = this.#connections;
    if (this.#isLeaving) return;
    this.#isLeaving = true;
    if ((membership.view?.members.length ?? 0) < 2) return;
    membership.host([]);
    const { clock } = this.#deps;
    const endMs = clock.steadyMs() + leaveLimitMs;
    while (this.#ownership.isNeeded) {
      const restMs = endMs - clock.steadyMs();
      if (restMs <= 0) {
        this.#deps.log.warn({ waitedMs: leaveLimitMs }, 'some partitions have no other owner yet');
        return;
      }
      await this.#ownership.news(restMs, this.#closing.signal);
    }
  }

  /**
   * Leaves the group, then stops to listen. Commands that nobody has taken are rejected; others may
   * still be answered for a while.
   */
  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new ClosedError('the persistence is shut down');
    this.#closing.abort(closed);
    this.#ownership.close(closed);
    try {
      await this.#connections.membership[Symbol.asyncDispose]();
      const answered = Promise.allSettled(this.#sent);
      if (this.#sent.size > 0) await within(answered, leaveLimitMs, this.#deps.clock);
    } finally {
      await this.#connections.calls[Symbol.asyncDispose]();
    }
  }

  #send(of: Parameters<RemoteCalls['call']>): Promise<RemoteResponse> {
    const answer = this.#connections.calls.call(...of);
    this.#sent.add(answer);
    const forget = (): void => {
      this.#sent.delete(answer);
    };
    answer.then(forget, forget);
    return answer;
  }

  /**
   * `undefined` = no process of the fleet hosts the topic: its journals are nobody's.
   *
   * @throws {NotOwnerError} the journal's partition is not served here
   */
  #placeOf(persistenceId: PersistenceId): PartitionHere | undefined {
    const key = this.#deps.keyOf(persistenceId);
    const { here, owner, generation } = this.#ownership.find(key);
    if (here?.isServed === true) return here;
    const isShared = owner !== undefined || generation === 0 || this.#topics.has(key.topic);
    if (isShared) throw this.#ownership.notHere(key, persistenceId);
    return undefined;
  }

  #topicsOf(type: string, given: readonly string[] | undefined): ReadonlySet<Topic> {
    const { topic } = this.#deps;
    if (topic !== undefined) return new Set([topic]);
    if (given === undefined || given.length === 0) {
      const text = `entities "${type}" need the option "topics": the topics of their journals`;
      const why =
        'persistence-id-to-key takes the topic from the persistence id, and the instances';
      throw new InvalidInputError(`${text}. ${why} share the partitions of these topics`);
    }
    return new Set(given.map((name) => Topic.of(name)));
  }
}

function refuse(reason: 'not-hosted' | 'busy' | 'stopping', text: string): RemoteResponse {
  return { type: 'refused', body: encodeRefusal({ reason, text }) };
}

const notYet = refuse('stopping', 'the instance is starting');
