import { readArray, readCount, readObject, readText } from '../../model/plain-members.ts';
import type { DeliveryFact, EventFacts } from '../../ports/journal-plugin.ts';

/** A message that is to be delivered, and is not confirmed. */
export interface OpenDelivery extends Omit<DeliveryFact, 'sealed'> {
  /** Number of the event that it follows from. */
  readonly seqNr: number;
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

  /** Notes what the stored event number `seqNr` says. */
  note({ deliveries, confirmed }: EventFacts, seqNr: number): void {
    for (const { id, to, message } of deliveries ?? []) {
      this.#open ??= new Map();
      this.#open.set(id, { id, to, seqNr, ...(message !== undefined && { message }) });
    }
    for (const id of confirmed ?? []) {
      this.#open?.delete(id);
      this.#confirmed ??= new Set();
      this.#confirmed.add(id);
      if (this.#confirmed.size <= maxConfirmed) continue;
      for (const first of this.#confirmed) {
        this.#confirmed.delete(first);
        break;
      }
    }
  }

  /** What a snapshot of the entity keeps; `undefined` = there is nothing. */
  toPlain(): unknown {
    if (this.#open === undefined) return undefined;
    return { open: [...this.#open.values()], confirmed: [...(this.#confirmed ?? [])] };
  }

  /** @throws {CodecError} `plain` is not what `toPlain` gives; names the place */
  static ofPlain(plain: unknown): Outbox {
    const outbox = new Outbox();
    if (plain === undefined) return outbox;
    const { open, confirmed } = readObject(plain, 'deliveries');
    outbox.#open = new Map(
      readArray(open, 'deliveries.open').map((item, index) => {
        const at = `deliveries.open[${index}]`;
        const { id, to, seqNr, message } = readObject(item, at);
        const delivery = {
          id: readText(id, `${at}.id`),
          to: readText(to, `${at}.to`),
          seqNr: readCount(seqNr, `${at}.seqNr`),
          ...(message !== undefined && { message }),
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
