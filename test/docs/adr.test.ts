import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';

const root = fileURLToPath(new URL('../../', import.meta.url));
const folder = join(root, 'docs/adr');
const pages = readdirSync(folder).filter((file) => /^\d{4}-/.test(file));
const index = readFileSync(join(folder, 'README.md'), 'utf8');

/** Numbers that the index has a row for. */
const numbers = [...index.matchAll(/^\| (\d+) \| .+ \| .+ \|$/gm)].map(([, number]) =>
  Number(number),
);

describe('docs/adr', () => {
  it('has pages of one form: number and title, context, decision, consequences', () => {
    for (const page of pages) {
      const headings = readFileSync(join(folder, page), 'utf8').match(/^##? .+$/gm) ?? [];
      const [title, ...parts] = headings;
      expect(title, page).to.match(new RegExp(`^# ${Number(page.slice(0, 4))}\\. `));
      expect(parts, page).to.deep.equal(['## Context', '## Decision', '## Consequences']);
    }
  });

  it('has an index with a row for every number, and a link in it to every page', () => {
    expect(numbers).to.deep.equal(numbers.map((_, position) => position + 1));
    for (const page of pages) {
      const row = new RegExp(`^\\| ${Number(page.slice(0, 4))} \\| .+\\]\\(${page}\\) \\|$`, 'm');
      expect(index, page).to.match(row);
    }
  });

  it('has a row for every number that code or docs cite', () => {
    const cited = execFileSync(
      'git',
      ['grep', '-hoE', 'ADR [0-9]+', '--', '*.ts', '*.md', '*.conf'],
      {
        cwd: root,
        encoding: 'utf8',
      },
    );
    for (const citation of new Set(cited.trim().split('\n'))) {
      expect(citation).to.match(/^ADR [1-9]\d*$/);
      expect(numbers, citation).to.include(Number(citation.slice(4)));
    }
  });
});
