import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { blocksOf } from './blocks.ts';

describe('docs/snapshots.md', () => {
  it('shows an adapter that compiles: the one that the tests of types have', () => {
    const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
    const [, adapter = ''] = blocksOf(read('docs/snapshots.md'), 'ts');
    const words = (text: string) => text.trim().split(/\s+/).join(' ');
    expect(words(adapter)).to.match(/^snapshotAdapter: /);
    expect(words(read('test/types/package/options.ts'))).to.include(words(adapter).slice(0, -1));
  });
});
