import { expect } from 'chai';
import { leftBy, ownedBy } from '../../../src/fleet/assignment/own-partitions.ts';
import type { Partition, Topic } from '../../../src/model/position.ts';
import type { FleetView } from '../../../src/ports/fleet-membership.ts';

const topic = 'journal' as Topic;
const members = ['a', 'b'].map((id) => ({ id, address: `http://${id}:1` }));

/** One text for each partition: its owner, and `<` its former owner. */
function viewOf(generation: number, ...shares: readonly string[]): FleetView {
  const memberOf = (id: string | undefined) => members.find((member) => member.id === id);
  const owners = shares.map((share) => {
    const [owner, former] = share.split('<');
    return { owner: memberOf(owner), formerOwner: memberOf(former), since: 0 };
  });
  return { generation, members, topics: new Map(owners.length === 0 ? [] : [[topic, owners]]) };
}
const some = (...partitions: number[]) => new Map([[topic, partitions as Partition[]]]);

describe('what a member of a fleet has, and has left', () => {
  it('it has what its view gives to it', () => {
    expect(ownedBy('a', viewOf(1, 'a', 'b', 'a'))).to.deep.equal(some(0, 2));
    expect(ownedBy('a', viewOf(1, 'b'))).to.deep.equal(new Map());
    expect(ownedBy('a', undefined)).to.deep.equal(new Map());
  });

  it('it has left what its latest view gives to another one, or to nobody', () => {
    expect(leftBy('a', viewOf(1, 'a', 'a', 'a'), viewOf(2, 'b<a', 'a', '-'))).to.deep.equal(
      some(0, 2),
    );
    expect(leftBy('a', viewOf(1, 'a'), viewOf(2)), 'nobody hosts the topic').to.deep.equal(some(0));
    expect(leftBy('a', undefined, viewOf(2, 'b', 'a'))).to.deep.equal(new Map());
  });

  it('it has left it as long as it is named as the one that had it', () => {
    const before = viewOf(2, 'b<a', 'b<a');
    expect(leftBy('a', before, viewOf(3, 'b<a', 'b'))).to.deep.equal(some(0));
    expect(leftBy('a', before, viewOf(3, 'a', 'a<b'))).to.deep.equal(new Map());
  });
});
