import type { Action } from '../../src/model/action.ts';
import type { PartitionOffset } from '../../src/model/position.ts';
import { eventsText } from './checked-read.ts';
import type { LiveEvent } from './truth.ts';
import type { World } from './world.ts';

/** What a holder believes its journal to be: what it read under its tenure, and wrote since. */
export interface Belief {
  /** `undefined` = it asked for the last number only. */
  readonly events: readonly LiveEvent[] | undefined;
  readonly last: number | undefined;
}

interface Landing extends PartitionOffset {
  /** By the rule of tenures. */
  readonly counts: boolean;
}

/** One write through a held journal, and what became of it in the log. */
export class HeldCall {
  readonly id: string;
  readonly text: string;
  readonly believed: Belief;
  readonly landings: Landing[] = [];
  readonly #world: World;
  #isRejected = false;

  constructor(world: World, text: string, { id, believed }: { id: string; believed: Belief }) {
    this.#world = world;
    this.text = text;
    this.id = id;
    this.believed = believed;
  }

  landed(at: PartitionOffset, counts: boolean): void {
    this.landings.push({ ...at, counts });
    if (this.#isRejected) this.#checkRejected();
  }

  /** I28, I29: what is acknowledged counts, and was decided on the state that it found. */
  acknowledged(at: PartitionOffset): void {
    const problem = this.#lost(at.offset) ?? this.#stale(at.offset);
    if (problem === undefined) return;
    this.#world.violation(`${this.text} acknowledged at ${at.partition}:${at.offset} ${problem}`);
  }

  #lost(offset: number): string | undefined {
    const landing = this.landings.find((it) => it.offset === offset);
    if (landing === undefined) return 'is not there (I28)';
    if (!landing.counts) return 'is void (I28)';
    const { losers } = this.#world.truth(this.id).at(offset + 1);
    const hasLost = losers.some((loser) => loser.offset === offset);
    return hasLost ? 'has lost its numbers (I28)' : undefined;
  }

  #stale(offset: number): string | undefined {
    const truth = this.#world.truth(this.id).at(offset);
    // Where writers without tenures made a conflict, what a read gives is not always defined.
    if (truth.losers.length > 0) return undefined;
    const { events, last } = this.believed;
    const isRight =
      (last ?? 0) === (truth.last ?? 0) && (events === undefined || isEqual(events, truth.events));
    if (isRight) return undefined;
    const believed = `${eventsText(events ?? [])}, last ${last}`;
    const right = `${eventsText(truth.events)}, last ${truth.last}`;
    return `was decided on a stale state (I29): ${believed}; right is ${right}`;
  }

  /** The caller was told that it is certainly not stored. */
  rejected(): void {
    this.#isRejected = true;
    this.#checkRejected();
  }

  #checkRejected(): void {
    const stored = this.landings.find(({ counts, offset }) => {
      const { losers } = this.#world.truth(this.id).at(offset + 1);
      return counts && !losers.some((loser) => loser.offset === offset);
    });
    if (stored === undefined) return;
    const { partition, offset } = stored;
    this.#world.violation(`${this.text} was rejected, and counts at ${partition}:${offset} (I28)`);
  }
}

function isEqual(a: readonly LiveEvent[], b: readonly LiveEvent[]): boolean {
  return (
    a.length === b.length &&
    a.every(({ seqNr, offset }, index) => seqNr === b[index]?.seqNr && offset === b[index]?.offset)
  );
}

/** Which call an action belongs to, by the object that was sent. */
export type SentActions = WeakMap<Action, HeldCall>;
