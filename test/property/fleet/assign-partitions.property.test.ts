import { expect } from 'chai';
import fc from 'fast-check';
import {
  type Assignment,
  type AssignmentInput,
  assignPartitions,
} from '../../../src/fleet/assignment/assign-partitions.ts';
import type { FleetClaim } from '../../../src/fleet/assignment/fleet-claim.ts';
import type { Partition, Topic } from '../../../src/model/position.ts';
import { claimOf, Group, placesOf } from '../../support/fleet/group.ts';
import { seed } from '../codec/seed.ts';

const runs = { seed, numRuns: 500 };
const topicNames = ['a', 'b', 'c'] as Topic[];

const anyPartitions = fc
  .array(fc.uniqueArray(fc.nat(8), { maxLength: 8 }), { maxLength: topicNames.length })
  .map((lists) => new Map(lists.map((list, at) => [topicNames[at] as Topic, list as Partition[]])));

/** Any members, with any claims: also of partitions that are gone, and of those of others. */
const anyInput: fc.Arbitrary<AssignmentInput> = fc
  .record({
    counts: fc.array(fc.nat(7), { minLength: 1, maxLength: topicNames.length }),
    claims: fc.array(
      fc.record({
        topics: fc.subarray(topicNames),
        held: anyPartitions,
        left: anyPartitions,
        heldSince: fc.nat(4),
      }),
      { maxLength: 6 },
    ),
    isCalm: fc.boolean(),
    generation: fc.integer({ min: 5, max: 9 }),
  })
  .map(({ counts, claims, isCalm, generation }) => ({
    partitionCounts: new Map(counts.map((count, i) => [topicNames[i] as Topic, count])),
    claims: claims.map(({ topics, ...claimed }, i) => claimOf(`m${i}`, topics, claimed)),
    isCalm,
    generation,
  }));

/** By the definition: of those who claim it the one with the highest generation, then lowest id. */
function holderOf(
  { claims }: AssignmentInput,
  topic: Topic,
  partition: number,
  as: 'held' | 'left' = 'held',
) {
  return claims
    .filter((claim) => claim[as].get(topic)?.includes(partition as Partition))
    .toSorted((a, b) => b.heldSince - a.heldSince || (a.member.id < b.member.id ? -1 : 1))[0];
}

const canHost = (claim: FleetClaim | undefined, topic: Topic): boolean =>
  claim?.topics.includes(topic) === true;

function loadsOf({ claims }: AssignmentInput, assignment: Assignment): Map<string, number> {
  const loads = new Map(claims.map(({ member }) => [member.id, 0]));
  for (const { owner } of placesOf(assignment)) {
    if (owner !== undefined) loads.set(owner.id, (loads.get(owner.id) ?? 0) + 1);
  }
  return loads;
}

/** What is shared out in the next step of balancing. */
function stepAfter(input: AssignmentInput, result: Assignment): AssignmentInput {
  const claims = input.claims.map((claim) => {
    const own = placesOf(result).filter(({ owner }) => owner === claim.member);
    const held = new Map(
      [...Map.groupBy(own, ({ topic }) => topic)].map(([topic, places]) => [
        topic,
        places.map(({ partition }) => partition),
      ]),
    );
    return { ...claim, held, heldSince: input.generation };
  });
  return { ...input, claims, isCalm: true, generation: input.generation + 1 };
}

