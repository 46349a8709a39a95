import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';

const root = fileURLToPath(new URL('../../', import.meta.url));
const pages = [
  'README.md',
  ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.md'))
    .map((file) => `docs/${file}`),
];

describe('the pages', () => {
  it('name files and folders of the product that exist', () => {
    for (const page of pages) {
      const text = readFileSync(join(root, page), 'utf8');
      const paths = text.matchAll(/(?<![\w./-])(?:src|replicator|plugin-config|test)\/[\w./-]*\w/g);
      for (const [path] of paths) {
        // `dist/src` and the like are of the installed package.
        expect(existsSync(join(root, path)), `${page}: ${path}`).to.equal(true);
      }
    }
  });

  it('name files by their name alone only where a file of that name exists', () => {
    const names = new Set(
      ['src', 'replicator', 'test', 'plugin-config', '.ci', 'examples'].flatMap((folder) =>
        readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((file) =>
          file.slice(file.lastIndexOf('/') + 1),
        ),
      ),
    );
    for (const page of pages) {
      const text = readFileSync(join(root, page), 'utf8');
      for (const [, name = ''] of text.matchAll(/`([\w.-]+\.(?:test\.|machine\.)?ts)`/g)) {
        if (name === 'main.ts') continue;
        expect(names.has(name), `${page}: ${name}`).to.equal(true);
      }
    }
  });
});
