import type { HandOver } from '../actor/registry/entities.ts';
import { partitionOf } from '../codec/java-hash.ts';
import type { FleetSettings } from '../config/settings/fleet-settings.ts';
import { NotOwnerError, RemoteCallError } from '../model/errors.ts';
import type { Key } from '../model/key.ts';
import type { Partition, Topic } from '../model/position.ts';
import type { Logger } from '../observability/logger.ts';
import type { FleetMember, FleetMembership } from '../ports/fleet-membership.ts';
import type { RemoteCalls } from '../ports/remote-calls.ts';
import type { Clock } from '../runtime/clock.ts';
import { Occasion } from '../runtime/occasion.ts';
import { type Backoff, backoffDelayMs } from '../runtime/retry.ts';
import { decodeRefusal, type Refusal } from './calls/refusal-codec.ts';
import { encodeRelease, type Release } from './calls/release-codec.ts';
import { type PartitionDeps, PartitionHere } from './partition-here.ts';

/** What the ownership of partitions rests on. */
export interface OwnershipDeps {
  readonly member: FleetMember;
  readonly membership: FleetMembership;
  readonly calls: RemoteCalls;
  readonly settings: FleetSettings;
  readonly log: Logger;
  readonly clock: Clock;
  /** 0 <= value < 1; decides the jitter of a backoff. */
  readonly random: () => number;
  /** Ends the entities of a partition. */
  readonly endEntities: (here: PartitionHere, how: HandOver) => Promise<void>;
  readonly serve: PartitionDeps['serve'];
  /** The view may have changed. */
  readonly looked: () => void;
}

/** Where an entity is, as the view of the moment says. */
export interface Whereabouts {
  readonly topic: Topic;
  /** `undefined` = the view does not know the topic. */
  readonly partition: Partition | undefined;
  /** Of the view; 0 = there is none. */
  readonly generation: number;
  readonly owner: FleetMember | undefined;
  /** Set when this process is the owner, also while it does not serve the partition yet. */
  readonly here: PartitionHere | undefined;
}

/** What a former owner may take beyond `hand-over-timeout` to answer. */
const spareMs = 500;
/** A refusal comes sooner, whoever gives it. */
const silentMs = 400;
const releaseBackoff: Backoff = { initialMs: 10, maxMs: 250 };

/** Which partitions this process has, and which process has the others. */
export class Ownership {
  readonly #deps: OwnershipDeps;
  readonly #partitionDeps: PartitionDeps;
  readonly #heres = new Map<Topic, Map<Partition, PartitionHere>>();
  readonly #news = new Occasion();
  readonly #closing = new AbortController();
  readonly #stopListening: () => void;

