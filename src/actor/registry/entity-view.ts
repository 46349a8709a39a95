import type { NotOwnerError } from '../../model/errors.ts';

/** What a registry needs to know of an entity. */
export interface EntityView {
  readonly work: WorkView;
  /**
   * Resolves when it has ended; see `LocalEntities.handOver`. A write that fails does not reject
   * this: those who asked hear of it.
   */
  handOver(reason: NotOwnerError): Promise<void>;
  /** Nothing of it goes on; resolves when it has ended, and rejects as little as `handOver`. */
  drop(reason: NotOwnerError): Promise<void>;
}

/** What an entity has in hand, and what it waits for. */
export interface WorkView {
  /** 0 = never. */
  readonly passivateAfterMs: number;
  /** When the next delayed event is due, ms since the epoch. */
  readonly nextTimerMs: number | undefined;
  /** The same when it was live last; `'unknown'` = it has never recovered. */
  readonly wasDueMs: number | 'unknown' | undefined;
  /** It had something to do when it was lost, failed or was stopped. */
  readonly isLeft: boolean;
  /** It has recovered, and nothing happens to it before its next command. */
  readonly waitsForNothing: boolean;
  /** It starts since it waits for something: if its journal is empty by then, it begins nothing. */
  startsByItself(): void;
  /** Nothing to do, nothing due within `ms`, no child at work: it may be passivated. */
  isIdleFor(ms: number): boolean;
}
