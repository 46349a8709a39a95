import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { expect } from 'chai';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../../../..', import.meta.url));

/** A small tree with one breach of each kind, and what each file imports. */
const tree: Readonly<Record<string, readonly string[]>> = {
  'src/model/key.ts': ['../runtime/clock.ts'],
  'src/runtime/clock.ts': ['./retry.ts'],
  'src/runtime/retry.ts': ['./clock.ts'],
  'src/journal/reader.ts': [
    '../kafka/reader.ts',
    '../model/key.ts',
    '../ports/replicated-journal.ts',
    '../../replicator/batch.ts',
    '../../test/helper.ts',
  ],
  'src/kafka/reader.ts': ['cassandra-driver', '../codec/codec.ts'],
  'src/codec/codec.ts': [],
  'src/ports/replicated-journal.ts': [],
  'src/ports/eventual-journal.ts': [],
  'replicator/batch.ts': ['../src/ports/eventual-journal.ts', '../src/ports/replicated-journal.ts'],
  'test/helper.ts': [],
};

const driver = { name: 'cassandra-driver', version: '1.0.0', main: 'index.js' };

/** Writes the tree, checks it with the repository's rules and removes it. */
async function breaches(): Promise<readonly string[]> {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'import-rules-')));
  try {
    for (const [file, imports] of Object.entries(tree)) {
      write(join(folder, file), imports.map((name) => `import '${name}';\n`).join(''));
    }
    const manifest = {
      name: 'tree',
      type: 'module',
      dependencies: { 'cassandra-driver': '1.0.0' },
    };
    write(join(folder, 'package.json'), JSON.stringify(manifest));
    write(join(folder, 'node_modules/cassandra-driver/package.json'), JSON.stringify(driver));
    write(join(folder, 'node_modules/cassandra-driver/index.js'), '');
    return await check(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function write(file: string, text: string): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}

async function check(folder: string): Promise<readonly string[]> {
  const tool = join(root, 'node_modules', '.bin', 'depcruise');
  const rules = ['--config', join(root, '.dependency-cruiser.mjs'), '--output-type', 'json'];
  const report = await run(tool, ['src', 'replicator', ...rules], { cwd: folder });
  const { summary } = JSON.parse(report.stdout) as {
    summary: { violations: { from: string; to: string; rule: { name: string } }[] };
  };
  return summary.violations.map(({ rule, from, to }) => `${rule.name}: ${from} → ${to}`);
}

describe('the import rules', () => {
  it('find a layer that reaches past its row, a driver away from home, rights and cycles', async () => {
    expect((await breaches()).toSorted()).to.deep.equal([
      'cassandra-driver-has-one-home: src/kafka/reader.ts → node_modules/cassandra-driver/index.js',
      'journal-imports: src/journal/reader.ts → replicator/batch.ts',
      'journal-imports: src/journal/reader.ts → src/kafka/reader.ts',
      'journal-imports: src/journal/reader.ts → test/helper.ts',
      'journal-only-reads-the-store: src/journal/reader.ts → src/ports/replicated-journal.ts',
      'model-imports: src/model/key.ts → src/runtime/clock.ts',
      'no-cycles: src/runtime/clock.ts → src/runtime/retry.ts',
      'product-knows-no-tests: src/journal/reader.ts → test/helper.ts',
      'replicator-only-writes-the-store: replicator/batch.ts → src/ports/eventual-journal.ts',
      'src-knows-no-replicator: src/journal/reader.ts → replicator/batch.ts',
    ]);
  }).timeout(20_000);
});
