import { expect } from 'chai';
import type { Topic } from '../../src/model/position.ts';
import { placesOf } from '../support/fleet/group.ts';
import { eventually } from './action-log.fixture.ts';
import { Fleet, type FleetUnderTest } from './fleet-membership.fixture.ts';

/** What a member of a fleet does, whatever carries it. */
export function fleetMembershipContract(name: string, open: () => Promise<FleetUnderTest>): void {
  describe(`contract: membership of a fleet over ${name}`, function () {
    this.timeout(120_000);
    let world: FleetUnderTest;
    let fleet: Fleet;
    let topic: Topic;

    before(async () => {
      world = await open();
    });
    after(() => world[Symbol.asyncDispose]());
    beforeEach(async () => {
      topic = await world.createTopic('shared', 6);
      fleet = new Fleet(world);
    });
    afterEach(() => fleet[Symbol.asyncDispose]());

    describe('sharing', () => sharing(() => ({ world, fleet, topic })));
    describe('keeping', () => keeping(() => ({ fleet, topic })));
    describe('leaving', () => leaving(() => ({ fleet, topic })));
    describe('failing', () => failing(() => ({ world, fleet, topic })));
  });
}

function sharing(given: () => { world: FleetUnderTest; fleet: Fleet; topic: Topic }): void {
  it('one that hosts nothing is a member and owns nothing', async () => {
    const one = await given().fleet.open([]);
    await eventually('a view', () => one.membership.view !== undefined);
    expect(one.membership.isMember()).to.equal(true);
    expect(one.membership.view?.members).to.deep.equal([one.member]);
    expect(one.owned).to.deep.equal([]);
  });

  it('one alone owns all that it hosts, and has taken it from nobody', async () => {
    const { fleet, topic } = given();
    const one = await fleet.open([topic]);
    await fleet.settled(one);
    expect(one.owned.map(({ partition }) => partition)).to.deep.equal([0, 1, 2, 3, 4, 5]);
    expect(one.owned.every(({ formerOwner }) => formerOwner === undefined)).to.equal(true);
  });

  it('the first gets all, and calm they share evenly; what moves names its former owner', async () => {
    const { fleet, topic } = given();
    const timings = { balanceDelayMs: 1_000 };
    const one = await fleet.open([topic], timings);
    await fleet.settled(one);
    const two = await fleet.open([topic], timings);
    const three = await fleet.open([topic], timings);
    await eventually('two of the six each', () =>
      [one, two, three].every(({ owned }) => owned.length === 2),
    );
    const seen = one.views.flatMap((view) => (view === undefined ? [] : placesOf(view)));
    for (const { owner, partition } of [two, three].flatMap(({ owned }) => owned)) {
      const moved = seen.find((at) => at.partition === partition && at.owner?.id === owner?.id);
      expect(moved?.formerOwner).to.deep.equal(one.member);
    }
    expect(one.owned.every(({ formerOwner }) => formerOwner === undefined)).to.equal(true);
  });

  it('before it is calm a newcomer gets only what has no owner', async () => {
    const { world, fleet, topic } = given();
    const one = await fleet.open([topic]);
    await fleet.settled(one);
    const other = await world.createTopic('other', 3);
    const two = await fleet.open([topic, other]);
    await fleet.settled(one, two);
    expect(one.owned.length).to.equal(6);
    expect(two.owned.map((own) => own.topic)).to.deep.equal([other, other, other]);
  });

  it('a member gets partitions of no topic that it does not host', async () => {
    const { world, fleet, topic } = given();
    const other = await world.createTopic('other', 3);
    const timings = { balanceDelayMs: 200 };
    const one = await fleet.open([topic], timings);
    const two = await fleet.open([other], timings);
    await fleet.settled(one, two);
    await eventually('both topics are shared out', () => one.membership.view?.topics.size === 2);
    await fleet.settled(one, two);
    expect([one.owned.length, two.owned.length]).to.deep.equal([6, 3]);
    expect(one.owned.every((own) => own.topic === topic)).to.equal(true);
    expect(two.owned.every((own) => own.topic === other)).to.equal(true);
  });

  it('generations grow, and all members have the same view of one', async () => {
    const { fleet, topic } = given();
    const one = await fleet.open([topic]);
    const two = await fleet.open([topic]);
    await fleet.settled(one, two);
    two.membership.host([]);
    await eventually('one owns all', () => one.owned.length === 6);
    two.membership.host([topic]);
    const three = await fleet.open([topic]);
    await fleet.settled(one, two, three);
    const byGeneration = new Map<number, unknown>();
    for (const { views } of [one, two, three]) {
      let last = 0;
      for (const view of views) {
        if (view === undefined) continue;
        expect(view.generation).to.be.above(last);
        last = view.generation;
        const first = byGeneration.get(last) ?? view;
        expect(view).to.deep.equal(first);
        byGeneration.set(last, first);
      }
    }
    expect(byGeneration.size).to.be.at.least(3);
  });
}

