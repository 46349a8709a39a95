import { expect } from 'chai';
import { runProgramOf } from './blocks.ts';

describe('docs/commands.md', function () {
  this.timeout(60_000);

  it('shows a program whose command is asked twice and done once, also when it runs again', async () => {
    const lines = [
      'event 1: 100 cents',
      'event 1: 100 cents',
      'event 2: 200 cents',
      'it is at event 2',
      'after event 1: 100 cents',
    ];
    expect(await runProgramOf('commands.md', 2)).to.deep.equal([lines, lines]);
  });
});
