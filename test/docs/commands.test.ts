import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { blocksOf, runnable } from './blocks.ts';

const run = promisify(execFile);
const page = readFileSync(new URL('../../docs/commands.md', import.meta.url), 'utf8');

describe('docs/commands.md', function () {
  this.timeout(60_000);

  it('shows a program whose command is asked twice and done once, also when it runs again', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'kafka-journal-commands-'));
    try {
      const [program = ''] = blocksOf(page, 'ts');
      writeFileSync(join(folder, 'program.ts'), runnable(program));
      const journal = 'evolutiongaming.kafka-journal.embedded.journal';
      const config = `akka.persistence.journal.plugin = "${journal}"
        ${journal}.file = "${join(folder, 'journal.db')}"`;
      writeFileSync(join(folder, 'application.conf'), config);
      for (let time = 0; time < 2; time++) {
        const { stdout } = await run(process.execPath, ['program.ts'], { cwd: folder });
        expect(stdout.trim().split('\n')).to.deep.equal([
          'event 1: 100 cents',
          'event 1: 100 cents',
          'event 2: 200 cents',
          'it is at event 2',
          'after event 1: 100 cents',
        ]);
      }
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
