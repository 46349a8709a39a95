import { hash } from 'node:crypto';
import { ignoreOutcome } from '../../model/at-once.ts';
import { InvalidInputError, TooManyDeliveriesError } from '../../model/errors.ts';
import { storedForm } from '../../model/stored-form.ts';
import type { DeliveryFact, EventFacts } from '../../ports/journal-plugin.ts';
import { isShortId, kindOf, shortIdText } from '../entity/check-input.ts';
import type { EntityDeliveries } from '../entity/delivery-options.ts';
import type { Outbox, OutboxChange } from '../entity/outbox.ts';
import { stepName } from '../entity/timers.ts';
import { actorPrefix } from './actor-address.ts';

/** The event that a change belongs to. */
export interface ChangingEvent {
  readonly seqNr: number;
  readonly part: number;
  /** Deliveries that it has begun before. */
  readonly count: number;
}

/** What the draft of an outbox needs to know of its entity, as it is at the moment. */
export interface DraftDeps {
  readonly persistenceId: string;
  /** One UUID a recovery. */
  readonly writerUuid: string;
  readonly outbox: Outbox;
  readonly settings: { readonly deliveries: EntityDeliveries };
}

/**
 * The outbox of an entity as it will be once the events are stored that are being evaluated: it
 * says what is new in an event, so that what is stored of it is exactly what it changes.
 */
export class OutboxDraft {
  readonly #deps: DraftDeps;
  /** Where it differs from the outbox. */
  readonly #changed = new Map<string, 'open' | 'confirmed'>();
  /** The former entries of `#changed`, to be put back by `undo`. */
  readonly #former: (readonly [string, 'open' | 'confirmed' | undefined])[] = [];
  /** How many more are open than in the outbox. */
  #more = 0;
  #markedAt = 0;
  #markedMore = 0;

  constructor(deps: DraftDeps) {
    this.#deps = deps;
  }

  /** Remembers how it is, for `undo` and `checkSize`. */
  mark(): void {
    this.#markedAt = this.#former.length;
    this.#markedMore = this.#more;
  }

  /** What was evaluated since `mark` came to nothing. */
  undo(): void {
    for (const [id, state] of this.#former.splice(this.#markedAt).reverse()) {
      if (state === undefined) this.#changed.delete(id);
      else this.#changed.set(id, state);
    }
    this.#more = this.#markedMore;
  }

  /** @throws {TooManyDeliveriesError} what was evaluated since `mark` leads to more than allowed */
  checkSize(): void {
    if (this.#more <= this.#markedMore) return;
    const { persistenceId, outbox, settings } = this.#deps;
    const { maxUnconfirmed } = settings.deliveries;
    const size = outbox.size + this.#more;
    if (size <= maxUnconfirmed) return;
    throw new TooManyDeliveriesError(
      `${persistenceId} would have ${size} unconfirmed deliveries, and ` +
        `${maxUnconfirmed} are allowed (max-unconfirmed-messages); nothing was stored`,
    );
  }

  isOpen(id: string): boolean {
    const changed = this.#changed.get(id);
    if (changed !== undefined) return changed === 'open';
    return this.#deps.outbox.get(id) !== undefined;
  }

  /**
   * What is to be stored of the changes: without deliveries whose id is known already, and without
   * confirmations of what is not open.
   *
   * @throws {InvalidInputError} a destination that is unknown, or an id that is none
   * @throws {WriteRejectedError} JSON cannot hold a message; names the place
   */
  take(changes: readonly OutboxChange[], event: ChangingEvent): EventFacts {
    const deliveries: DeliveryFact[] = [];
    const confirmed: string[] = [];
    for (const change of changes) {
      if (change.type === 'confirm') {
        const id = checkDeliveryId(change.id);
        if (!this.isOpen(id)) continue;
        this.#set(id, 'confirmed');
        this.#more--;
        confirmed.push(id);
        continue;
      }
      const at = { ...event, count: event.count + deliveries.length };
      const delivery = this.#factOf(change, at);
      if (this.#changed.has(delivery.id) || this.#deps.outbox.knows(delivery.id)) continue;
      this.#set(delivery.id, 'open');
      this.#more++;
      deliveries.push(delivery);
    }
    return {
      ...(deliveries.length > 0 && { deliveries }),
      ...(confirmed.length > 0 && { confirmed }),
    };
  }

  #factOf(
    { to, message, id }: Extract<OutboxChange, { type: 'deliver' }>,
    { seqNr, part, count }: ChangingEvent,
  ): DeliveryFact {
    const { persistenceId, writerUuid, settings } = this.#deps;
    const { deliveries } = settings;
    const isActor = deliveries.sendTo && typeof to === 'string' && to.startsWith(actorPrefix);
    if (typeof to !== 'string' || !(isActor || deliveries.to.has(to))) {
      const given = typeof to === 'string' ? JSON.stringify(to) : kindOf(to);
      const known = [...deliveries.to.keys()].map((name) => JSON.stringify(name)).join(', ');
      const text = `the option "deliveries.to" has no destination ${given}`;
      throw new InvalidInputError(`${text}; it has ${known || 'none'}. Nothing was stored`);
    }
    // After a purge the numbers come again. Then a receiver would take a new message for an old
    // one, if the id did not say which life of the journal it is from.
    const own = `${persistenceId}${stepName(seqNr, part)}.${count}@${writerUuid.slice(0, 8)}`;
    return {
      id: checkDeliveryId(id ?? (isShortId(own) ? own : hash('sha256', own))),
      to,
      ...(message !== undefined && { message: storedForm(message, 'message') }),
    };
  }

  #set(id: string, state: 'open' | 'confirmed'): void {
    this.#former.push([id, this.#changed.get(id)]);
    this.#changed.set(id, state);
  }
}

/** @throws {InvalidInputError} it is no id */
function checkDeliveryId(id: unknown): string {
  if (isShortId(id)) return id;
  ignoreOutcome(id);
  const given = typeof id === 'string' ? JSON.stringify(id) : kindOf(id);
  const text = `the id of a delivery must be ${shortIdText}, not ${given}`;
  throw new InvalidInputError(`${text}; nothing was stored`);
}
