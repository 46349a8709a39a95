import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { blocksOf, runnable } from './blocks.ts';

const run = promisify(execFile);
const page = readFileSync(new URL('../../docs/evolution.md', import.meta.url), 'utf8');
const config = `
  akka.persistence.journal.plugin = "evolutiongaming.kafka-journal.embedded.journal"
  evolutiongaming.kafka-journal.embedded.journal.file = "journal.db"
`;

describe('docs/evolution.md', function () {
  this.timeout(60_000);

  it('shows programs that run, one after the other, on one journal', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'kafka-journal-evolution-'));
    try {
      writeFileSync(join(folder, 'application.conf'), config);
      const outputs: string[] = [];
      for (const [index, program] of blocksOf(page, 'ts').entries()) {
        const file = `program-${index}.ts`;
        const text = runnable(program);
        writeFileSync(join(folder, file), text);
        const { stdout } = await run(process.execPath, [file], { cwd: folder });
        outputs.push(stdout.trim().replaceAll('\n', ' '));
      }
      expect(outputs).to.deep.equal(['{ euros: 5 }', '{ cents: 550 }', '1 2 true']);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
