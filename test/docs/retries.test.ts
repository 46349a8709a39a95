import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { blocksOf, runnable } from './blocks.ts';

const run = promisify(execFile);
const page = readFileSync(new URL('../../docs/retries.md', import.meta.url), 'utf8');

describe('docs/retries.md', function () {
  this.timeout(60_000);

  it('shows a program whose call succeeds with its third attempt', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'kafka-journal-retries-'));
    try {
      const [program = ''] = blocksOf(page, 'ts');
      writeFileSync(join(folder, 'program.ts'), runnable(program));
      const journal = 'evolutiongaming.kafka-journal.embedded.journal';
      const config = `akka.persistence.journal.plugin = "${journal}"
        ${journal}.file = ":memory:"`;
      writeFileSync(join(folder, 'application.conf'), config);
      const { stdout } = await run(process.execPath, ['program.ts'], { cwd: folder });
      const attempts = [1, 2, 3].map(
        (attempt) => `attempt ${attempt} with the key payment-1:1:call, aborted: false`,
      );
      expect(stdout.trim().split('\n')).to.deep.equal([...attempts, 'paid']);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
