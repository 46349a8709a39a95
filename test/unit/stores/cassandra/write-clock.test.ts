import { expect } from 'chai';
import { Partition, Topic } from '../../../../src/model/position.ts';
import { WriteClock, WriteClocks } from '../../../../src/stores/cassandra/write-clock.ts';

describe('WriteClock', () => {
  it('ascends strictly, whatever the time does', () => {
    const clock = new WriteClock();
    const times = [5, 5, 7, 6, 6].map((nowMs) => clock.next(nowMs));
    expect(times).to.deep.equal([5_000, 5_001, 7_000, 7_001, 7_002]);
  });

  it('goes on after what another process wrote, and never back', () => {
    const clock = new WriteClock();
    clock.follow(9_000);
    clock.follow(8_000);
    expect(clock.next(5)).to.equal(9_001);
    expect(clock.lastMs).to.equal(10);
  });

  it('is one for a partition, so that its writes of one process follow each other', () => {
    const clocks = new WriteClocks();
    const [topic, partition] = [Topic.of('t'), Partition.of(1)];
    clocks.of(topic, partition).next(5);
    expect(clocks.of(topic, partition).next(5)).to.equal(5_001);
    expect(clocks.of(topic, Partition.of(2)).next(5)).to.equal(5_000);
    expect(clocks.of(Topic.of('u'), partition).next(5)).to.equal(5_000);
  });
});
