import { DuplicateEntityError } from '../../model/errors.ts';

/** What the registry of live entities needs to know of one. */
export interface LiveEntity {
  readonly persistenceId: string;
  readonly entity: {
    /** It has the name by which logs and inspectors know it. */
    readonly self: { readonly sessionId: string };
    /** It ends with its turn that is under way, before anything else has one. */
    readonly isToldToStop: boolean;
  };
  /** It was spawned or invoked by another actor, which alone may stop it. */
  readonly hasParent: boolean;
  /**
   * Waits for the write in hand, then ends the entity. A write that fails does not reject this:
   * those who asked hear of it.
   */
  shutDown(): Promise<void>;
}

/** All live entities of the process, and the guard that an id has one of them. */
export class LiveEntities {
  readonly #all = new Set<LiveEntity>();
  readonly #writers = new Map<string, LiveEntity>();
  readonly #lingering = new WorkById();
  /** Snapshots being saved, and deletions, also of entities that have ended since. */
  readonly upkeep = new WorkById();

  /**
   * A parent may stop its child and start it again in answer to a message: in the turn in which the
   * child sends that.
   *
   * @throws {DuplicateEntityError} another live entity has the id, and `guard` is on
   */
  claim(entity: LiveEntity, guard: boolean): void {
    const { persistenceId } = entity;
    const other = guard ? this.#writers.get(persistenceId) : undefined;
    if (other?.entity.isToldToStop === true) this.linger(persistenceId, Promise.resolve());
    else if (other !== undefined) {
      const [first, second] = [other, entity].map(({ entity: { self } }) => self.sessionId);
      const text = `"${persistenceId}" has a live actor in this process already: ${first}`;
      throw new DuplicateEntityError(`${text}, so ${second} does not start`);
    }
    this.#all.add(entity);
    if (guard) this.#writers.set(persistenceId, entity);
  }

  /** `write` = what the entity had under way when it ended: its successor waits for that. */
  release(entity: LiveEntity, write: Promise<unknown> | undefined): void {
    const { persistenceId } = entity;
    if (!this.#all.delete(entity)) return;
    if (this.#writers.get(persistenceId) === entity) this.#writers.delete(persistenceId);
    if (write !== undefined) this.linger(persistenceId, write);
  }

  /** From now on an entity of this id that starts waits for `work` before it recovers. */
  linger(persistenceId: string, work: Promise<unknown>): void {
    this.#lingering.add(persistenceId, work);
  }

  /**
   * The write that an earlier entity of this id has left under way, or other work on its journal,
   * until it settles; never rejects.
   */
  lingeringWrite(persistenceId: string): Promise<void> | undefined {
    return this.#lingering.of(persistenceId);
  }

  /** A live entity of this id. */
  find(persistenceId: string): LiveEntity | undefined {
    for (const entity of this.#all) if (entity.persistenceId === persistenceId) return entity;
    return undefined;
  }

  get size(): number {
    return this.#all.size;
  }

  [Symbol.iterator](): Iterator<LiveEntity> {
    return [...this.#all][Symbol.iterator]();
  }
}

/** What is under way for entities, by their ids. */
class WorkById {
  readonly #all = new Map<string, Promise<void>>();

  add(id: string, work: Promise<unknown>): void {
    const earlier = this.#all.get(id);
    const forget = (): void => {
      if (this.#all.get(id) === settled) this.#all.delete(id);
    };
    const settled: Promise<void> = Promise.allSettled([earlier, work]).then(forget);
    this.#all.set(id, settled);
  }

  /** Resolves when all of it has settled; `undefined` = there is none. */
  of(id: string): Promise<void> | undefined {
    return this.#all.get(id);
  }
}