function keeping(given: () => { fleet: Fleet; topic: Topic }): void {
  it('what a member keeps is its own all the time while others come and go', async () => {
    const { fleet, topic } = given();
    const one = await fleet.open([topic]);
    await fleet.settled(one);
    const since = one.views.length;
    for (let i = 0; i < 3; i++) {
      const other = await fleet.open([topic]);
      await fleet.settled(one, other);
      await other.ends();
      await eventually('one alone', () => one.membership.view?.members.length === 1);
    }
    const views = one.views.slice(since);
    expect(views.length).to.be.at.least(6);
    for (const view of views) expect(one.ownedIn(view).length).to.equal(6);
    expect(one.wasNoMember).to.equal(0);
  });
}

function leaving(given: () => { fleet: Fleet; topic: Topic }): void {
  it('hosting nothing hands over everything while it is still a member', async () => {
    const { fleet, topic } = given();
    const one = await fleet.open([topic]);
    await fleet.settled(one);
    const two = await fleet.open([topic]);
    await fleet.settled(one, two);
    one.membership.host([]);
    await eventually('two owns all', () => two.owned.length === 6);
    for (const { formerOwner } of two.owned) expect(formerOwner).to.deep.equal(one.member);
    await eventually('one knows it', () => one.owned.length === 0);
    expect(one.membership.isMember()).to.equal(true);
    expect([one.wasNoMember, two.wasNoMember]).to.deep.equal([0, 0]);
  });

  it('what nobody can host any more has no owner', async () => {
    const { fleet, topic } = given();
    const one = await fleet.open([topic]);
    await fleet.settled(one);
    one.membership.host([]);
    await eventually('one owns nothing', () => one.owned.length === 0);
    expect(one.membership.isMember()).to.equal(true);
  });

  it('one that is disposed is replaced at once, and disposing again does nothing', async () => {
    const { fleet, topic } = given();
    const one = await fleet.open([topic]);
    await fleet.settled(one);
    const two = await fleet.open([topic]);
    await fleet.settled(one, two);
    const startedMs = Date.now();
    await one.membership[Symbol.asyncDispose]();
    expect(Date.now() - startedMs).to.be.below(2_500);
    expect([one.membership.isMember(), one.membership.view]).to.deep.equal([false, undefined]);
    await eventually('two owns all', () => two.owned.length === 6);
    expect(Date.now() - startedMs).to.be.below(5_000);
    for (const { formerOwner } of two.owned) expect(formerOwner).to.equal(undefined);
    await one.membership[Symbol.asyncDispose]();
  });
}

function failing(given: () => { world: FleetUnderTest; fleet: Fleet; topic: Topic }): void {
  it('one that dies is replaced after the session time-out', async () => {
    const { world, fleet, topic } = given();
    const victim = fleet.openProcess(topic);
    await eventually('the victim owns all', () => victim.report.owned === 6);
    const heir = await fleet.open([topic]);
    await fleet.settled(heir);
    expect(heir.owned.length).to.equal(0);
    const startedMs = Date.now();
    await victim.kill();
    await eventually('the heir owns all', () => heir.owned.length === 6);
    expect(Date.now() - startedMs).to.be.below(world.sessionTimeoutMs + 2_000);
    expect(heir.membership.view?.members).to.deep.equal([heir.member]);
    expect(heir.wasNoMember).to.equal(0);
  });

  it('one that stands still takes nothing from the others, also when they wait for it', async () => {
    const { world, fleet, topic } = given();
    const keeper = await fleet.open([topic]);
    await fleet.settled(keeper);
    const frozen = fleet.openProcess(topic);
    await eventually('both are members', () => {
      const { view } = keeper.membership;
      return view?.members.length === 2 && frozen.report.generation === view.generation;
    });
    const since = keeper.views.length;
    frozen.freeze();
    const startedMs = Date.now();
    const newcomer = await fleet.open([topic]);
    await fleet.settled(keeper, newcomer);
    await eventually('the frozen one is expelled', () => {
      return keeper.membership.view?.members.length === 2;
    });
    expect(Date.now() - startedMs).to.be.below(world.sessionTimeoutMs + 2_000);
    for (const view of keeper.views.slice(since)) expect(keeper.ownedIn(view).length).to.equal(6);
    expect(keeper.wasNoMember).to.equal(0);
  });

  it('one that stood still believes no more that it is a member, before another owns its partitions', async () => {
    const { fleet, topic } = given();
    const frozen = fleet.openProcess(topic);
    await eventually('the frozen one owns all', () => frozen.report.owned === 6);
    const heir = await fleet.open([topic]);
    await fleet.settled(heir);
    await eventually('it knows of the heir', () => {
      return frozen.report.generation === heir.membership.view?.generation;
    });
    const before = heir.membership.view?.generation ?? 0;
    frozen.freeze();
    await eventually('the heir owns all', () => heir.owned.length === 6);
    const ownedMs = Date.now();
    frozen.thaw();
    await eventually('the frozen one has joined again', () => {
      return (frozen.report.generation ?? 0) > before;
    });
    for (const [generation, atMs] of frozen.report.lastSure) {
      if (generation <= before) expect(atMs).to.be.below(ownedMs);
    }
    // It claims nothing of what it had.
    await eventually('both', () => heir.membership.view?.members.length === 2);
    expect(heir.owned.length).to.equal(6);
    expect(placesOf(heir.membership.view ?? { topics: new Map() })).to.have.length(6);
  });
}
