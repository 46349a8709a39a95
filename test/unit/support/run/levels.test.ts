import { globSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { expect } from 'chai';

import { findLevels, type Level } from '../../../support/run/levels.ts';

const root = fileURLToPath(new URL('../../../..', import.meta.url));

describe('the levels of a run', () => {
  it('hold every test file of the repository exactly once', () => {
    const files = findLevels(root).flatMap((level) =>
      level.name === 'containers' ? ownFiles(level) : level.files,
    );
    expect(files.toSorted()).to.deep.equal(globSync('test/**/*.test.ts', { cwd: root }).toSorted());
  });
});

/** The containers level runs the contract suites, which are another level's. */
function ownFiles({ name, files }: Level): readonly string[] {
  return files.filter((file) => file.startsWith(`test/${name}/`));
}
