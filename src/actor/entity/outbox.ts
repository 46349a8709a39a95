import { readArray, readCount, readObject, readText } from '../../model/plain-members.ts';
import type { CommandFact, DeliveryFact, EventFacts } from '../../ports/journal-plugin.ts';

/** A message that is to be delivered, and is not confirmed. */
export interface OpenDelivery extends Omit<DeliveryFact, 'sealed'> {
  /** Number of the event that it follows from. */
  readonly seqNr: number;
  /** As the asker of the command gave it that led to that event. */
  readonly correlationId?: string;
}

/** What an event does to the deliveries of its entity, as the program says it. */
export type OutboxChange =
  | {
      readonly type: 'deliver';
      readonly to: unknown;
      readonly message: unknown;
      readonly id: unknown;
    }
  | { readonly type: 'confirm'; readonly id: unknown };

/** Ids of confirmed deliveries that are remembered: the last ones. */
const maxConfirmed = 100;

/**
 * What an entity still has to deliver, in the order in which that was stored. It follows from the
 * facts of the stored events alone, so a recovery finds the same.
 */
export class Outbox {
  /** Most entities have none. */
  #open: Map<string, OpenDelivery> | undefined;
  #confirmed: Set<string> | undefined;

  get size(): number {
    return this.#open?.size ?? 0;
  }

  /** In the order in which they were stored. */
  get open(): Iterable<OpenDelivery> {
    return this.#open?.values() ?? [];
  }

  get(id: string): OpenDelivery | undefined {
    return this.#open?.get(id);
  }

  /** It is unconfirmed, or was confirmed recently: the same id does not begin another delivery. */
  knows(id: string): boolean {
    return this.#open?.has(id) === true || this.#confirmed?.has(id) === true;
  }

  /** Notes what the stored event number `seqNr` says, to which `command` led. */
  note(facts: EventFacts, seqNr: number, command: CommandFact | undefined = facts.command): void {
    const { deliveries, confirmed } = facts;
    const correlationId = command?.correlationId;
    for (const { id, to, message } of deliveries ?? []) {
      this.#open ??= new Map();
      const optional = {
        ...(message !== undefined && { message }),
        ...(correlationId !== undefined && { correlationId }),
      };
      this.#open.set(id, { id, to, seqNr, ...optional });
    }
    for (const id of confirmed ?? []) this.#confirm(id);
  }

  #confirm(id: string): void {
    this.#open?.delete(id);
    this.#confirmed ??= new Set();
    this.#confirmed.add(id);
    if (this.#confirmed.size <= maxConfirmed) return;
    const [first] = this.#confirmed;
    if (first !== undefined) this.#confirmed.delete(first);
  }

  /** What a snapshot of the entity keeps; `undefined` = there is nothing. */
  toPlain(): unknown {
    if (this.#open === undefined) return undefined;
    return { open: [...this.#open.values()], confirmed: [...(this.#confirmed ?? [])] };
  }

  /**
   * `destinationOf` = what a destination is called today.
   *
   * @throws {CodecError} `plain` is not what `toPlain` gives; names the place
   */
  static ofPlain(plain: unknown, destinationOf = (to: string): string => to): Outbox {
    const outbox = new Outbox();
    if (plain === undefined) return outbox;
    const { open, confirmed } = readObject(plain, 'deliveries');
    outbox.#open = new Map(
      readArray(open, 'deliveries.open').map((item, index) => {
        const at = `deliveries.open[${index}]`;
        const { id, to, seqNr, message, correlationId } = readObject(item, at);
        const delivery = {
          id: readText(id, `${at}.id`),
          to: destinationOf(readText(to, `${at}.to`)),
          seqNr: readCount(seqNr, `${at}.seqNr`),
          ...(message !== undefined && { message }),
          ...(correlationId !== undefined && {
            correlationId: readText(correlationId, `${at}.correlationId`),
          }),
        };
        return [delivery.id, delivery] as const;
      }),
    );
    outbox.#confirmed = new Set(
      readArray(confirmed, 'deliveries.confirmed').map((id, index) =>
        readText(id, `deliveries.confirmed[${index}]`),
      ),
    );
    return outbox;
  }
}
