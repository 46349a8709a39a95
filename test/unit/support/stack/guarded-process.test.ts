import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { expect } from 'chai';

import { spawnGuarded } from '../../../support/stack/guarded-process.ts';
import { isAlive } from '../../../support/stack/process-end.ts';

const module = fileURLToPath(new URL('../../../support/stack/guarded-process.ts', import.meta.url));

/** A process that guards a `sleep`, prints its id and then waits. */
const guardian = `
  const { spawnGuarded } = await import('${module}');
  const child = spawnGuarded(['sleep', '60'], { stdout: 'inherit', stderr: 'inherit' });
  console.log(child.pid);
`;

async function untilGone(pid: number): Promise<boolean> {
  for (let tries = 0; tries < 100 && isAlive(pid); tries += 1) await sleep(20);
  return !isAlive(pid);
}

describe('a guarded process', () => {
  it('ends when the process that started it is killed with SIGKILL', async () => {
    const owner = spawn(process.execPath, ['--input-type=module', '-e', guardian]);
    const [printed] = await once(owner.stdout, 'data');
    const pid = Number(String(printed));
    expect(isAlive(pid), 'guarded before').to.equal(true);
    owner.kill('SIGKILL');
    expect(await untilGone(pid), 'gone after').to.equal(true);
  });

  it('takes with it what it has started, even what is frozen', async () => {
    const command = ['sh', '-c', 'sleep 60 & kill -STOP $!; echo $!; wait'];
    const child = spawnGuarded(command, { stdout: 'pipe', stderr: 'inherit' });
    const [printed] = await once(child.stdout as NodeJS.ReadableStream, 'data');
    const started = Number(String(printed));
    expect(isAlive(started), 'started before').to.equal(true);
    child.kill('SIGTERM');
    expect(await untilGone(started), 'gone after').to.equal(true);
  });

  it('has the id of its command and reports its exit code', async () => {
    const command = ['sh', '-c', 'echo $$; exit 7'];
    const child = spawnGuarded(command, { stdout: 'pipe', stderr: 'inherit' });
    let printed = '';
    child.stdout?.on('data', (chunk) => {
      printed += chunk;
    });
    const [code] = await once(child, 'close');
    expect(code).to.equal(7);
    expect(Number(printed)).to.equal(child.pid);
  });
});
