import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Below the range from which systems take ports for outgoing connections, so that a client cannot
 * take a stopped server's port before it restarts.
 */
const firstPort = 20_000;
const lastPort = 29_999;
const attempts = 200;

/** A killed Java process may hold its ports for a moment. */
const releaseTimeoutMs = 3_000;
const releasePollMs = 50;

const given = new Set<number>();

/** A port of the loopback address that nobody listens on and that was not given out before. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < attempts; attempt += 1) {
    const port = firstPort + Math.floor(Math.random() * (lastPort - firstPort + 1));
    if (given.has(port) || !(await isFree(port))) continue;
    given.add(port);
    return port;
  }
  throw new Error(`no free port found in ${firstPort}-${lastPort} after ${attempts} attempts`);
}

/**
 * Waits until nobody listens on the ports. A server left over from elsewhere would answer in place
 * of ours.
 *
 * @throws when one is still taken after 3 s
 */
export async function waitUntilFree(ports: readonly number[]): Promise<void> {
  const deadline = Date.now() + releaseTimeoutMs;
  for (const port of ports) {
    while (!(await isFree(port))) {
      if (Date.now() > deadline) throw new Error(`port ${port} is taken by another process`);
      await sleep(releasePollMs);
    }
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
