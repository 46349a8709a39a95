import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import * as catalogue from '../../src/model/errors.ts';

const page = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8');

interface Row {
  readonly code: string;
  readonly className: string;
  readonly retryable: boolean;
}

const documented: readonly Row[] = [
  ...page.matchAll(/^\| `(\w+)` \| `(\w+)` \| (yes|no) \|/gm),
].map(([, code = '', className = '', retryable]) => ({
  code,
  className,
  retryable: retryable === 'yes',
}));

const thrown: readonly Row[] = Object.entries(catalogue).flatMap(([className, Type]) => {
  if (Type === catalogue.JournalError) return [];
  const error = Type === catalogue.ConfigError ? new catalogue.ConfigError([]) : make(Type);
  return [{ code: error.code, className, retryable: error.retryable }];
});

function make(Type: unknown): catalogue.JournalError {
  return Reflect.construct(Type as new () => catalogue.JournalError, ['message']);
}

describe('docs/errors.md', () => {
  it('lists every error of the catalogue with its code and whether it is retryable', () => {
    expect(documented).to.have.deep.members(thrown);
  });

  it('gives each code once', () => {
    expect(new Set(documented.map(({ code }) => code)).size).to.equal(documented.length);
  });
});
