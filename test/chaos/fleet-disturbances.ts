/** What happens to an instance. */
export type Fault = 'kill' | 'freeze' | 'cut off from Kafka' | 'cut off from its peers';

/** What happened to an instance, and when, by `monotonicMs`. */
export interface Disturbance {
  readonly what: Fault;
  readonly instance: string;
  readonly fromMs: number;
  /** Infinite while it goes on, and for ever after a kill. */
  toMs: number;
}

/** The one of an instance that overlaps a span of time. */
export function disturbanceOf(
  disturbances: readonly Disturbance[],
  instance: string,
  { fromMs, toMs }: { readonly fromMs: number; readonly toMs: number },
): Disturbance | undefined {
  return disturbances.find(
    (each) => each.instance === instance && each.fromMs <= toMs && each.toMs >= fromMs,
  );
}
