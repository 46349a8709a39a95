import type { FleetSettings } from '../../../src/config/settings/fleet-settings.ts';

/** Settings of a fleet that is quick to notice, for members on one machine. */
export function fleetSettings(own: Partial<FleetSettings> = {}): FleetSettings {
  return {
    group: 'g',
    sessionTimeoutMs: 2_000,
    heartbeatIntervalMs: 100,
    balanceDelayMs: 500,
    handOverTimeoutMs: 500,
    remote: {
      host: '127.0.0.1',
      port: 0,
      bindHost: undefined,
      token: undefined,
      maxCallsInFlight: 100,
      maxMessageBytes: 1_048_576,
      tls: undefined,
    },
    ...own,
  };
}
