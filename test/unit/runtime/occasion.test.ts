import { expect } from 'chai';
import { Occasion } from '../../../src/runtime/occasion.ts';
import { failureOf } from '../../contract/action-log.fixture.ts';

describe('an occasion', () => {
  it('lets all go on that wait, again and again', async () => {
    const occasion = new Occasion();
    for (let round = 0; round < 2; round++) {
      const waiting = [occasion.wait(), occasion.wait()];
      expect(occasion.isAwaited).to.equal(true);
      occasion.fire();
      await Promise.all(waiting);
      expect(occasion.isAwaited).to.equal(false);
    }
  });

  it('ends the waits of now with an error, and no later ones', async () => {
    const occasion = new Occasion();
    const failure = new Error('over');
    const waiting = failureOf(occasion.wait());
    occasion.fail(failure);
    expect(await waiting).to.equal(failure);
    const later = occasion.wait();
    occasion.fire();
    await later;
  });

  it('is not awaited any more by those whose signal fires, before or during the wait', async () => {
    const occasion = new Occasion();
    const controller = new AbortController();
    const waiting = failureOf(occasion.wait(controller.signal));
    controller.abort('left');
    expect(await waiting).to.equal('left');
    expect(await failureOf(occasion.wait(controller.signal))).to.equal('left');
    expect(occasion.isAwaited).to.equal(false);
  });
});
