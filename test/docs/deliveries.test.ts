import { expect } from 'chai';
import { runProgramOf } from './blocks.ts';

describe('docs/deliveries.md', function () {
  this.timeout(60_000);

  it('shows a program whose message arrives', async () => {
    expect(await runProgramOf('deliveries.md')).to.deep.equal([['500 cents arrived']]);
  });
});