  constructor(deps: OwnershipDeps) {
    this.#deps = deps;
    const { membership, member, settings, log, clock, endEntities, serve } = deps;
    this.#partitionDeps = {
      membership,
      member,
      handOverTimeoutMs: settings.handOverTimeoutMs,
      log,
      clock,
      release: (...of) => this.#askToLetGo(...of),
      endEntities,
      serve,
      changed: () => this.#news.fire(),
    };
    this.#stopListening = membership.onChange(() => {
      this.#look();
      this.#news.fire();
    });
    this.#look();
    this.#watch().catch(() => {}); // closed
  }

  /** Whether what this process has not given away is surely still its own. */
  get isMember(): boolean {
    return this.#deps.membership.isMember();
  }

  /** Why this process is no member of the fleet; `undefined` = it is one, or that is not known. */
  get trouble(): Error | undefined {
    const { view, trouble } = this.#deps.membership;
    return view === undefined ? trouble : undefined;
  }

  /**
   * Some partition is served here, is being taken, or is not yet in the hands of its next owner.
   */
  get isNeeded(): boolean {
    return this.#all().some((here) => here.isNeeded);
  }

  find({ topic, id }: Key): Whereabouts {
    const { view } = this.#deps.membership;
    const owners = view?.topics.get(topic) ?? [];
    const generation = view?.generation ?? 0;
    if (owners.length === 0) {
      return { topic, partition: undefined, generation, owner: undefined, here: undefined };
    }
    const partition = partitionOf(Buffer.from(id, 'utf8'), owners.length);
    const owner = owners[partition]?.owner;
    const isOurs = owner?.id === this.#deps.member.id;
    const here = isOurs ? this.#hereOf(topic, partition) : undefined;
    // The lease may have come back without a new view.
    if (here?.isServed === false) here.look();
    return { topic, partition, generation, owner, here };
  }

  /** Why an entity with that key does not belong here at the moment. */
  notHere(key: Key, what: string): NotOwnerError {
    const { topic, partition, generation, owner, here } = this.find(key);
    const place = partition === undefined ? `topic ${topic}` : `partition ${partition} of ${topic}`;
    const state =
      here !== undefined
        ? 'is being taken over by this process: try again'
        : owner === undefined
          ? 'has no owner at the moment: try again'
          : `is of ${owner.address}`;
    const text = `${what} is not here: ${place} ${state} (generation ${generation})`;
    return new NotOwnerError(text, { cause: this.trouble });
  }

  /**
   * Resolves with the next change of a partition or of the view, or after `ms`.
   *
   * @throws the abort reason when `signal` fires first
   */
  async news(ms: number, signal: AbortSignal): Promise<void> {
    const over = new AbortController();
    const either = AbortSignal.any([over.signal, signal]);
    try {
      const sleep = this.#deps.clock.sleep(ms, { signal: either });
      await Promise.race([this.#news.wait(either), sleep]);
    } finally {
      over.abort('over');
    }
  }

  /**
   * Another process asks for a partition that was its own, or is so in a later view than ours.
   *
   * @returns why not; `undefined` = nothing of it is left here
   * @throws the abort reason when `signal` fires first
   */
  async letGo(
    { topic, partition, generation }: Release,
    signal: AbortSignal,
  ): Promise<Refusal | undefined> {
    const { membership, member } = this.#deps;
    const { view } = membership;
    const owner = view?.topics.get(topic)?.[partition]?.owner;
    if (view !== undefined && owner?.id === member.id && view.generation > generation) {
      return { reason: 'not-owner', owner: member, generation: view.generation };
    }
    await this.#heres.get(topic)?.get(partition)?.letGo(generation, signal);
    return undefined;
  }

  /** Nothing is taken or handed over any more. */
  close(reason: Error): void {
    this.#stopListening();
    this.#closing.abort(reason);
    for (const here of this.#all()) here.close();
    this.#news.fire();
  }

  /** A lease that runs out makes no event of its own. */
  async #watch(): Promise<void> {
    const { clock, settings } = this.#deps;
    for (;;) {
      await clock.sleep(settings.heartbeatIntervalMs, { signal: this.#closing.signal });
      this.#look();
    }
  }

  #look(): void {
    const { view } = this.#deps.membership;
    for (const [topic, owners] of view?.topics ?? []) {
      owners.forEach(({ owner }, partition) => {
        if (owner?.id === this.#deps.member.id) this.#hereOf(topic, partition as Partition);
      });
    }
    for (const here of this.#all()) here.look();
    this.#deps.looked();
  }

  #all(): readonly PartitionHere[] {
    return [...this.#heres.values()].flatMap((partitions) => [...partitions.values()]);
  }

  #hereOf(topic: Topic, partition: Partition): PartitionHere {
    let partitions = this.#heres.get(topic);
    if (partitions === undefined) {
      partitions = new Map();
      this.#heres.set(topic, partitions);
    }
    let here = partitions.get(partition);
    if (here === undefined) {
      here = new PartitionHere(topic, partition, this.#partitionDeps);
      partitions.set(partition, here);
    }
    return here;
  }

  /**
   * Asks until the former owner answers. One that refuses connections, or the call, holds nothing
   * up for longer than its hand-over may take. One that is silent may stand still, also where
   * nothing was sent: the kernel takes connections for it. When it goes on, it believes in its
   * lease, and would answer with what it knew before. So its lease has to be over first; the group
   * expels it within that time, which ends the wait. By then, commands for it may have used up the
   * calls that may be under way here, so this call is urgent.
   */
  async #askToLetGo(
    former: FleetMember,
    release: Release,
    signal: AbortSignal,
  ): Promise<number | undefined> {
    const { calls, clock, settings, random, log } = this.#deps;
    const request = { name: 'release', body: encodeRelease(release) };
    const timeoutMs = settings.handOverTimeoutMs + spareMs;
    const startMs = clock.steadyMs();
    let limitMs = timeoutMs;
    for (let attempt = 1; !signal.aborted; attempt++) {
      let failure: unknown;
      const askedMs = clock.steadyMs();
      try {
        const options = { timeoutMs, signal, isUrgent: true };
        const response = await calls.call(former.address, request, options);
        if (response.type === 'answered') return undefined;
        const refusal = decodeRefusal(response.body);
        const isLater = refusal.reason === 'not-owner' && refusal.generation > release.generation;
        if (isLater) return refusal.generation;
      } catch (error) {
        failure = error;
        const isNotTaken = error instanceof RemoteCallError && error.stored === 'no';
        const isSilent = !isNotTaken || clock.steadyMs() - askedMs >= silentMs;
        // For good: a later call that fails at once does not show that it goes on.
        if (isSilent) limitMs = Math.max(timeoutMs, settings.sessionTimeoutMs);
      }
      if (signal.aborted) break;
      if (clock.steadyMs() - startMs >= limitMs) {
        const fields = { ...release, from: former.address, err: failure };
        log.warn(fields, 'the former owner did not let a partition go; it is taken all the same');
        break;
      }
      const delayMs = backoffDelayMs(releaseBackoff, attempt, random());
      await clock.sleep(delayMs, { signal }).catch(() => {}); // aborted: seen above
    }
    return undefined;
  }
}