describe(`property: sharing out partitions (seed ${seed})`, function () {
  this.timeout(60_000);

  const law = (name: string, check: (input: AssignmentInput, result: Assignment) => void): void => {
    it(name, () => {
      fc.assert(
        fc.property(anyInput, (input) => check(input, assignPartitions(input))),
        runs,
      );
    });
  };

  law('every partition that somebody can host has one owner, and that one can', (input, result) => {
    expect([...result.topics.keys()]).to.have.members([...input.partitionCounts.keys()]);
    for (const [topic, count] of input.partitionCounts) {
      const owners = result.topics.get(topic) ?? [];
      expect(owners).to.have.length(count);
      const hosts = input.claims.filter((claim) => canHost(claim, topic));
      for (const { owner } of owners) {
        if (hosts.length === 0) expect(owner).to.equal(undefined);
        else expect(hosts.map(({ member }) => member)).to.include(owner);
      }
    }
  });

  law('what has a holder that can host it stays while it is not calm', (input, result) => {
    for (const { topic, partition, owner } of placesOf(result)) {
      const holder = holderOf(input, topic, partition);
      if (!input.isCalm && canHost(holder, topic)) expect(owner).to.equal(holder?.member);
    }
  });

  law(
    'the former owner and the generation are named when a partition goes to another one',
    (input, result) => {
      for (const { topic, partition, owner, formerOwner, since } of placesOf(result)) {
        const holder = holderOf(input, topic, partition)?.member;
        const leaver = holderOf(input, topic, partition, 'left')?.member;
        const moved = owner !== undefined && holder !== owner;
        // Whoever was to have it next may never have heard of that.
        const former = holder ?? (leaver === owner ? undefined : leaver);
        expect(formerOwner).to.equal(moved ? former : undefined);
        expect(since).to.equal(moved ? input.generation : 0);
      }
    },
  );

  law('step after step, members that can host a topic come within one', (input, result) => {
    let steps = [input];
    let last = result;
    while (!last.isBalanced) {
      const next = stepAfter(steps.at(-1) ?? input, last);
      steps = [...steps, next];
      last = assignPartitions(next);
      // At least one partition has moved, or this would not end.
      expect(steps).to.have.length.below(25);
    }
    const loads = loadsOf(input, last);
    for (const { topic, owner } of placesOf(last)) {
      for (const { member } of input.claims.filter((claim) => canHost(claim, topic))) {
        const given = loads.get(owner?.id ?? '') ?? 0;
        expect(given - (loads.get(member.id) ?? 0)).to.be.at.most(1);
      }
    }
  });

  law('a step at most doubles what a member has, and gives one that has nothing one', (input) => {
    const placed = { ...input, isCalm: false };
    const before = loadsOf(input, assignPartitions(placed));
    const loads = loadsOf(input, assignPartitions({ ...input, isCalm: true }));
    for (const [id, load] of loads) {
      const had = before.get(id) ?? 0;
      expect(load).to.be.at.most(had + Math.max(1, had));
    }
  });

  law('it is balanced exactly when another step would move nothing', (input, result) => {
    const again = assignPartitions(stepAfter(input, result));
    const moved = placesOf(again).filter(({ formerOwner }) => formerOwner !== undefined);
    expect(moved.length === 0).to.equal(result.isBalanced);
  });

  law('the order of the claims decides nothing', (input, result) => {
    const reversed = { ...input, claims: input.claims.toReversed() };
    expect(assignPartitions(reversed)).to.deep.equal(result);
    const counts = [...input.partitionCounts].toReversed();
    const other = assignPartitions({ ...input, partitionCounts: new Map(counts) });
    expect(placesOf(other)).to.have.deep.members(placesOf(result));
  });

  law('what has no holder goes to the least loaded, where all host the same', (input) => {
    const claims = input.claims.map((claim) => ({ ...claim, topics: topicNames }));
    const same = { ...input, claims, isCalm: false };
    const result = assignPartitions(same);
    const loads = loadsOf(same, result);
    for (const { topic, partition, owner } of placesOf(result)) {
      if (owner === undefined || holderOf(same, topic, partition) !== undefined) continue;
      expect((loads.get(owner.id) ?? 0) - Math.min(...loads.values())).to.be.at.most(1);
    }
  });

  it('members that host the same need as few moves as any way to be within one, in few steps', () => {
    const loads = fc.array(fc.nat(40), { minLength: 1, maxLength: 7 });
    fc.assert(
      fc.property(loads, (held) => {
        const total = held.reduce((sum, load) => sum + load, 0);
        let input: AssignmentInput = {
          isCalm: true,
          generation: 2,
          partitionCounts: new Map([['a' as Topic, total]]),
          claims: held.map((load, i) => {
            const first = held.slice(0, i).reduce((sum, other) => sum + other, 0);
            const numbers = Array.from({ length: load }, (_, at) => (first + at) as Partition);
            const claim = { held: new Map([['a' as Topic, numbers]]), heldSince: 1 };
            return claimOf(`m${i}`, ['a' as Topic], claim);
          }),
        };
        const [low, high] = [Math.floor(total / held.length), Math.ceil(total / held.length)];
        const above = held.reduce((sum, load) => sum + Math.max(0, load - high), 0);
        const below = held.reduce((sum, load) => sum + Math.max(0, low - load), 0);
        let moves = 0;
        let steps = 0;
        for (let isBalanced = false; !isBalanced; steps++) {
          const result = assignPartitions(input);
          moves += placesOf(result).filter(({ formerOwner }) => formerOwner !== undefined).length;
          input = stepAfter(input, result);
          ({ isBalanced } = result);
        }
        expect(moves).to.equal(Math.max(above, below));
        // One, two, four, ... until it has its share.
        expect(steps).to.be.at.most(Math.ceil(Math.log2(high + 1)) + 1);
      }),
      runs,
    );
  });

  it('a member that claims what it has lost gets it back from nobody', () => {
    const held = new Map([['a' as Topic, [0, 1] as Partition[]]]);
    const result = assignPartitions({
      isCalm: false,
      generation: 6,
      partitionCounts: new Map([['a' as Topic, 2]]),
      claims: [
        claimOf('zombie', ['a' as Topic], { held, heldSince: 4 }),
        claimOf('owner', ['a' as Topic], { held, heldSince: 5 }),
      ],
    });
    for (const { owner, formerOwner } of placesOf(result)) {
      expect([owner?.id, formerOwner]).to.deep.equal(['owner', undefined]);
    }
  });

  it('a rolling update moves each partition about once', () => {
    const sizes = fc.record({
      members: fc.integer({ min: 2, max: 8 }),
      partitions: fc.integer({ min: 1, max: 60 }),
    });
    fc.assert(
      fc.property(sizes, ({ members, partitions }) => {
        const group = new Group(new Map([['a' as Topic, partitions]]));
        for (let i = 0; i < members; i++) group.host(`old${i}`, ['a' as Topic]);
        group.balance();
        const before = group.moves;
        for (let i = 0; i < members; i++) {
          group.leave(`old${i}`);
          group.host(`new${i}`, ['a' as Topic]);
        }
        // What the first ones gave up went to old members in part, and moves with them once more.
        const share = Math.ceil(partitions / members);
        expect(group.moves - before).to.be.within(partitions, partitions + 2 * share);
        group.balance();
        expect(group.spread()).to.be.at.most(1);
      }),
      runs,
    );
  });
});
