import { Queue } from '../../runtime/queue.ts';
import type { WaitingCommands } from '../entity/ask.ts';
import type { Entity } from '../entity/entity.ts';
import type { HostedState } from '../entity/entity-logic.ts';
import { type Envelope, isSentAgain } from '../entity/evaluated.ts';
import { judgeOverflow } from '../entity/stash-overflow.ts';

type StashDeps = Pick<Entity<HostedState>, 'persistenceId' | 'deps'> & {
  readonly settings: Pick<Entity<HostedState>['settings'], 'actor'>;
};

/** Of all stashes in which nothing is set aside; it stays empty. */
const nothing: never[] = [];

/**
 * What waits for a recovery or a write to end, in order of arrival; survives a restart of the
 * entity. What `decide` has stashed is counted apart: it may wait for a command that is still to
 * come, and that must find room.
 */
export class CommandStash implements WaitingCommands {
  readonly #deps: StashDeps;
  readonly #waiting = new Queue<Envelope>();
  #aside: Envelope[] = nothing;

  constructor(deps: StashDeps) {
    this.#deps = deps;
  }

  /** Tells the log of a command that has to wait. */
  note({ event: { type: command } }: Envelope): void {
    const { persistenceId, deps, settings } = this.#deps;
    if (!settings.actor.logStashing) return;
    deps.log.debug({ persistenceId, command, stashed: this.length }, 'a command is stashed');
  }

  /** Waiting, and set aside by `Decision.stash`. */
  get length(): number {
    return this.#waiting.length + this.#aside.length;
  }

  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  get hasCommand(): boolean {
    return [...this.#waiting].some((envelope) => !isSentAgain(envelope) && !envelope.ask?.settled);
  }

  /** A child or a timer of the entity has sent something that waits. */
  get hasInput(): boolean {
    return [...this.#waiting].some(isSentAgain);
  }

  /** A machine below the entity has sent something that waits. */
  get hasChildMessage(): boolean {
    return [...this.#waiting, ...this.#aside].some(({ fromChild }) => fromChild);
  }

  /**
   * False when it is full. An input of xstate's own always fits: its number is bounded by the
   * state.
   */
  offer(envelope: Envelope): boolean {
    if (!envelope.internal && !this.#hasRoom(() => this.#waiting.length)) return false;
    this.#waiting.push(envelope);
    return true;
  }

  #hasRoom(count: () => number): boolean {
    const { stashCapacity } = this.#deps.settings.actor;
    if (count() < stashCapacity) return true;
    this.dropSettled();
    return count() < stashCapacity;
  }

  /** What a command gets that has no room. */
  overflow({ event: command }: Envelope): ReturnType<typeof judgeOverflow> {
    const { persistenceId, settings } = this.#deps;
    const { stashOverflow, stashCapacity: capacity } = settings.actor;
    return judgeOverflow(stashOverflow, { persistenceId, command, capacity });
  }

  /** Whose asker has given up does not run: "not stored" was the answer. */
  next(): Envelope | undefined {
    let next = this.#waiting.shift();
    while (next?.ask?.settled === true) next = this.#waiting.shift();
    return next;
  }

  /** Forgets the commands whose askers have given up. */
  dropSettled(): void {
    this.#waiting.filter(({ ask }) => ask?.settled !== true);
    this.#aside = this.#aside.filter(({ ask }) => ask?.settled !== true);
  }

  /** Back to where they were taken from. */
  putBack(envelopes: readonly Envelope[]): void {
    if (envelopes.length > 0) this.#waiting.unshift(envelopes);
  }

  /** Keeps a command until the entity has changed; false when too many are kept already. */
  setAside(envelope: Envelope): boolean {
    if (!this.#hasRoom(() => this.#aside.length)) return false;
    if (this.#aside === nothing) this.#aside = [envelope];
    else this.#aside.push(envelope);
    this.note(envelope);
    return true;
  }

  /** The entity has changed: what was set aside goes first, in its order. */
  bringBack(): void {
    if (this.#aside.length === 0) return;
    this.#waiting.unshift(this.#aside);
    this.#aside = nothing;
  }

  /**
   * The entity starts over. A write that failed, or another process, may have changed it, so what
   * was set aside comes back. Children and timers start again, so what they had sent must not count
   * twice.
   */
  startOver(): void {
    this.bringBack();
    this.#waiting.filter((envelope) => !isSentAgain(envelope));
  }

  /** The timer was cancelled between its firing and its turn. */
  dropTimer(id: string): void {
    if (this.#waiting.length > 0) this.#waiting.filter((envelope) => envelope.timer !== id);
  }

  /** Takes out what callers have sent. */
  takeCommands(): readonly Envelope[] {
    this.bringBack();
    const commands = [...this.#waiting].filter((envelope) => !isSentAgain(envelope));
    this.#waiting.filter(isSentAgain);
    return commands;
  }

  drain(): readonly Envelope[] {
    this.bringBack();
    return this.#waiting.drain();
  }
}
