import type { RemoteSettings } from '../config/settings/fleet-settings.ts';
import { ConfigError } from '../model/errors.ts';
import type { Logger } from '../observability/logger.ts';
import type { RemoteCalls, RemoteHandler } from '../ports/remote-calls.ts';
import type { Clock } from '../runtime/clock.ts';
import { defaultLimits, type RemoteLimits } from './protocol.ts';
import { RemoteClient } from './remote-client.ts';
import { RemoteServer } from './remote-server.ts';

/** What the calls of a process work with. */
export interface RemoteCallsDeps {
  readonly log: Logger;
  readonly clock: Clock;
}

/**
 * Calls over HTTP, or HTTPS where the settings name certificates. Resolves once it listens.
 *
 * @param options other time limits than the usual ones
 * @throws {ConfigError} it cannot listen at the host and port (the message names both), or the
 *   certificates cannot be used
 */
export async function openHttpRemoteCalls(
  settings: RemoteSettings,
  handler: RemoteHandler,
  { log, clock }: RemoteCallsDeps,
  options?: Partial<RemoteLimits>,
): Promise<RemoteCalls> {
  const { host, tls } = settings;
  const origin = `${tls === undefined ? 'http' : 'https'}://${host.includes(':') ? `[${host}]` : host}`;
  if (!URL.canParse(`${origin}:1`)) {
    const message = `must be the name or the IP address of a host, not ${host}`;
    throw new ConfigError([
      { path: 'fleet.remote.host', file: undefined, line: undefined, message },
    ]);
  }
  const limits = { ...defaultLimits, ...options };
  const server = await RemoteServer.open(settings, { handler, log, clock, limits });
  const client = new RemoteClient(settings, clock, limits);
  return {
    address: `${origin}:${server.port}`,
    call: (address, request, callOptions) => client.call(address, request, callOptions),
    async [Symbol.asyncDispose]() {
      client.dispose();
      await server[Symbol.asyncDispose]();
    },
  };
}
