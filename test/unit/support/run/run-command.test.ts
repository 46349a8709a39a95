import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { expect } from 'chai';

import { runCommand } from '../../../support/run/run-command.ts';
import { isAlive } from '../../../support/stack/process-end.ts';

/** Ignores SIGTERM, keeps the output that it inherited, and writes its id once it does both. */
const stubborn = `
  process.on('SIGTERM', () => undefined);
  setInterval(() => undefined, 1000);
  require('node:fs').writeFileSync('id.new', String(process.pid));
  require('node:fs').renameSync('id.new', 'id');
`;
const command = `
  const stdio = ['ignore', 'inherit', 'inherit'];
  require('node:child_process').spawn(process.execPath, ['-e', \`${stubborn}\`], { stdio });
`;

describe('a command of a run', () => {
  it('ends at the first signal together with what it has started', async () => {
    const cwd = mkdtempSync(join(tmpdir(), 'run-command-'));
    try {
      const stop = new AbortController();
      const options = { cwd, env: process.env, signal: stop.signal, limitMs: 60_000 };
      const running = runCommand([process.execPath, '-e', command], options);
      while (!existsSync(join(cwd, 'id'))) await sleep(10);
      stop.abort();
      expect(await running).to.include({ code: undefined, timedOut: false });
      // A process that was killed is gone a moment later.
      const id = Number(readFileSync(join(cwd, 'id'), 'utf8'));
      for (let wait = 0; wait < 300 && isAlive(id); wait++) await sleep(10);
      expect(isAlive(id)).to.equal(false);
    } finally {
      rmSync(cwd, { recursive: true });
    }
  });
});
