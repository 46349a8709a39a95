import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { expect } from 'chai';

const bootstrap = fileURLToPath(new URL('../../../../.ci/bootstrap.mjs', import.meta.url));

/** Stands for `npm ci`: installs what the lock names by writing npm's own record of it. */
const fakeNpm = `
  import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
  mkdirSync('node_modules', { recursive: true });
  cpSync('package-lock.json', 'node_modules/.package-lock.json');
  writeFileSync('npm-ran', process.argv.slice(2).join(' '));
`;

describe('the bootstrap of the npm scripts', function () {
  // Each test starts several processes, beside two other levels that work.
  this.timeout(20_000);
  let root: string;

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'bootstrap-'));
    mkdirSync(join(root, '.ci'));
    cpSync(bootstrap, join(root, '.ci/bootstrap.mjs'));
    writeFileSync(join(root, 'npm.mjs'), fakeNpm);
    writeLock('1.0.0');
  });

  afterEach(() => rmSync(root, { recursive: true }));

  function writeLock(version: string): void {
    const packages = { '': {}, 'node_modules/one': { version } };
    writeFileSync(join(root, 'package-lock.json'), JSON.stringify({ packages }));
  }

  function start(script: string, ...args: readonly string[]): ChildProcess {
    writeFileSync(join(root, 'script.mjs'), script);
    const command = [join(root, '.ci/bootstrap.mjs'), 'script.mjs', ...args];
    const env = { ...process.env, npm_execpath: join(root, 'npm.mjs') };
    return spawn(process.execPath, command, { env, stdio: ['ignore', 'pipe', 'ignore'] });
  }

  async function run(script: string, ...args: readonly string[]) {
    const child = start(script, ...args);
    let output = '';
    child.stdout?.on('data', (chunk) => {
      output += chunk;
    });
    const [code] = await once(child, 'close');
    return { code, output: output.trim() };
  }

  /** True when packages were installed since the last question. */
  function installed(): boolean {
    const ran = existsSync(join(root, 'npm-ran'));
    rmSync(join(root, 'npm-ran'), { force: true });
    return ran;
  }

  it('installs the locked packages when they are missing or changed, and only then', async () => {
    await run('');
    expect(installed(), 'missing').to.equal(true);
    await run('');
    expect(installed(), 'unchanged').to.equal(false);
    writeLock('1.0.1');
    await run('');
    expect(installed(), 'another version').to.equal(true);
  });

  it('does not install into a folder that node_modules links to: others use it', async () => {
    mkdirSync(join(root, 'shared'));
    writeFileSync(join(root, 'shared/kept'), '');
    symlinkSync(join(root, 'shared'), join(root, 'node_modules'));
    expect((await run('')).code).to.equal(1);
    expect(installed()).to.equal(false);
    expect(existsSync(join(root, 'shared/kept'))).to.equal(true);
  });

  it('forwards arguments and the exit code', async () => {
    const script = 'console.log(process.argv.slice(2).join()); process.exitCode = 7;';
    expect(await run(script, '--config', 'a b')).to.deep.equal({ code: 7, output: '--config,a b' });
  });

  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    it(`lets the script end itself after ${signal}`, async () => {
      const script = `
        process.on('${signal}', () => process.exit(9));
        setInterval(() => {}, 1000);
        console.log('ready');
      `;
      const child = start(script);
      await once(child.stdout as NodeJS.ReadableStream, 'data');
      child.kill(signal);
      expect(await once(child, 'close')).to.deep.equal([9, null]);
    });
  }

  it('ends the script when the shell that npm started it from is killed', async () => {
    const script = `
      process.on('SIGTERM', () => { console.log('stopped'); process.exit(); });
      setInterval(() => {}, 1000);
      console.log('ready');
    `;
    writeFileSync(join(root, 'script.mjs'), script);
    const env = {
      ...process.env,
      npm_execpath: join(root, 'npm.mjs'),
      npm_lifecycle_event: 'test',
    };
    const command = `"${process.execPath}" .ci/bootstrap.mjs script.mjs; true`;
    const shell = spawn('/bin/sh', ['-c', command], {
      cwd: root,
      env,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    let output = '';
    const ready = new Promise<void>((resolve) => {
      shell.stdout.on('data', (chunk) => {
        output += chunk;
        resolve();
      });
    });
    await ready;
    shell.kill('SIGKILL');
    await once(shell.stdout, 'close');
    expect(output).to.equal('ready\nstopped\n');
  });

  it('ends as a shell would say it when a signal ended the script', async () => {
    expect(
      (await run('process.kill(process.pid, "SIGKILL"); setInterval(() => {}, 1000);')).code,
    ).to.equal(137);
  });
});
