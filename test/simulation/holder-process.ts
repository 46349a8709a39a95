import type { HeldJournal } from '../../src/journal/holding/held-journal.ts';
import { TenureHolder } from '../../src/journal/holding/tenure-holder.ts';
import { createJournals, type Journals } from '../../src/journal/journals.ts';
import { endByMarker, type ReadEnd } from '../../src/journal/read/ends.ts';
import type { FollowedBatch, FollowStart } from '../../src/ports/action-consumer.ts';
import type { ActionProducer } from '../../src/ports/action-producer.ts';
import type { CallOptions } from '../../src/ports/call-options.ts';
import type { EventualJournal } from '../../src/ports/eventual-journal.ts';
import type { Clock } from '../../src/runtime/clock.ts';
import type { Ends } from './checked-read.ts';
import { Client, thresholdsMs } from './client.ts';
import type { HeldCall } from './held-calls.ts';
import type { HolderPlan, HoldersPlan } from './holder-plan.ts';
import type { World } from './world.ts';

/** A journal that is held, and what is known of its calls. */
export interface Hold {
  readonly journal: HeldJournal;
  /** To which the next actions belong. */
  call: HeldCall | undefined;
  /** Where the ends of the read under way are noted. */
  ends: Ends | undefined;
}

/** One process of a service that holds the journals which it writes. */
export class HolderProcess {
  readonly client: Client;
  readonly #world: World;
  readonly #tenures: TenureHolder;
  readonly #readEnd: ReadEnd;
  /** Sleeps and followed partitions that have not ended. */
  #pending = 0;
  #isClosed = false;
  /** Partitions of which it has looked at R and W, and opened nothing since. */
  readonly #mayOpen = new Set<number>();

  constructor(world: World, name: string, { scope }: HolderPlan) {
    this.#world = world;
    this.client = new Client(world, name);
    const { parts } = this.client;
    const { holdingTimeMs, limitMs } = world.plan.holders as HoldersPlan;
    this.#tenures = new TenureHolder({
      ...parts,
      producer: this.#watched(parts.producer),
      eventual: this.#asked(parts.eventual),
      consumer: this.#counted(parts.consumer),
      clock: this.#countedClock(parts.clock),
      holder: name,
      holding: { scope, holdingTimeMs },
      limitMs,
      random: () => world.scheduler.random.next(),
    });
    const marks = { ...parts, producer: this.#tenures.watch(parts.producer) };
    this.#readEnd =
      world.plan.readEnd === 'offset' ? (parts.readEnd as ReadEnd) : endByMarker(marks);
  }

  /** It has died, or was closed, and somebody else does its work. */
  get isGone(): boolean {
    return this.#isClosed || this.client.process.isDead;
  }

  /** Nothing of what the holding did is left. */
  get isQuiet(): boolean {
    return this.client.process.isDead || (this.#pending === 0 && this.client.isIdle);
  }

  /** As an application shuts down: what is under way is left to itself. */
  close(): void {
    this.#isClosed = true;
    this.#tenures.close();
  }

  /** Journals as all of the process uses them that does not hold them. */
  get journals(): Journals {
    return this.#journalsWith(this.client.parts.producer, this.#readEnd);
  }

  async hold(id: string): Promise<Hold> {
    const notes: { call: HeldCall | undefined; ends: Ends | undefined } = {
      call: undefined,
      ends: undefined,
    };
    const { sent } = this.#world;
    const { producer } = this.client.parts;
    const noting: ActionProducer = {
      produce: (action, options) => {
        if (notes.call !== undefined && action.header.type !== 'mark') sent.set(action, notes.call);
        return producer.produce(action, options);
      },
      [Symbol.asyncDispose]: () => Promise.resolve(),
    };
    const readEnd: ReadEnd = {
      find: async (key, options) => {
        const end = await this.#readEnd.find(key, options);
        notes.ends?.offsets.push(end.offset);
        return end;
      },
      check: (key, row, end) => this.#readEnd.check(key, row, end),
      watch: (watched) => this.#readEnd.watch?.(watched) ?? watched,
    };
    const journals = this.#journalsWith(noting, readEnd);
    const journal = await journals.hold(this.#world.key(id));
    return Object.assign(notes, { journal });
  }

  #journalsWith(producer: ActionProducer, readEnd: ReadEnd): Journals {
    const deps = { ...this.client.parts, producer, readEnd, tenures: this.#tenures };
    return createJournals(deps, thresholdsMs);
  }

  /** An opening mark is sent only after a look at whether the replicator keeps them. */
  #watched(producer: ActionProducer): ActionProducer {
    return {
      produce: (action, options) => {
        const { header } = action;
        if (header.type === 'mark' && header.opens !== undefined) {
          const partition = this.#world.log.partitionOf(action.key.id);
          const wasAsked = this.#mayOpen.delete(partition);
          if (!wasAsked) this.#world.violation(`${this.#name} opens where W is before R (I30)`);
        }
        return producer.produce(action, options);
      },
      [Symbol.asyncDispose]: () => Promise.resolve(),
    };
  }

  #asked(eventual: EventualJournal): EventualJournal {
    return {
      offset: async (topic, partition, options) => {
        const replicated = await eventual.offset(topic, partition, options);
        if (replicated === undefined) this.#mayOpen.add(partition);
        return replicated;
      },
      lastTenure: async (place, upTo, options) => {
        const last = await eventual.lastTenure(place, upTo, options);
        if (last !== 'unknown') this.#mayOpen.add(place.partition);
        return last;
      },
      pointer: (key, options) => eventual.pointer(key, options),
      read: (key, range, options) => eventual.read(key, range, options),
      ids: (topic, options) => eventual.ids(topic, options),
      [Symbol.asyncDispose]: () => Promise.resolve(),
    };
  }

  get #name(): string {
    return this.client.process.name;
  }

  #countedClock(clock: Clock): Clock {
    return {
      nowMs: () => clock.nowMs(),
      steadyMs: () => clock.steadyMs(),
      sleep: async (ms, options) => {
        this.#pending++;
        try {
          await clock.sleep(ms, options);
        } finally {
          this.#pending--;
        }
      },
    };
  }

  #counted(consumer: Client['parts']['consumer']): Client['parts']['consumer'] {
    const entered = (): void => void this.#pending++;
    const left = (): void => void this.#pending--;
    return {
      read: (range, options) => consumer.read(range, options),
      partitionCount: (topic, options) => consumer.partitionCount(topic, options),
      endOffset: (topic, partition, options) => consumer.endOffset(topic, partition, options),
      async *follow(start: FollowStart, options?: CallOptions): AsyncGenerator<FollowedBatch> {
        entered();
        try {
          yield* consumer.follow(start, options);
        } finally {
          left();
        }
      },
      [Symbol.asyncDispose]: () => Promise.resolve(),
    };
  }
}
