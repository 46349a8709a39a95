import type { Offset } from '../model/position.ts';
import type { WakeUpEntry, WakeUpPlace } from '../model/wake-up.ts';
import type { CallOptions } from './call-options.ts';

/** The wake-ups of entities as the replicator has stored them. It is only read here. */
export interface WakeUps {
  until(place: WakeUpPlace, options?: CallOptions): Promise<Offset | undefined>;
  due(place: WakeUpPlace, toMs: number, options?: CallOptions): AsyncIterable<WakeUpEntry>;
}
