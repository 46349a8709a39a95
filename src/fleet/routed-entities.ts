import type { ActorRefFrom, AnyActorLogic, EventFromLogic, SnapshotFrom } from 'xstate';
import type { AskResult, WaitOptions } from '../actor/entity/ask.ts';
import { defaultAskTimeoutMs } from '../actor/entity/ask.ts';
import {
  checkCommand,
  checkSignal,
  checkTerms,
  checkTimeout,
  checkWait,
  commandFault,
} from '../actor/entity/check-input.ts';
import type { Moment } from '../actor/entity/moment.ts';
import type {
  AskOptions,
  EntityRegistry,
  HandOver,
  LocalEntities,
} from '../actor/registry/entities.ts';
import { hadToMove, hadToStop } from '../actor/registry/had-to-move.ts';
import {
  CommandUnhandledError,
  InvalidInputError,
  JournalError,
  RemoteCallError,
} from '../model/errors.ts';
import { Key } from '../model/key.ts';
import type { Topic } from '../model/position.ts';
import { SeqNr } from '../model/seq-nr.ts';
import type { Woken } from '../model/wake-up.ts';
import type { Logger } from '../observability/logger.ts';
import type { RemoteResponse } from '../ports/remote-calls.ts';
import { type Backoff, backoffDelayMs } from '../runtime/retry.ts';
import { encodeAnswer } from './calls/answer-codec.ts';
import type { CallToEntity, Upkeep } from './calls/call-codec.ts';
import { encodeRefusal, type Refusal } from './calls/refusal-codec.ts';
import { done, EntityCalls, type EntityCallsDeps } from './entity-calls.ts';
import type { Ownership, Whereabouts } from './ownership.ts';
import type { PartitionHere } from './partition-here.ts';
import {
  type Errand,
  longestStayMs,
  newRoute,
  type Route,
  type Tried,
  textsOf,
  timeoutOf,
} from './route.ts';

/** What routing needs. */
export interface RoutingDeps extends EntityCallsDeps {
  readonly ownership: Ownership;
  readonly keyOf: (persistenceId: string) => Key;
  readonly log: Logger;
  /** 0 <= value < 1; decides the jitter of a backoff. */
  readonly random: () => number;
  /** Ends waits: no command finds its way any more. */
  readonly closing: AbortSignal;
  /** The entities that are left here end, and no other process has them so far. */
  readonly isLeaving: () => boolean;
}

const newsBackoff: Backoff = { initialMs: 10, maxMs: 250 };
/** Of a command of another process: its call has a deadline of its own. */
const longestTimeoutMs = 0x7fffffff;

/**
 * Entities of one type in all processes of the fleet: each errand (a command, a deletion of events,
 * a purge) finds the process that has its entity. It is sent again only when it was certainly not
 * accepted: a purge that ran twice could take what was stored in between.
 */
export class RoutedEntities<L extends AnyActorLogic> implements EntityRegistry<L> {
  readonly #local: LocalEntities<L>;
  readonly #topics: ReadonlySet<Topic>;
  readonly #deps: RoutingDeps;
  readonly #calls: EntityCalls<L>;

  constructor(local: LocalEntities<L>, topics: ReadonlySet<Topic>, deps: RoutingDeps) {
    this.#local = local;
    this.#calls = new EntityCalls(local, deps);
    this.#topics = topics;
    this.#deps = deps;
    local.placeBy((id) => this.#placeOf(id));
  }

  ref(id: string): ActorRefFrom<L> {
    this.#placeOf(id);
    return this.#local.ref(id);
  }

  async ask(
    id: string,
    command: EventFromLogic<L>,
    options?: AskOptions,
  ): Promise<AskResult<SnapshotFrom<L>>> {
    checkCommand(command);
    const signal = checkSignal(options?.signal);
    signal?.throwIfAborted();
    const timeoutMs = checkTimeout(options?.timeout ?? defaultAskTimeoutMs);
    const terms = checkTerms(options);
    const endMs = this.#deps.clock.steadyMs() + timeoutMs;
    const key = this.#keyOf(id);
    const errand = { name: 'ask', command, terms } as const;
    return await this.#route({ ...newRoute, id, errand, key, timeoutMs, endMs, options, signal });
  }

  peek(id: string, options?: WaitOptions): Promise<SnapshotFrom<L>> {
    return this.#local.peek(id, options);
  }

  stateAt(id: string, moment: Moment, options?: WaitOptions): Promise<SnapshotFrom<L>> {
    return this.#local.stateAt(id, moment, options);
  }

  async deleteEvents(id: string, to: number, options?: WaitOptions): Promise<void> {
    await this.#keepUp(id, { name: 'delete-events', to: SeqNr.of(to) }, options);
  }

  async purge(id: string, options?: WaitOptions): Promise<void> {
    await this.#keepUp(id, { name: 'purge' }, options);
  }

  async #keepUp(id: string, errand: Upkeep, options: WaitOptions | undefined): Promise<void> {
    checkWait(options);
    const signal = checkSignal(options?.signal);
    signal?.throwIfAborted();
    const timeoutMs = checkTimeout(options?.timeout ?? defaultAskTimeoutMs);
    const endMs = this.#deps.clock.steadyMs() + timeoutMs;
    const key = this.#keyOf(id);
    const how = { ...options, timeout: timeoutMs };
    await this.#route({ ...newRoute, id, errand, key, timeoutMs, endMs, options: how, signal });
  }

