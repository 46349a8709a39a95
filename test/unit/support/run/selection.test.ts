import { expect } from 'chai';

import { readSelection } from '../../../support/run/selection.ts';

const known = ['lint', 'unit', 'e2e'];

describe('the selection of a run', () => {
  it('is everything without options', () => {
    expect(readSelection([], known)).to.deep.equal({ names: undefined, grep: undefined });
  });

  it('takes levels separated by commas, or the option again', () => {
    const { names } = readSelection(['--level', 'unit, e2e', '--level', 'lint'], known);
    expect([...(names ?? [])]).to.deep.equal(['unit', 'e2e', 'lint']);
  });

  it('refuses a level that does not exist, naming those that do', () => {
    expect(() => readSelection(['--level', 'unti'], known)).to.throw(
      'unknown level unti; there are: lint, unit, e2e',
    );
  });

  it('refuses an unknown option', () => {
    expect(() => readSelection(['--levle', 'unit'], known)).to.throw('--levle');
  });
});
