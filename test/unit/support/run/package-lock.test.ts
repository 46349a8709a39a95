import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { expect } from 'chai';

interface Locked {
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

const file = fileURLToPath(new URL('../../../../package-lock.json', import.meta.url));
const { packages } = JSON.parse(readFileSync(file, 'utf8')) as {
  readonly packages: Readonly<Record<string, Locked>>;
};

describe('package-lock.json', () => {
  it('names every optional package, those of other systems too: `npm ci` refuses a gap', () => {
    const names = Object.values(packages).flatMap((locked) =>
      Object.keys(locked.optionalDependencies ?? {}),
    );
    const places = Object.keys(packages);
    const missing = names.filter((name) => !places.some((place) => place.endsWith(`/${name}`)));
    expect(missing, 'node .ci/complete-lock.mjs adds them').to.deep.equal([]);
  });

  it('names no registry, so that every machine uses its own', () => {
    expect(readFileSync(file, 'utf8')).to.not.match(/"resolved": "http/);
  });
});
