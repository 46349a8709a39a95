import type { HandOver } from '../actor/registry/entities.ts';
import { NotOwnerError } from '../model/errors.ts';
import type { Partition, Topic } from '../model/position.ts';
import type { Logger } from '../observability/logger.ts';
import type { FleetMember, FleetMembership, PartitionOwner } from '../ports/fleet-membership.ts';
import type { Clock } from '../runtime/clock.ts';
import { Occasion } from '../runtime/occasion.ts';
import { within } from '../runtime/waiting.ts';
import type { Release } from './calls/release-codec.ts';
import {
  type PartitionEffect,
  type PartitionFact,
  type PartitionState,
  partitionSteps,
} from './partition.machine.ts';

/** What the partitions of one process share. */
export interface PartitionDeps {
  readonly membership: Pick<FleetMembership, 'view' | 'isMember'>;
  readonly member: FleetMember;
  readonly handOverTimeoutMs: number;
  readonly log: Logger;
  readonly clock: Clock;
  /**
   * Asks the former owner to let the partition go, within bounds. Never rejects.
   *
   * @returns the later generation in which the former owner has got it again; `undefined` = this
   * process may begin
   */
  readonly release: (
    former: FleetMember,
    release: Release,
    signal: AbortSignal,
  ) => Promise<number | undefined>;
  /** Ends the entities of the partition; see `LocalEntities.handOver`. */
  readonly endEntities: (here: PartitionHere, how: HandOver) => Promise<void>;
  /** The partition is served here from now on, until `signal` fires. */
  readonly serve: (here: PartitionHere, signal: AbortSignal) => void;
  /** Something has changed that commands may wait for. */
  readonly changed: () => void;
}

/**
 * One partition as this process has it, or had it: `partition.machine.ts` draws its life. It is the
 * *place* of its entities.
 */
export class PartitionHere {
  readonly topic: Topic;
  readonly partition: Partition;
  readonly #deps: PartitionDeps;
  #state: PartitionState = 'elsewhere';
  /** The latest generation in which it was another process's, as far as others have said so. */
  #givenAwayIn = 0;
  /** Of the view in which this process took it last. */
  #takenIn = 0;
  /** The latest generation whose owner has heard that nothing of it is left here. */
  #letGoIn = 0;
  /** From whom this process took it last. */
  #former: FleetMember | undefined;
  /** Ends what goes on while the partition is served. */
  #serving = new AbortController();
  /** Ends the wait for the former owner. */
  #waiting = new AbortController();
  /** Settles when the former owner is gone; never rejects. */
  #letGo: Promise<void> = Promise.resolve();
  /** The hand-over that is under way. */
  #ending: object | undefined;
  readonly #ended = new Occasion();
  /** Journals of the partition that are being taken hold of. */
  readonly #holds = new Set<Promise<unknown>>();

  constructor(topic: Topic, partition: Partition, deps: PartitionDeps) {
    this.topic = topic;
    this.partition = partition;
    this.#deps = deps;
  }

  /** Its entities may work here, and what they answer is the newest there is. */
  get isServed(): boolean {
    return this.#deps.membership.isMember() && this.#state === 'serving';
  }

