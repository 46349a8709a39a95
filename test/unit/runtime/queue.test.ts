import { expect } from 'chai';
import { Queue } from '../../../src/runtime/queue.ts';

describe('a queue', () => {
  it('gives items in the order in which they came, also far beyond its first piece', () => {
    const queue = new Queue<number>();
    const taken: (number | undefined)[] = [];
    for (let i = 0; i < 5_000; i++) {
      queue.push(i);
      if (i % 3 > 0) taken.push(queue.shift());
    }
    taken.push(...queue.drain());
    expect(taken).to.deep.equal(Array.from({ length: 5_000 }, (_, i) => i));
    expect(queue.shift()).to.equal(undefined);
    expect(queue.length).to.equal(0);
  });

  it('takes items back to its front, and lets some go', () => {
    const queue = new Queue<string>();
    for (const item of ['a', 'b', 'c']) queue.push(item);
    queue.shift();
    queue.unshift(['x', 'y']);
    queue.filter((item) => item !== 'b');
    expect(queue.peek()).to.equal('x');
    expect([...queue]).to.deep.equal(['x', 'y', 'c']);
    expect(queue.length).to.equal(3);
  });

  it('is full by the weight of what waits, however it left', () => {
    const queue = new Queue<string>({ maxWeight: 4, weightOf: (item) => item.length });
    const fullAfter = (change: () => unknown): boolean => {
      change();
      return queue.isFull;
    };
    expect(fullAfter(() => queue.push('abc'))).to.equal(false);
    expect(fullAfter(() => queue.push('d'))).to.equal(true);
    expect(fullAfter(() => queue.shift())).to.equal(false);
    expect(fullAfter(() => queue.unshift(['xyz']))).to.equal(true);
    expect(fullAfter(() => queue.filter((item) => item !== 'd'))).to.equal(false);
    queue.push('e');
    expect(fullAfter(() => queue.drain())).to.equal(false);
    expect(fullAfter(() => queue.push('four'))).to.equal(true);
  });

  it('without a bound is never full', () => {
    const queue = new Queue<number>();
    for (let i = 0; i < 10; i++) queue.push(i);
    expect(queue.isFull).to.equal(false);
  });
});
