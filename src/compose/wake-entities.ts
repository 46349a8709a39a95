import type { OpenEntity } from '../fleet/fleet.ts';
import { PartitionScout, type ScoutDeps } from '../journal/waking/partition-scout.ts';
import { PartitionWaker, type SettledSuspects } from '../journal/waking/partition-waker.ts';
import { AccessDeniedError, NotSetUpError } from '../model/errors.ts';
import type { Key } from '../model/key.ts';
import type { Partition, Topic } from '../model/position.ts';
import type { WakeUpPlace } from '../model/wake-up.ts';
import type { ActionConsumer } from '../ports/action-consumer.ts';

/** What waking the entities of one section works with. */
export interface WakeEntitiesDeps extends Omit<ScoutDeps, 'open' | 'types' | 'consumer'> {
  readonly consumer: Pick<ActionConsumer, 'follow' | 'endOffset' | 'partitionCount'>;
  readonly persistenceIdsOf: (key: Key) => readonly string[];
}

const retryMs = 5_000;
/** Where nothing can be held, it is asked again after that time. */
const notSetUpPauseMs = 60_000;

/** Wakes the entities of one section of journals. What it begins ends with its signal. */
export class WakeEntities {
  readonly #deps: WakeEntitiesDeps;
  readonly #running = new Set<Promise<void>>();
  /** By partition: it may come back, and what was found out of its suspects still holds then. */
  readonly #settled = new Map<string, SettledSuspects>();
  #hasWarned = false;
  #types = 0;

  constructor(deps: WakeEntitiesDeps) {
    this.#deps = deps;
  }

  /** One more type of entities is registered. */
  typeAdded(): void {
    this.#types++;
  }

  /** Those of a partition that belongs to this process until `signal` fires. */
  inPartition(place: WakeUpPlace, open: OpenEntity, signal: AbortSignal): void {
    const name = `${place.topic}:${place.partition}`;
    const settled: SettledSuspects = this.#settled.get(name) ?? new Map();
    this.#settled.set(name, settled);
    const waker = new PartitionWaker(place, this.#depsWith(open), settled);
    this.#note(this.#again(signal, () => waker.run(signal)));
  }

  /** Those of a topic whose partitions belong to nobody. */
  inTopic(topic: Topic, open: OpenEntity, signal: AbortSignal): void {
    const { consumer } = this.#deps;
    const deps = this.#depsWith(open);
    const scout = (partition: number): Promise<void> => {
      const place = { topic, partition: partition as Partition };
      const scout = new PartitionScout(place, deps);
      return this.#again(signal, () => scout.run(signal));
    };
    this.#note(
      this.#again(signal, async () => {
        const count = await consumer.partitionCount(topic, { signal });
        if (count === undefined) return; // made with its first record
        await Promise.all(Array.from({ length: count }, (_, partition) => scout(partition)));
      }),
    );
  }

  /** Resolves when everything has ended whose signal has fired; never rejects. */
  async settled(): Promise<void> {
    await Promise.all(this.#running);
  }

  async #again(signal: AbortSignal, work: () => Promise<void>): Promise<void> {
    const { clock, log } = this.#deps;
    while (!signal.aborted) {
      let pauseMs = retryMs;
      await work().catch((err: unknown) => {
        if (signal.aborted) return;
        if (err instanceof NotSetUpError) pauseMs = notSetUpPauseMs;
        // Where nothing can be held, or read, the same is so in all partitions: that is said once.
        const isLasting = err instanceof NotSetUpError || err instanceof AccessDeniedError;
        const isNews = isLasting && !this.#hasWarned;
        this.#hasWarned ||= isNews;
        log[isNews ? 'warn' : 'debug']({ err }, cannotWake);
      });
      await clock.sleep(pauseMs, { signal }).catch(() => {});
    }
  }

  #depsWith(open: OpenEntity): ScoutDeps {
    return { ...this.#deps, open: this.#openBy(open), types: () => this.#types };
  }

  #openBy(open: OpenEntity): ScoutDeps['open'] {
    return async (key) => {
      for (const persistenceId of this.#deps.persistenceIdsOf(key)) {
        const opening = open(persistenceId);
        if (opening !== undefined) return await opening;
      }
      return undefined;
    };
  }

  #note(running: Promise<void>): void {
    this.#running.add(running);
    const forget = (): void => {
      this.#running.delete(running);
    };
    running.then(forget, forget);
  }
}

const cannotWake = 'entities cannot be woken at the moment; it is tried again';
