import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { journalSettingsOf } from '../../src/compose/open-journals.ts';
import { loadConfig } from '../../src/config/load-config.ts';
import { blocksOf, runnable } from './blocks.ts';

const run = promisify(execFile);
const root = new URL('../../', import.meta.url);
const readme = readFileSync(new URL('README.md', root), 'utf8');

describe('README', function () {
  this.timeout(60_000);

  it('shows a program that runs, and goes on where it was when it runs again', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'kafka-journal-readme-'));
    try {
      const [program = ''] = blocksOf(readme, 'ts');
      const [config = ''] = blocksOf(readme, 'hocon');
      writeFileSync(join(folder, 'program.ts'), runnable(program));
      writeFileSync(join(folder, 'application.conf'), config);
      const outputs: string[] = [];
      for (let time = 0; time < 2; time++) {
        const { stdout } = await run(process.execPath, ['program.ts'], { cwd: folder });
        outputs.push(stdout.trim());
      }
      expect(outputs).to.deep.equal(['500', '1000']);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it('shows configurations without a wrong key', async () => {
    for (const text of blocksOf(readme, 'hocon')) {
      const config = await loadConfig({ text });
      journalSettingsOf(config, config.getString('akka.persistence.journal.plugin'));
    }
  });

  it('names only scripts that exist', () => {
    const { scripts } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'));
    const named = [...readme.matchAll(/`npm (?:run )?([a-z:]+)/g)].map(([, name]) => name);
    expect(Object.keys(scripts)).to.include.members(named.filter((name) => name !== 'install'));
  });
});
