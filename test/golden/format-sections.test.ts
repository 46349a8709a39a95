import { globSync, readFileSync } from 'node:fs';
import { expect } from 'chai';

const root = new URL('../../', import.meta.url).pathname;
const read = (file: string): string => readFileSync(root + file, 'utf8');

/** GitHub's name of a heading. */
const anchorOf = (heading: string): string => heading.toLowerCase().replaceAll(' ', '-');

describe('golden: docs/format.md', () => {
  const page = read('docs/format.md');
  const anchors = [...page.matchAll(/^## (.+)$/gm)].map(([, heading = '']) => anchorOf(heading));

  it('has every section that code, tests and the page itself cite', () => {
    const files = globSync('{src,replicator,test}/**/*.ts', { cwd: root });
    const texts = [...files.map(read), page.replaceAll('](#', '](docs/format.md#')];
    const cited = texts.flatMap((text) => [...text.matchAll(/docs\/format\.md#([a-z-]+)/g)]);
    const missing = cited
      .map(([, anchor = '']) => anchor)
      .filter((name) => !anchors.includes(name));
    expect(cited.length).to.be.greaterThan(40);
    expect([...new Set(missing)]).to.deep.equal([]);
  });
});
