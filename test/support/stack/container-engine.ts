import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const engineTimeoutMs = 2_000;
const run = promisify(execFile);

/** True when `docker info` gets an answer within two seconds. */
export async function engineAnswers(): Promise<boolean> {
  try {
    const format = ['--format', '{{.ServerVersion}}'];
    const { stdout } = await run('docker', ['info', ...format], { timeout: engineTimeoutMs });
    return stdout.trim() !== '';
  } catch {
    return false;
  }
}
