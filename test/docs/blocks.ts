import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** The code blocks of a language on a page, in order. */
export function blocksOf(page: string, language: string): readonly string[] {
  const pattern = new RegExp(`\`\`\`${language}\\n(.*?)\`\`\``, 'gs');
  return [...page.matchAll(pattern)].map(([, text = '']) => text);
}

/** The program with this clone in the place of the installed package. */
export function runnable(program: string): string {
  const fileOf = (path: string): string => new URL(path, import.meta.url).href;
  return program
    .replace("from 'kafka-journal'", `from '${fileOf('../../src/index.ts')}'`)
    .replace("from 'kafka-journal/journal'", `from '${fileOf('../../src/journal-exports.ts')}'`)
    .replace("from 'xstate'", `from '${import.meta.resolve('xstate')}'`);
}

const run = promisify(execFile);

/**
 * Runs the first program of a page as its reader would, in a folder of its own with an embedded
 * journal, `times` times one after the other; answers the lines of each run.
 */
export async function runProgramOf(page: string, times = 1): Promise<readonly string[][]> {
  const text = readFileSync(new URL(`../../docs/${page}`, import.meta.url), 'utf8');
  const folder = mkdtempSync(join(tmpdir(), 'kafka-journal-page-'));
  try {
    const [program = ''] = blocksOf(text, 'ts');
    writeFileSync(join(folder, 'program.ts'), runnable(program));
    const journal = 'evolutiongaming.kafka-journal.embedded.journal';
    const config = `akka.persistence.journal.plugin = "${journal}"
      ${journal}.file = "${join(folder, 'journal.db')}"`;
    writeFileSync(join(folder, 'application.conf'), config);
    const runs: string[][] = [];
    for (let time = 0; time < times; time++) {
      const { stdout } = await run(process.execPath, ['program.ts'], { cwd: folder });
      runs.push(stdout.trim().split('\n'));
    }
    return runs;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
