import { readFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { expect } from 'chai';
import { parseConfig } from '../../../src/config/hocon/parse/parser.ts';
import { resolveConfig } from '../../../src/config/hocon/resolve/resolver.ts';
import { toPlain } from '../../../src/config/hocon/values.ts';
import { ConfigError } from '../../../src/model/errors.ts';

/** README.md beside this file says where the cases are from. */
interface Case {
  readonly id: string;
  readonly text: string;
  readonly value?: unknown;
  readonly error?: string;
  readonly line?: number;
}

function casesOf(name: string): readonly Case[] {
  return readFileSync(new URL(name, import.meta.url), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Case);
}

function outcome({ text }: Case): { readonly value: unknown } | { readonly error: ConfigError } {
  try {
    return { value: JSON.parse(JSON.stringify(toPlain(resolveConfig(parseConfig(text))))) };
  } catch (error) {
    if (error instanceof ConfigError) return { error };
    throw error;
  }
}

function isRight(one: Case): boolean {
  const got = outcome(one);
  if ('value' in got) return one.error === undefined && isDeepStrictEqual(got.value, one.value);
  const line = got.error.problems[0]?.line;
  return one.error !== undefined && (one.line === -1 ? line !== undefined : line === one.line);
}

describe('the cases of the reference implementation of HOCON', () => {
  for (const [name, count] of [
    ['cases.jsonl', 228],
    ['differential.jsonl', 159],
  ] as const) {
    it(`have the value, or are refused with the line, that the reference gives: ${name}`, () => {
      const cases = casesOf(name);
      expect(cases).to.have.lengthOf(count);
      expect(cases.filter((one) => !isRight(one)).map(({ id }) => id)).to.deep.equal([]);
    });
  }
});
