import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { openJournals } from '../../src/index.ts';
import { blocksOf, runnable } from './blocks.ts';

const run = promisify(execFile);
const page = readFileSync(new URL('../../docs/processes.md', import.meta.url), 'utf8');

describe('docs/processes.md', function () {
  this.timeout(60_000);

  it('shows a program of which several instances book at once, each booking once', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'kafka-journal-processes-'));
    try {
      const [program = ''] = blocksOf(page, 'ts');
      const journal = 'evolutiongaming.kafka-journal.embedded.journal';
      writeFileSync(join(folder, 'program.ts'), runnable(program));
      const config = `akka.persistence.journal.plugin = "${journal}"
        ${journal} { file = "${join(folder, 'journal.db')}", tenure-holding-time = 50ms }`;
      writeFileSync(join(folder, 'application.conf'), config);
      const instance = (name: string) =>
        run(process.execPath, ['program.ts', name], { cwd: folder, timeout: 50_000 });
      await Promise.all([instance('a'), instance('b')]);
      // Nothing is left to book.
      expect((await instance('a')).stdout).to.equal('the journal has 40 events\n');
      await using journals = await openJournals({ config });
      const booked: string[] = [];
      for await (const records of journals.of(journals.keyOf('account-1')).read())
        booked.push(...records.flatMap(({ event }) => event.tags));
      const each = ['a', 'b'].flatMap((name) =>
        Array.from({ length: 20 }, (_, index) => `${name}-${index + 1}`),
      );
      expect(booked).to.have.members(each);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
