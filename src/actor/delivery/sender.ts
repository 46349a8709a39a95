import type { EventObject } from 'xstate';
import {
  ClosedError,
  CommandRejectedError,
  CommandUnhandledError,
  DeadlineExceededError,
  EntityDoneError,
} from '../../model/errors.ts';
import { storedForm } from '../../model/stored-form.ts';
import type { EventFacts } from '../../ports/journal-plugin.ts';
import { unlessAborted } from '../../runtime/waiting.ts';
import type { AskResult } from '../entity/ask.ts';
import type { DeliveryAttempt, ResolvedDestination } from '../entity/delivery-options.ts';
import type { Entity } from '../entity/entity.ts';
import type { HostedState } from '../entity/entity-logic.ts';
import { DeliveryReport } from '../entity/host-events.ts';
import type { OpenDelivery } from '../entity/outbox.ts';
import { childAddress } from '../evolution/reserved-types.ts';
import { actorAt, actorPrefix } from './actor-address.ts';

/** What was tried of one delivery since the entity recovered. */
interface Sending {
  attempts: number;
  lastStartMs: number;
  /** An attempt is under way, or has succeeded and its confirmation is being stored. */
  isUnderWay: boolean;
  lastError: unknown;
}

/** What is sent in one life of the entity, until that stops, fails or is lost. */
interface Sendings {
  readonly byId: Map<string, Sending>;
  /** Destinations that are missing; each is named once. */
  readonly missing: Set<string>;
  /** Ends what is under way. */
  readonly stopping: AbortController;
  isWatched: boolean;
}

/**
 * Sends what is in the outbox of one entity, from its recovery until it stops, fails or is lost:
 *
 * ```
 * begin ─→ committed, committed, … ─→ stop
 *   ↑                                   │
 *   └───────── the next recovery ───────┘
 * ```
 *
 * A message is sent when its event is committed, and what a recovery finds is sent at once. After
 * that it is looked every half interval what is overdue, which is sent again. Two attempts at one
 * message are never under way together. Confirmations come back through the mailbox.
 */
export class DeliverySender<S extends HostedState> {
  readonly #entity: Entity<S>;
  #isLive = false;
  /** Since the first delivery of this life; most entities have none. */
  #sendings: Sendings | undefined;

  constructor(entity: Entity<S>) {
    this.#entity = entity;
  }

