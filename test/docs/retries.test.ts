import { expect } from 'chai';
import { runProgramOf } from './blocks.ts';

describe('docs/retries.md', function () {
  this.timeout(60_000);

  it('shows a program whose call succeeds with its third attempt', async () => {
    const attempts = [1, 2, 3].map(
      (attempt) => `attempt ${attempt} with the key payment-1:1:call, aborted: false`,
    );
    expect(await runProgramOf('retries.md')).to.deep.equal([[...attempts, 'paid']]);
  });
});