  /** Something of it is left here, or its new owner has still to hear that nothing is. */
  get isNeeded(): boolean {
    const { view } = this.#deps.membership;
    if (this.#state !== 'elsewhere' || view === undefined) return this.#state !== 'elsewhere';
    const share = view.topics.get(this.topic)?.[this.partition];
    if (share?.formerOwner?.id !== this.#deps.member.id) return false;
    return this.#letGoIn < (share.since || view.generation);
  }

  /** Compares the state with what is known of the owner now. */
  look(): void {
    const { membership, member } = this.#deps;
    // Before the view is read: the call may replace it by a newer one, and then answers `false` for
    // the old one. The second call answers for the new one, which says what became of this
    // partition.
    const isMember = membership.isMember() || membership.isMember();
    const { view } = membership;
    // Whoever was expelled gets a later generation when it joins again.
    if (view === undefined) this.#givenAwayIn = 0;
    if (view === undefined || !isMember) {
      this.#report('partition.lost');
      return;
    }
    // What has left the group, or was expelled, answers nobody any more.
    if (!view.members.some(({ id }) => id === this.#former?.id)) this.#waiting.abort();
    const share = view.topics.get(this.topic)?.[this.partition];
    const isOurs = share?.owner?.id === member.id && view.generation > this.#givenAwayIn;
    if (isOurs && !this.#wasElsewhere(share)) this.#report('partition.given');
    else this.#report('partition.moved');
  }

  /** It was given to this process anew: a view in which another one had it was missed. */
  #wasElsewhere({ since }: PartitionOwner): boolean {
    return (this.#state === 'taking' || this.#state === 'serving') && since > this.#takenIn;
  }

  /** In that generation another process has it, though the view may not say so yet. */
  giveAway(generation: number): void {
    this.#givenAwayIn = Math.max(this.#givenAwayIn, generation);
    this.look();
  }

  /**
   * The owner of that generation wants to begin. Resolves when nothing of the partition is left
   * here.
   *
   * @throws the abort reason when `signal` fires first
   */
  async letGo(generation: number, signal: AbortSignal): Promise<void> {
    this.giveAway(generation);
    if (this.#state === 'handingOver') await this.#ended.wait(signal);
    this.#letGoIn = Math.max(this.#letGoIn, generation);
    this.#deps.changed();
  }

  /**
   * A hand-over waits for this: it may take the right to write the partition. Never awaited long.
   */
  noteHold(holding: Promise<unknown>): void {
    this.#holds.add(holding);
    const forget = (): void => {
      this.#holds.delete(holding);
    };
    holding.then(forget, forget);
  }

  /** Nobody waits any more. */
  close(): void {
    this.#waiting.abort();
    this.#serving.abort(this.#reason());
  }

  #report(fact: PartitionFact): void {
    const step = partitionSteps[this.#state][fact];
    if (step === undefined) return;
    this.#state = step.state;
    for (const effect of step.effects) this.#perform(effect);
  }

  #perform(effect: PartitionEffect): void {
    const { log, changed, serve } = this.#deps;
    switch (effect) {
      case 'askFormerOwner':
        this.#take();
        break;
      case 'startServing':
        log.info({ ...this.#place(), from: this.#former?.address }, 'a partition is served here');
        this.#serving = new AbortController();
        serve(this, this.#serving.signal);
        changed();
        break;
      case 'endEntities':
        this.#handOver();
        break;
      case 'dropEntities':
        log.info(this.#place(), 'a partition was lost: its entities end at once');
        this.#drop();
        break;
      case 'noteElsewhere':
        this.#ended.fire();
        changed();
        // It may have been given to this process again meanwhile.
        this.look();
        break;
    }
  }

  #take(): void {
    const { membership, release } = this.#deps;
    const { generation = 0, topics } = membership.view ?? {};
    const former = topics?.get(this.topic)?.[this.partition]?.formerOwner;
    const { topic, partition } = this;
    this.#takenIn = generation;
    this.#former = former;
    this.#waiting = new AbortController();
    if (former === undefined) {
      this.#letGo = Promise.resolve();
      this.#report('former.gone');
      return;
    }
    const { signal } = this.#waiting;
    const letGo = release(former, { topic, partition, generation }, signal).then((keptIn) => {
      if (this.#letGo !== letGo) return; // lost meanwhile, and taken again
      if (keptIn !== undefined) this.giveAway(keptIn);
      else this.#report('former.gone');
    });
    this.#letGo = letGo;
  }

  #handOver(): void {
    const { log } = this.#deps;
    this.#serving.abort(this.#reason());
    const ending = {};
    this.#ending = ending;
    const ended = (): void => {
      if (this.#ending !== ending) return; // lost meanwhile
      log.info(this.#place(), 'a partition was handed over');
      this.#report('entities.ended');
    };
    this.#endAll().then(ended, (err) => {
      log.error({ ...this.#place(), err }, 'entities could not be ended in order');
      ended();
    });
  }

  async #endAll(): Promise<void> {
    const { endEntities, handOverTimeoutMs: limitMs, clock } = this.#deps;
    await Promise.all([this.#letGo, endEntities(this, { reason: this.#reason(), limitMs })]);
    if (this.#holds.size > 0) await within(Promise.allSettled(this.#holds), limitMs, clock);
  }

  #drop(): void {
    const { endEntities, log } = this.#deps;
    this.#ending = undefined;
    this.#waiting.abort();
    this.#serving.abort(this.#reason());
    endEntities(this, { reason: this.#reason(), limitMs: 0 }).catch((err) => {
      log.error({ ...this.#place(), err }, 'entities could not be ended');
    });
  }

  #reason(): NotOwnerError {
    const { topic, partition } = this;
    const owner = this.#deps.membership.view?.topics.get(topic)?.[partition]?.owner;
    const isKnown = owner !== undefined && owner.id !== this.#deps.member.id;
    const to = isKnown ? `moves to ${owner.address}` : 'is not of this process any more';
    return new NotOwnerError(`partition ${partition} of ${topic} ${to}`);
  }

  #place(): Readonly<Record<string, unknown>> {
    const { topic, partition } = this;
    return { topic, partition, generation: this.#deps.membership.view?.generation };
  }
}
