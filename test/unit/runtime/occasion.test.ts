import { expect } from 'chai';
import { Occasion } from '../../../src/runtime/occasion.ts';
import { failureOf } from '../../contract/action-log.fixture.ts';

describe('an occasion', () => {
  it('lets all go on that wait, again and again', async () => {
    const occasion = new Occasion();
    for (let round = 0; round < 2; round++) {
      const waiting = [occasion.wait(), occasion.wait()];
      occasion.fire();
      await Promise.all(waiting);
    }
  });

  it('ends the wait of those whose signal fires, before or during the wait', async () => {
    const occasion = new Occasion();
    const controller = new AbortController();
    const waiting = failureOf(occasion.wait(controller.signal));
    controller.abort('left');
    expect(await waiting).to.equal('left');
    expect(await failureOf(occasion.wait(controller.signal))).to.equal('left');
  });
});
