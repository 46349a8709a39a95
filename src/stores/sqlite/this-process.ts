import { hostname } from 'node:os';

/** How rows of the file name this process, so that others see whether it still runs. */
export function nameOfProcess(): string {
  return `${hostname()}/${process.pid}`;
}

/**
 * True when a process of this host has that name, or one that begins with it and a slash, and has
 * ended. A live one, and one of another host, may only expire.
 */
export function isGone(name: string): boolean {
  const [host, pid] = name.split('/');
  if (host !== hostname() || pid === undefined) return false;
  try {
    process.kill(Number(pid), 0);
    return false;
  } catch (error) {
    return (error as { code?: unknown }).code === 'ESRCH';
  }
}
