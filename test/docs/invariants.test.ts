import { existsSync, readFileSync } from 'node:fs';
import { expect } from 'chai';

const root = new URL('../../', import.meta.url).pathname;
const page = readFileSync(`${root}docs/invariants.md`, 'utf8');

interface Proof {
  readonly number: number;
  readonly file: string;
  readonly title: string;
}

const proofs: readonly Proof[] = [
  ...page.matchAll(/^\| I(\d+) \| .*?\| `(\S+)` \| (.+) \|$/gm),
].map(([, number = '', file = '', title = '']) => ({ number: Number(number), file, title }));

/** Titles of the tests of a file, and of its groups, as they stand in the source. */
function titlesOf(file: string): readonly string[] {
  const source = readFileSync(root + file, 'utf8');
  // A title may also be a key of a table of tests.
  const calls = source.matchAll(
    /(?:\b(?:it|describe)\(\s*|^\s*\[?)(['"`])((?:\\.|(?!\1)[^\\])*)\1/gms,
  );
  return [...calls].map(([, , title = '']) => title);
}

describe('docs/invariants.md', () => {
  it('gives a test to each of I1 to I40, in order', () => {
    const numbers = [...new Set(proofs.map(({ number }) => number))];
    expect(numbers).to.deep.equal(Array.from({ length: 40 }, (_, index) => index + 1));
    const rows = page.match(/^\| I\d+ /gm) ?? [];
    expect(proofs).to.have.length(rows.length);
  });

  it('names tests that exist', () => {
    for (const { number, file, title } of proofs) {
      expect(existsSync(root + file), `I${number}: ${file}`).to.equal(true);
      const found = titlesOf(file).some((known) => known.includes(title));
      expect(found, `I${number}: "${title}" in ${file}`).to.equal(true);
    }
  });
});
