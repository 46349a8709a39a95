import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';

import { expect } from 'chai';

import { openStackFolder } from '../../../support/stack/stack-folder.ts';

describe('the folder of a server outside of .stack', () => {
  let root: string;

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'stack-folder-'));
  });

  afterEach(() => rmSync(root, { recursive: true }));

  const deadPid = (): number => spawnSync(process.execPath, ['--version']).pid;

  it('is removed by the next server when its owner has crashed', () => {
    const crashed = openStackFolder('one', { detached: false, root });
    writeFileSync(join(crashed.path, 'owner'), String(deadPid()));
    const living = openStackFolder('two', { detached: false, root });
    openStackFolder('three', { detached: false, root });
    expect(existsSync(crashed.path), 'the crashed').to.equal(false);
    expect(existsSync(living.path), 'the living').to.equal(true);
  });

  it('is the only kind that is removed: others have folders there, too', () => {
    for (const name of ['somebody', 'kafka-journal-01234567-postgres-1']) {
      mkdirSync(join(root, name));
      writeFileSync(join(root, name, 'owner'), String(deadPid()));
    }
    openStackFolder('one', { detached: false, root }).remove();
    expect(existsSync(join(root, 'somebody'))).to.equal(true);
    expect(existsSync(join(root, 'kafka-journal-01234567-postgres-1'))).to.equal(true);
  });

  it('keeps data and logs for a person, without the programs that were copied', () => {
    const folder = openStackFolder('one', { detached: false, root });
    expect(basename(folder.path)).to.match(/^kafka-journal-[0-9a-f]{8}-one-/);
    mkdirSync(folder.programs);
    writeFileSync(join(folder.path, 'log'), '');
    folder.keep();
    openStackFolder('two', { detached: false, root });
    expect(existsSync(folder.programs)).to.equal(false);
    expect(existsSync(join(folder.path, 'log'))).to.equal(true);
  });
});
