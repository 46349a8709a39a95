import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { promisify } from 'node:util';

const sampleEveryMs = 500;
const run = promisify(execFile);

/** Resident memory of a process over time, in MB. */
export interface MemoryCourse {
  /** Median of the first quarter of the time. */
  readonly firstMb: number;
  /** Median of the last quarter. */
  readonly lastMb: number;
  readonly peakMb: number;
  readonly samples: number;
}

/** Samples the resident memory of another process until it is stopped. */
export class MemoryWatch {
  readonly #samples: number[] = [];
  readonly #timer: NodeJS.Timeout;

  constructor(pid: number) {
    const sample = async (): Promise<void> => {
      const mb = await residentMb(pid);
      if (mb !== undefined) this.#samples.push(mb);
    };
    this.#timer = setInterval(() => void sample(), sampleEveryMs);
  }

  stop(): MemoryCourse {
    clearInterval(this.#timer);
    const samples = this.#samples;
    const quarter = Math.max(1, Math.floor(samples.length / 4));
    return {
      firstMb: medianOf(samples.slice(0, quarter)),
      lastMb: medianOf(samples.slice(-quarter)),
      peakMb: Math.max(...samples),
      samples: samples.length,
    };
  }
}

/**
 * Linux says it in a file; elsewhere `ps` does, which costs much more. `undefined` once the process
 * has ended.
 */
async function residentMb(pid: number): Promise<number | undefined> {
  try {
    if (existsSync('/proc/self/status')) {
      const status = readFileSync(`/proc/${pid}/status`, 'utf8');
      return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) / 1_024;
    }
    const { stdout } = await run('ps', ['-o', 'rss=', '-p', String(pid)]);
    return Number(stdout) / 1_024;
  } catch {
    return undefined;
  }
}

function medianOf(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}
