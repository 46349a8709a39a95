import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { blocksOf, runnable } from './blocks.ts';

const run = promisify(execFile);
const page = readFileSync(new URL('../../docs/deliveries.md', import.meta.url), 'utf8');

describe('docs/deliveries.md', function () {
  this.timeout(60_000);

  it('shows a program whose message arrives', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'kafka-journal-deliveries-'));
    try {
      const [program = ''] = blocksOf(page, 'ts');
      writeFileSync(join(folder, 'program.ts'), runnable(program));
      const journal = 'evolutiongaming.kafka-journal.embedded.journal';
      const config = `akka.persistence.journal.plugin = "${journal}"
        ${journal}.file = "${join(folder, 'journal.db')}"`;
      writeFileSync(join(folder, 'application.conf'), config);
      const { stdout } = await run(process.execPath, ['program.ts'], { cwd: folder });
      expect(stdout.trim()).to.equal('500 cents arrived');
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
