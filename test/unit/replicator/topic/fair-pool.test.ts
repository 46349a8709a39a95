import { expect } from 'chai';
import { FairPool } from '../../../../replicator/topic/fair-pool.ts';
import { settle } from '../../../support/replicator/manual-clock.ts';
import { gate } from '../../../support/replicator/test-replicator.ts';

describe('FairPool', () => {
  it('runs no more tasks of one lane at once than set, in their order', async () => {
    const lane = new FairPool(3).lane();
    const story: number[] = [];
    let inFlight = 0;
    let most = 0;
    const task = (number: number) => async (): Promise<number> => {
      story.push(number);
      most = Math.max(most, ++inFlight);
      await settle();
      inFlight--;
      return number;
    };
    const numbers = Array.from({ length: 10 }, (_, index) => index);
    const done = await Promise.all(numbers.map((number) => lane.run(task(number))));
    expect(done).to.deep.equal(numbers);
    expect(story).to.deep.equal(numbers);
    expect(most).to.equal(3);
  });

  it('lets a lane go on whose neighbour fills the pool with tasks that hang', async () => {
    const pool = new FairPool(2);
    const [slow, quick] = [pool.lane(), pool.lane()];
    const hanging = gate();
    const stuck = Array.from({ length: 5 }, () => slow.run(() => hanging.opened));
    for (let number = 0; number < 20; number++) {
      expect(await quick.run(async () => number)).to.equal(number);
    }
    hanging.open();
    await Promise.all(stuck);
  });

  it('gives lanes turns, however many tasks one of them has waiting', async () => {
    const pool = new FairPool(1);
    const [long, short] = [pool.lane(), pool.lane()];
    const story: string[] = [];
    const say = (text: string) => async (): Promise<void> => {
      story.push(text);
      await settle();
    };
    const work = [1, 2, 3, 4].map((number) => long.run(say(`long ${number}`)));
    work.push(...[1, 2].map((number) => short.run(say(`short ${number}`))));
    await Promise.all(work);
    expect(story.indexOf('short 2')).to.be.below(story.indexOf('long 4'));
  });

  it('passes failures on, and goes on after them', async () => {
    const lane = new FairPool(1).lane();
    const failure = lane
      .run(() => Promise.reject(new Error('a bug')))
      .catch((error: Error) => error);
    expect(await lane.run(async () => 'next')).to.equal('next');
    expect(await failure).to.be.instanceOf(Error);
  });
});
