import type { SimulatedTime } from './simulated-time.ts';

/** A child at work, which ends when the history says so. */
export interface Work {
  readonly site: string;
  readonly input: unknown;
  readonly done?: (value: number) => void;
  readonly fail?: (error: unknown) => void;
  readonly next?: (value: number) => void;
  readonly tell?: (value: number) => void;
}

/** An action of ours that threw: the actor ends, live as in plain xstate. */
export class ActionCrashed extends Error {}

/** What one process does that can be seen from outside. */
export class Lab {
  readonly time: SimulatedTime;
  /** What was done since the last look, in order. */
  seen: string[] = [];
  /** Errors that children ended with. */
  readonly childErrors = new Set<unknown>();
  #works: Work[] = [];
  /** Nothing is seen: the process has died, or its doings are lost. */
  muted = false;
  /** The process lives, but what is begun is not seen: the write of the event failed. */
  unseen = false;
  /** What actors send is lost. */
  silent = false;
  /** Actions that would throw do not. */
  calm = false;

  constructor(time: SimulatedTime) {
    this.time = time;
  }

  see(text: string): void {
    if (!this.isHidden) this.seen.push(text);
  }

  get isHidden(): boolean {
    return this.muted || this.unseen;
  }

  /** A child that was seen to begin is put away. */
  seeEnd(text: string): void {
    if (!this.muted) this.seen.push(text);
  }

  take(): readonly string[] {
    const { seen } = this;
    this.seen = [];
    return seen;
  }

  begin(work: Work): void {
    if (this.isHidden) return;
    this.see(`${work.site} begins ${JSON.stringify(work.input)}`);
    this.#works.push(work);
  }

  end(work: Work): void {
    this.#works = this.#works.filter((other) => other !== work);
  }

  /** Who works, in an order that does not depend on the process. */
  get works(): readonly Work[] {
    return this.#works.toSorted((a, b) => (a.site < b.site ? -1 : a.site > b.site ? 1 : 0));
  }
}
