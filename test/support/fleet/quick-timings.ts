import type { FleetTimings } from '../../../src/stores/sqlite/fleet/sqlite-fleet-membership.ts';

/** Of a fleet that is quick to notice, for members on one machine. */
export function quickTimings(own: Partial<FleetTimings> = {}): FleetTimings {
  const quick = { sessionTimeoutMs: 2_000, heartbeatIntervalMs: 100, balanceDelayMs: 500 };
  return { group: 'g', ...quick, ...own };
}
