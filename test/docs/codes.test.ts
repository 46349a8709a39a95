import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';

const root = fileURLToPath(new URL('../../', import.meta.url));

/**
 * A letter and a number (`V4`, `I12`, `V4b`), or a letter and numbers with dots between.
 * Not `LZ4`, `2.0.0-M4`, `X.509`, nor the notation of tests that name actions (`A5{2,4}`, `D1→1`).
 */
const code = /(?<![\w.{}→-])(?:[A-W]\d{1,2}[a-z]?|[A-W]\.\d+(?:[.-]\d+)*)(?![\w.]*[{→[(\w])/g;

function filesOf(...patterns: readonly string[]): readonly string[] {
  const listed = execFileSync('git', ['ls-files', ...patterns], { cwd: root, encoding: 'utf8' });
  return listed.trim().split('\n');
}

/** The codes that a row of a table in the docs is about: its first cell. */
const defined = new Set(
  filesOf('docs/*.md').flatMap((file) =>
    [...readFileSync(join(root, file), 'utf8').matchAll(/^\| ([A-Z]\d+[a-z]?) \|/gm)].map(
      ([, name]) => name,
    ),
  ),
);

/** Comments, and the titles of tests and of mutants; tables of cases have them as quoted names. */
function proseOf(source: string): string {
  const comments = source.match(/\/\*.*?\*\/|(?<=^|\s)\/\/[^\n]*/gs) ?? [];
  const titles = source.matchAll(/\b(?:it|describe|mutant)\(\s*(['"`])((?:\\.|(?!\1).)*)\1/gs);
  const names = source.match(/^\s*'[^'\n]*': /gm) ?? [];
  return [...comments, ...names, ...[...titles].map(([, , title]) => title)].join('\n');
}

function undefinedIn(text: string): readonly string[] {
  return [...text.matchAll(code)].map(([found]) => found).filter((found) => !defined.has(found));
}

describe('codes that stand for something else (V4, I12)', () => {
  it('are found in a text, and told from what only looks like one', () => {
    expect('V4, D.7.5-2 (Z3) G.9 A19.'.match(code)).to.deep.equal(['V4', 'D.7.5-2', 'G.9', 'A19']);
    expect('LZ4 2.0.0-M4 X.509 A5{2} D1→1 UTF8'.match(code)).to.equal(null);
  });

  it('have a row in a table of the docs, wherever code, docs and titles of tests name one', () => {
    const sources = filesOf('src/*.ts', 'replicator/*.ts', 'test/*.ts', 'examples/*.ts');
    for (const file of sources) {
      const found = undefinedIn(proseOf(readFileSync(join(root, file), 'utf8')));
      if (file !== 'test/docs/codes.test.ts') expect(found, file).to.deep.equal([]);
    }
    for (const file of filesOf('docs/*.md', 'README.md', 'plugin-config/*')) {
      expect(undefinedIn(readFileSync(join(root, file), 'utf8')), file).to.deep.equal([]);
    }
  });
});
