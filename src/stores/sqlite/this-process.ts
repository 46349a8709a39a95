import { statSync } from 'node:fs';
import { hostname } from 'node:os';

/** How rows of the file name this process, so that others see whether it still runs. */
export function nameOfProcess(): string {
  return `${placeOfProcess()}/${process.pid}`;
}

/**
 * True when a process of this place has that name, or one that begins with it and a slash, and has
 * ended. A live one, and one of another place, may only expire.
 */
export function isGone(name: string): boolean {
  const [place, pid] = name.split('/');
  if (place !== placeOfProcess() || pid === undefined) return false;
  try {
    process.kill(Number(pid), 0);
    return false;
  } catch (error) {
    return (error as { code?: unknown }).code === 'ESRCH';
  }
}

/**
 * Where a process id names one process. Containers may have the name of their host, or share one,
 * and each counts its processes by itself: a live process of another one would look dead.
 */
function placeOfProcess(): string {
  try {
    return `${hostname()}:${statSync('/proc/self/ns/pid').ino}`;
  } catch {
    // Only Linux has such namespaces.
    return hostname();
  }
}
