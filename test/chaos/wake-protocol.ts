/** What an entity is told to wait for. */
export interface Armed {
  readonly type: 'armed';
  /** Of up to three timers, ms. */
  readonly delays: readonly number[];
  readonly hasWork: boolean;
  /** No later process can recover the entity. */
  readonly isPoison: boolean;
}

/** The commands of one entity, in their order. */
export type WakePlan = readonly [id: string, commands: readonly (Armed | { type: 'ended' })[]];

/** From the parent to a process whose entities wait. */
export type ToWaking = 'stop' | { readonly arm: readonly WakePlan[] };

/** And back: it takes orders; what it was told to arm is stored. */
export type FromWaking = 'ready' | 'armed';

/** Waits for such timers, and no work. */
export const timers = (...delays: readonly number[]): Armed => {
  return { type: 'armed', delays, hasWork: false, isPoison: false };
};
