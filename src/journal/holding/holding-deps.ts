import type { Clock } from '../../runtime/clock.ts';
import type { JournalDeps } from '../journal-deps.ts';

/** How tenures are held; `tenure` of a journal's section. */
export interface HoldingSettings {
  /** Services that share a topic, but never a journal, have different ones. */
  readonly scope: string;
  /**
   * So long another process keeps a partition that it has opened, and up to half as long again by
   * chance: two processes that are asked for entities of one partition make progress in turn.
   */
  readonly holdingTimeMs: number;
}

/** What tenures are opened and held with; all of it stays the caller's. */
export interface HoldingDeps
  extends Pick<
    JournalDeps,
    'producer' | 'consumer' | 'eventual' | 'log' | 'origin' | 'randomUuid'
  > {
  readonly clock: Clock;
  /** A UUID of this process, for messages and to know the own opening mark again. */
  readonly holder: string;
  /** Where other processes reach this one, once that is known; opening marks say it. */
  readonly address?: () => string | undefined;
  readonly holding: HoldingSettings;
  /**
   * The process shares the partitions with the others of a fleet: that one is taken over is usual.
   */
  readonly hasFleet?: boolean;
  /** How long it may take to know whether a write counts, or to see the own opening mark, in ms. */
  readonly limitMs: number;
  /** 0 <= value < 1; decides the jitter. */
  readonly random: () => number;
}
