import type { AnyActorLogic, SnapshotFrom } from 'xstate';
import type { AskResult } from '../actor/entity/ask.ts';
import type { LocalEntities } from '../actor/registry/entities.ts';
import { RemoteCallError } from '../model/errors.ts';
import type { FleetMember } from '../ports/fleet-membership.ts';
import type { RemoteCalls, RemoteRequest, RemoteResponse } from '../ports/remote-calls.ts';
import type { Clock } from '../runtime/clock.ts';
import { decodeAnswer, decodeDone } from './calls/answer-codec.ts';
import { type CallToEntity, encodeCall, encodeUpkeep, nameOfAsk } from './calls/call-codec.ts';
import { type Refusal, readRefusal } from './calls/refusal-codec.ts';
import type { Departures } from './departures.ts';
import type { FailedCalls } from './failed-calls.ts';
import { type Errand, longestStayMs, type Route, type Tried, textsOf, timeoutOf } from './route.ts';

/** What the calls to other processes need. */
export interface EntityCallsDeps {
  readonly member: FleetMember;
  readonly calls: Pick<RemoteCalls, 'call'>;
  readonly departures: Departures;
  readonly failedCalls: FailedCalls;
  readonly clock: Clock;
}

/** Redirects that a command follows; then it waits for this process's own view. */
const maxHops = 8;
/** For the way of a refusal back to its caller. */
const marginMs = 100;
/** By so much a timer may come too early. */
const earlyMs = 5;

/** Whom an errand is sent to. */
interface Sending {
  readonly owner: FleetMember;
  /** Of the view that names the owner. */
  readonly generation: number;
}

/**
 * Errands for entities of one type that other processes have: one call each, judged by its end.
 */
export class EntityCalls<L extends AnyActorLogic> {
  readonly #local: Pick<LocalEntities<L>, 'type' | 'wire'>;
  readonly #deps: EntityCallsDeps;

  constructor(local: Pick<LocalEntities<L>, 'type' | 'wire'>, deps: EntityCallsDeps) {
    this.#local = local;
    this.#deps = deps;
  }

  /**
   * Sends an errand once.
   *
   * @throws what its owner answers
   * @throws {RemoteCallError} {@link AskTimeoutError} {@link DeadlineExceededError} there is no
   *   answer
   */
  async try(
    route: Route,
    { owner, generation }: Sending,
  ): Promise<Tried<AskResult<SnapshotFrom<L>>>> {
    const { calls, departures, clock } = this.#deps;
    const { id, errand, hops, signal } = route;
    const request = requestOf(errand, { type: this.#local.type, id, generation, hops });
    const timeoutMs = Math.max(1, route.endMs - clock.steadyMs());
    // It is not stored so far: a call that ends without an answer would take that certainty away.
    if (route.failure !== undefined && timeoutMs <= longestStayMs + marginMs) return 'wait';
    let response: RemoteResponse;
    try {
      const peerGone = departures.of(owner, generation);
      response = await calls.call(owner.address, request, { timeoutMs, signal, peerGone });
    } catch (err) {
      if (!(err instanceof RemoteCallError)) throw err;
      this.#deps.failedCalls.note(owner, err);
      if (err.stored === 'unknown') throw this.#unanswered(route, owner, err);
      if (!err.retryable) throw err;
      route.failure = err;
      return 'wait';
    }
    if (response.type === 'answered') {
      if (errand.name === 'ask') return decodeAnswer(response.body, this.#local.wire);
      decodeDone(response.body);
      return done;
    }
    return this.#refused(route, readRefusal(response.body, owner), { owner, generation });
  }

  /** Of two views the later one is right: the process that it names is asked next. */
  #refused(
    route: Route,
    refusal: Refusal & { readonly error: RemoteCallError },
    { owner, generation }: Sending,
  ): 'again' | 'wait' {
    if (refusal.reason === 'not-hosted') this.#deps.failedCalls.note(owner, refusal.error);
    route.failure = refusal.error;
    if (refusal.reason !== 'not-owner') return 'wait';
    const named = refusal.owner;
    const isOther = named !== undefined && named.id !== this.#deps.member.id;
    if (!isOther || refusal.generation <= generation || route.hops >= maxHops) return 'wait';
    route.named = { owner: named, generation: refusal.generation };
    route.hops++;
    return 'again';
  }

  /** As in the entity's own process where the time is over; otherwise the answer was lost. */
  #unanswered(
    { errand, timeoutMs, endMs }: Route,
    { address }: FleetMember,
    cause: RemoteCallError,
  ): Error {
    if (endMs - this.#deps.clock.steadyMs() > earlyMs) return cause;
    const { what, perhaps } = textsOf(errand);
    const text = `no answer to ${what} from ${address} within ${timeoutMs} ms; ${perhaps}`;
    return timeoutOf(errand, text, { cause, stored: 'unknown' });
  }
}

/** A version that does not know the name refuses the call. */
function requestOf(errand: Errand, call: CallToEntity): RemoteRequest {
  if (!('command' in errand)) {
    return { name: errand.name, body: encodeUpkeep({ ...call, upkeep: errand }) };
  }
  const { name, command, terms } = errand;
  const body = encodeCall({ ...call, command, terms });
  return { name: name === 'send' ? name : nameOfAsk(terms), body };
}

/** Of an errand without an answer: the command is delivered, the deletion or purge is done. */
export const done = { sequenceNr: 0, events: [], snapshot: undefined, reply: undefined } as never;
