import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { childRows } from '../contract/xstate-table.children.ts';
import { stepRows } from '../contract/xstate-table.steps.ts';

describe('docs/xstate.md', () => {
  it('has a row for each test of the contract, and the other way round', () => {
    const page = readFileSync(new URL('../../docs/xstate.md', import.meta.url), 'utf8');
    const [, table = ''] = page.split('## The table');
    const rows = [...(table.split('##')[0] ?? '').matchAll(/^\| (?!feature|---)([^|]+) \|/gm)];
    const features = rows.map(([, feature = '']) => feature.replaceAll('`', ''));
    const tests = Object.keys({ ...stepRows, ...childRows });
    const tested = tests.map((name) => name.split(': ')[0]);
    expect(features).to.have.length(18).and.to.have.members(tested);
  });
});
