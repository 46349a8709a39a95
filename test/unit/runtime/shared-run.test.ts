import { expect } from 'chai';
import { SharedRun } from '../../../src/runtime/shared-run.ts';

describe('a shared run', () => {
  it('gives each call what was begun after it, whoever it shares it with', async () => {
    let begun = 0;
    const ends: (() => void)[] = [];
    const shared = new SharedRun(async () => {
      const number = ++begun;
      await new Promise<void>((resolve) => ends.push(resolve));
      return number;
    });
    const first = shared.run();
    const [second, third] = [shared.run(), shared.run()];
    expect(begun).to.equal(1);
    ends.shift()?.();
    expect(await first).to.equal(1);
    await new Promise(setImmediate);
    const fourth = shared.run();
    ends.shift()?.();
    expect(await Promise.all([second, third])).to.deep.equal([2, 2]);
    await new Promise(setImmediate);
    ends.shift()?.();
    expect(await fourth).to.equal(3);
    const fifth = shared.run();
    ends.shift()?.();
    expect(await fifth).to.equal(4);
  });

  it('goes on after a failure, which those get who shared it', async () => {
    const outcomes = [Promise.reject(new Error('first')), Promise.resolve('second')];
    for (const outcome of outcomes) outcome.catch(() => {});
    const shared = new SharedRun(() => outcomes.shift() as Promise<string>);
    const [first, second] = [shared.run(), shared.run()];
    expect(await first.catch((error: Error) => error.message)).to.equal('first');
    expect(await second).to.equal('second');
  });
});
