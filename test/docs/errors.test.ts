import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import * as catalogue from '../../src/model/errors.ts';

const page = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8');

interface Row {
  readonly code: string;
  readonly className: string;
  readonly retryable: string;
}

const documented = [...page.matchAll(/^\| `(\w+)` \| `(\w+)` \| ([^|]+) \| ([^|]+) \|/gm)].map(
  ([, code = '', className = '', retryable = '', stored = '']) => ({
    row: { code, className, retryable } satisfies Row,
    stored: stored.replaceAll('*', '').split(', '),
  }),
);

const classes = Object.entries(catalogue).filter(([, Type]) => Type !== catalogue.JournalError);

const thrown: readonly Row[] = classes.map(([className, Type]) => {
  const { code } = make(Type);
  return { code, className, retryable: retryableOf(Type) };
});

function retryableOf(Type: unknown): string {
  const cause = new catalogue.StoreUnavailableError('gone');
  const isAlways = make(Type).retryable && make(Type, { stored: 'unknown' }).retryable;
  if (isAlways) return 'yes';
  if (!make(Type).retryable && make(Type, { cause }).retryable) return 'by cause';
  return make(Type, { stored: 'no' }).retryable ? 'if not stored' : 'no';
}

function make(Type: unknown, options?: object): catalogue.JournalError {
  const message = Type === catalogue.ConfigError ? [] : 'message';
  return Reflect.construct(Type as new () => catalogue.JournalError, [message, options]);
}

describe('docs/errors.md', () => {
  it('lists every error of the catalogue with its code and whether it is retryable', () => {
    expect(documented.map(({ row }) => row)).to.have.deep.members(thrown);
  });

  it('says of every error what it may say of the write', () => {
    for (const [className, Type] of classes) {
      const page = documented.find(({ row }) => row.className === className);
      const said = ['no', 'unknown', 'yes'].map((stored) => make(Type, { stored }).stored);
      expect(said, className).to.include.members(page?.stored ?? []);
      if (page?.stored.length === 1) expect(new Set(said), className).to.have.lengthOf(1);
    }
  });

  it('gives each code once', () => {
    expect(new Set(documented.map(({ row }) => row.code)).size).to.equal(documented.length);
  });
});