  /** The entity has its state: what it found in its journal is sent. */
  begin(): void {
    if (this.#isLive) return;
    this.#isLive = true;
    if (this.#entity.outbox.size > 0) this.#sendDue(this.#openSendings());
  }

  /** An event was committed that says this: what it delivers is sent. */
  committed({ deliveries, confirmed }: EventFacts): void {
    for (const id of confirmed ?? []) this.#sendings?.byId.delete(id);
    if (!this.#isLive || deliveries === undefined) return;
    const sendings = this.#openSendings();
    for (const { id } of deliveries) {
      const delivery = this.#entity.outbox.get(id);
      if (delivery !== undefined) this.#send(delivery, sendings);
    }
    this.#watch(sendings);
  }

  /** Attempts under way are aborted, and what becomes of them is left to the next recovery. */
  stop(): void {
    const { persistenceId } = this.#entity;
    this.#isLive = false;
    this.#sendings?.stopping.abort(new ClosedError(`${persistenceId} no longer lives here`));
    this.#sendings = undefined;
  }

  #openSendings(): Sendings {
    this.#sendings ??= {
      byId: new Map(),
      missing: new Set(),
      stopping: new AbortController(),
      isWatched: false,
    };
    return this.#sendings;
  }

  /** Looks every half interval, as long as something is unconfirmed. */
  #watch(sendings: Sendings): void {
    if (sendings.isWatched) return;
    sendings.isWatched = true;
    this.#watchUntilEmpty(sendings).catch((error: unknown) => {
      if (sendings.stopping.signal.aborted) return;
      const { deps, persistenceId } = this.#entity;
      deps.log.error({ persistenceId, err: error }, 'nothing is delivered again');
    });
  }

  async #watchUntilEmpty(sendings: Sendings): Promise<void> {
    const { deps, settings } = this.#entity;
    const { signal } = sendings.stopping;
    const everyMs = Math.max(1, Math.floor(settings.deliveries.redeliverIntervalMs / 2));
    while (this.#entity.outbox.size > 0) {
      await deps.clock.sleep(everyMs, { signal });
      signal.throwIfAborted();
      this.#sendDue(sendings);
    }
    sendings.isWatched = false;
  }

  /**
   * Sends what is overdue, no more at once than allowed. If deliveries that keep failing went first
   * each time, they would use up what is allowed, and later ones would never be tried. So the one
   * whose last attempt is the oldest goes first; before it, in order, those without an attempt.
   */
  #sendDue(sendings: Sendings): void {
    const { outbox, settings, deps } = this.#entity;
    const { redeliverIntervalMs, redeliveryBurst, warnAfterAttempts } = settings.deliveries;
    const dueMs = deps.clock.steadyMs() - redeliverIntervalMs;
    const due: { readonly delivery: OpenDelivery; readonly sending: Sending | undefined }[] = [];
    for (const delivery of outbox.open) {
      const sending = sendings.byId.get(delivery.id);
      if (sending !== undefined && (sending.isUnderWay || sending.lastStartMs > dueMs)) continue;
      due.push({ delivery, sending });
    }
    due.sort((a, b) => (a.sending?.lastStartMs ?? 0) - (b.sending?.lastStartMs ?? 0));
    let sent = 0;
    for (const { delivery, sending } of due) {
      if (sent >= redeliveryBurst) break;
      if (sending?.attempts === warnAfterAttempts) this.#warn(delivery, sending);
      if (this.#send(delivery, sendings)) sent++;
    }
    this.#watch(sendings);
  }

  /** False when the destination is missing. */
  #send(delivery: OpenDelivery, sendings: Sendings): boolean {
    const { persistenceId, deps } = this.#entity;
    const destination = this.#destinationOf(delivery.to);
    if (destination === undefined) {
      const { id, to } = delivery;
      if (!sendings.missing.has(to))
        deps.log.warn({ persistenceId, delivery: id, to }, noDestination);
      sendings.missing.add(to);
      return false;
    }
    let sending = sendings.byId.get(delivery.id);
    if (sending === undefined) {
      sending = { attempts: 0, lastStartMs: 0, isUnderWay: false, lastError: undefined };
      sendings.byId.set(delivery.id, sending);
    }
    sending.attempts++;
    sending.isUnderWay = true;
    sending.lastStartMs = deps.clock.steadyMs();
    this.#attempt(delivery, destination, sending, sendings.stopping.signal).catch(
      (err: unknown) => {
        deps.log.error({ persistenceId, delivery: delivery.id, err }, 'an attempt came to no end');
      },
    );
    return true;
  }

  #destinationOf(to: string): ResolvedDestination | undefined {
    const { to: named, sendTo } = this.#entity.settings.deliveries;
    if (!sendTo || !to.startsWith(actorPrefix)) return named.get(to);
    return {
      send: (event, attempt) => this.#ask(to, event as EventObject, attempt),
      isConfirmedByEvent: false,
    };
  }

  /**
   * What an actor refuses has arrived, as with `sendTo`; that is all the sender asks for. The final
   * state of the entity stops its children for good. If the entity waited for one of them to
   * answer, it would never end. So what such a child can no longer take counts as arrived, too.
   */
  async #ask(to: string, event: EventObject, attempt: DeliveryAttempt): Promise<void> {
    const { id, correlationId, signal } = attempt;
    const { deps, logic, self, state, settings, persistenceId } = this.#entity;
    const actor = actorAt(to, self, logic.childrenOf(state));
    const { timeoutMs: timeout } = settings.deliveries;
    try {
      if (actor === undefined) throw new ClosedError(`there is no actor ${to} at the moment`);
      await deps.ask(actor, event, { commandId: id, correlationId, signal, timeout });
    } catch (err) {
      const isGone = this.#entity.isOnlyDelivering && to.startsWith(childAddress);
      const text = isGone
        ? 'a child was sent something that it can take no more'
        : isRefusal(err)
          ? 'an actor has refused what was sent to it'
          : undefined;
      if (text === undefined) throw err;
      deps.log.warn({ persistenceId, delivery: id, to, event: event.type, err }, text);
    }
  }

  /** Never rejects. */
  async #attempt(
    delivery: OpenDelivery,
    destination: ResolvedDestination,
    sending: Sending,
    stopped: AbortSignal,
  ): Promise<void> {
    const { id, message, correlationId } = delivery;
    const { persistenceId, deps, settings } = this.#entity;
    const { timeoutMs } = settings.deliveries;
    const ended = new AbortController();
    const late = new AbortController();
    deps.clock.sleep(timeoutMs, { signal: ended.signal }).then(
      () => late.abort(new DeadlineExceededError(`it was not delivered within ${timeoutMs} ms`)),
      () => {}, // it was quicker
    );
    const signal = AbortSignal.any([stopped, late.signal]);
    try {
      await Promise.resolve(); // the turn of the actor ends first
      signal.throwIfAborted();
      const { attempts: attempt } = sending;
      // A copy: what a destination does with it is not sent again, nor kept by a snapshot.
      const own = message === undefined ? undefined : storedForm(message, 'message');
      const sent = destination.send(own, {
        id,
        attempt,
        persistenceId,
        correlationId,
        signal,
      });
      const output = await unlessAborted(Promise.resolve(sent), signal);
      stopped.throwIfAborted();
      if (destination.isConfirmedByEvent) sending.isUnderWay = false;
      else {
        const outcome = { type: 'confirmed', output: this.#storable(delivery, output) } as const;
        this.#entity.tell(new DeliveryReport(delivery, outcome));
      }
    } catch (err) {
      sending.isUnderWay = false;
      sending.lastError = err;
      if (stopped.aborted) return;
      const fields = { persistenceId, delivery: id, to: delivery.to, attempt: sending.attempts };
      deps.log.debug({ ...fields, err }, 'an attempt to deliver failed');
    } finally {
      ended.abort('it has ended');
    }
  }

  /** The message has arrived, so it is not sent again for the sake of what it was answered with. */
  #storable({ id, to }: OpenDelivery, output: unknown): unknown {
    const value = isAnswer(output) ? output.reply : output;
    if (value === undefined) return undefined;
    try {
      return storedForm(value, 'output');
    } catch (err) {
      const { persistenceId, deps } = this.#entity;
      const text = 'a delivery is confirmed without its output, which cannot be stored';
      deps.log.warn({ persistenceId, delivery: id, to, err }, text);
      return undefined;
    }
  }

  #warn(delivery: OpenDelivery, { attempts, lastError }: Sending): void {
    const { persistenceId, deps } = this.#entity;
    const fields = { persistenceId, delivery: delivery.id, to: delivery.to, attempts };
    deps.log.warn(
      { ...fields, err: lastError },
      'a delivery is not confirmed; it is tried further',
    );
    this.#entity.tell(new DeliveryReport(delivery, { type: 'overdue', cause: lastError }));
  }
}

function isRefusal(error: unknown): boolean {
  return (
    error instanceof CommandRejectedError ||
    error instanceof CommandUnhandledError ||
    error instanceof EntityDoneError
  );
}

/** What `ask` resolves with: the state in it is that of another entity, and is not kept here. */
function isAnswer(output: unknown): output is AskResult {
  if (typeof output !== 'object' || output === null || !('snapshot' in output)) return false;
  const { snapshot } = output;
  return typeof snapshot === 'object' && snapshot !== null && 'persistence' in snapshot;
}

const noDestination =
  'a stored delivery waits for a destination that the option "deliveries.to" does not have';