  send(id: string, command: EventFromLogic<L>): void {
    const { log, clock } = this.#deps;
    const { type } = this.#local;
    const err = commandFault(command);
    if (err !== undefined) {
      log.warn({ type, id, err }, 'command refused');
      return;
    }
    const endMs = clock.steadyMs() + defaultAskTimeoutMs;
    const errand = { name: 'send', command, terms: {} } as const;
    this.#deliver({ ...newRoute, id, errand, key: this.#keyOf(id), endMs });
  }

  async stop(id: string): Promise<void> {
    await this.#local.stop(id);
  }

  ids(): readonly string[] {
    return this.#local.ids();
  }

  idOf(persistenceId: string): string | undefined {
    return this.#local.idOf(persistenceId);
  }

  /** Starts an entity of this type, see `LocalEntities.wake`. */
  wake(persistenceId: string): Promise<Woken> | undefined {
    return this.#local.wake(persistenceId);
  }

  /** Ends the entities of a partition in this process. */
  endAt(here: PartitionHere, how: HandOver): Promise<void> {
    return this.#local.handOver(here, how);
  }

  /**
   * Takes an errand of another process; never throws. It is refused when it was certainly not
   * accepted, and the caller looks for the owner again.
   */
  async serve(errand: Errand, call: CallToEntity, signal: AbortSignal): Promise<RemoteResponse> {
    const { id, hops } = call;
    try {
      const endMs = this.#deps.clock.steadyMs() + longestStayMs;
      const key = this.#keyOf(id);
      const terms = errand.name === 'ask' ? errand.terms : {};
      const options = { ...terms, timeout: longestTimeoutMs, signal };
      const route: Route = { ...newRoute, id, errand, key, endMs, options, signal, hops };
      for (;;) {
        const at = this.#deps.ownership.find(key);
        if (at.here?.isServed === true) {
          if (errand.name === 'send') {
            const laterMs = endMs + defaultAskTimeoutMs;
            this.#deliver({ ...newRoute, id, errand, key, endMs: laterMs, hops });
            return { type: 'answered', body: '{}' };
          }
          const result = await this.#tryHere(route, at.here);
          if (typeof result === 'object') return this.#answerOf(errand, result);
        }
        // Ours is the older view, or the former owner still has the partition.
        const mayCome = at.here !== undefined || call.generation > at.generation;
        const restMs = endMs - this.#deps.clock.steadyMs();
        if (!mayCome || restMs <= 0) return refused(this.#whereElse(at));
        await this.#deps.ownership.news(restMs, AbortSignal.any([signal, this.#deps.closing]));
      }
    } catch (error) {
      return this.#answerTo(error, errand, signal);
    }
  }

  #answerOf({ name }: Errand, result: AskResult<SnapshotFrom<L>>): RemoteResponse {
    const body = name === 'ask' ? encodeAnswer({ result }, this.#local.wire) : '{}';
    return { type: 'answered', body };
  }

  /** What the caller of an errand that failed gets. */
  #answerTo(failure: unknown, errand: Errand, signal: AbortSignal): RemoteResponse {
    const { closing, isLeaving } = this.#deps;
    const hasClosed = closing.aborted && failure === closing.reason;
    if (hasClosed || (isLeaving() && hadToStop(failure))) {
      return refused({ reason: 'stopping', text: 'the process is stopping' });
    }
    const isGivenUp = signal.aborted && failure === signal.reason;
    const error = isGivenUp ? givenUp(errand, failure) : failure;
    return { type: 'answered', body: encodeAnswer({ error }, this.#local.wire) };
  }

  /** The owner as far as it is known here; a view that may be out of date names none. */
  #whereElse({ owner, generation }: Whereabouts): Refusal {
    const isKnown = this.#deps.ownership.isMember;
    return isKnown
      ? { reason: 'not-owner', owner, generation }
      : { reason: 'not-owner', owner: undefined, generation: 0 };
  }

  /** A command without an asker. */
  #deliver(route: Route): void {
    const { id, errand } = route;
    this.#route(route).catch((err) => {
      // As on a local actor, whose machine says what it handles.
      if (err instanceof CommandUnhandledError) return;
      const { type } = this.#local;
      const command = 'command' in errand ? errand.command.type : undefined;
      this.#deps.log.warn({ type, id, command, err }, 'a command was not delivered');
    });
  }

  async #route(route: Route): Promise<AskResult<SnapshotFrom<L>>> {
    const { ownership, clock, closing } = this.#deps;
    for (;;) {
      const at = ownership.find(route.key);
      const tried = await this.#try(route, at);
      if (typeof tried === 'object') return tried;
      route.signal?.throwIfAborted();
      closing.throwIfAborted();
      const restMs = route.endMs - clock.steadyMs();
      if (restMs <= 0) throw this.#timeout(route);
      route.options = { ...route.options, timeout: restMs };
      if (tried === 'wait') await this.#wait(route, restMs);
    }
  }

  async #wait(route: Route, restMs: number): Promise<void> {
    const { ownership, random, closing } = this.#deps;
    const delayMs = backoffDelayMs(newsBackoff, ++route.waits, random());
    const signals = route.signal === undefined ? [closing] : [closing, route.signal];
    await ownership.news(Math.min(restMs, delayMs), AbortSignal.any(signals));
  }

  /** Without a wait before the local `ask`: commands of one caller keep their order there. */
  #try(route: Route, at: Whereabouts): Promise<Tried<AskResult<SnapshotFrom<L>>>> | 'wait' {
    const { named } = route;
    // Of two views the later one is right, whosever it is.
    if (named !== undefined && named.generation > at.generation) {
      return this.#calls.try(route, named);
    }
    route.named = undefined;
    if (at.here?.isServed === true) return this.#tryHere(route, at.here);
    const { owner, generation } = at;
    if (at.here !== undefined || owner === undefined) return 'wait';
    return this.#calls.try(route, { owner, generation });
  }

  async #tryHere(route: Route, here: PartitionHere): Promise<Tried<AskResult<SnapshotFrom<L>>>> {
    const { id, errand, options } = route;
    try {
      if (errand.name === 'delete-events') {
        await this.#local.deleteEvents(id, errand.to, options);
        return done;
      }
      if (errand.name === 'purge') {
        await this.#local.purge(id, options);
        return done;
      }
      const result = await this.#local.ask(id, errand.command as EventFromLogic<L>, options);
      // What was stored is so, whoever has the entity by now. What was only looked at may be old,
      if (result.events.length > 0 || this.#deps.ownership.isMember) return result;
    } catch (error) {
      // and so may be the state that something was rejected for.
      const isNotStored = error instanceof JournalError && error.stored === 'no';
      const isOld = isNotStored && !this.#deps.ownership.isMember;
      if (!isOld && !hadToMove(error)) throw error;
      route.failure = error;
    }
    return here.isServed ? 'wait' : 'again';
  }

  #timeout({ key, errand, timeoutMs, failure }: Route): Error {
    const { ownership } = this.#deps;
    const { topic, partition, owner, generation } = ownership.find(key);
    const place = partition === undefined ? `topic ${topic}` : `partition ${partition} of ${topic}`;
    const whose = owner === undefined ? 'has no owner' : `is of ${owner.address}`;
    const { what, not } = textsOf(errand);
    const text = `no process took ${what} for ${Key.toString(key)} within ${timeoutMs} ms`;
    const view = `as far as is known here, ${place} ${whose} (generation ${generation})`;
    const cause = ownership.trouble ?? failure;
    return timeoutOf(errand, `${text}; ${not}; ${view}`, { cause, stored: 'no' });
  }

  /** @throws {NotOwnerError} the entity does not belong here at the moment */
  #placeOf(id: string): PartitionHere {
    const key = this.#keyOf(id);
    const { here } = this.#deps.ownership.find(key);
    if (here?.isServed === true) return here;
    throw this.#deps.ownership.notHere(key, Key.toString(key));
  }

  #keyOf(id: string): Key {
    const key = this.#deps.keyOf(this.#local.persistenceIdOf(id));
    if (this.#topics.has(key.topic)) return key;
    const { type } = this.#local;
    const text = `the journal of "${id}" of the entities "${type}" is in topic ${key.topic}`;
    throw new InvalidInputError(`${text}, which their option "topics" does not name`);
  }
}

/** The call has ended, not the errand: it may be on its way into the journal. */
function givenUp(errand: Errand, cause: unknown): RemoteCallError {
  const { what, perhaps } = textsOf(errand);
  const text = `the call ended before ${what} did; ${perhaps}`;
  return new RemoteCallError(text, { cause, stored: 'unknown' });
}

function refused(refusal: Refusal): RemoteResponse {
  return { type: 'refused', body: encodeRefusal(refusal) };
}
