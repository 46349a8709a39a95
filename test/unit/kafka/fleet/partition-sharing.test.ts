import { expect } from 'chai';
import type { FleetClaim } from '../../../../src/fleet/assignment/fleet-claim.ts';
import { decodeView, encodeClaim } from '../../../../src/fleet/assignment/member-codec.ts';
import { CalmWatch } from '../../../../src/kafka/fleet/calm-watch.ts';
import {
  largestRecordBytes,
  PartitionSharing,
} from '../../../../src/kafka/fleet/partition-sharing.ts';
import { LogCluster } from '../../../../src/kafka/log-cluster.ts';
import { NotSetUpError } from '../../../../src/model/errors.ts';
import type { Partition, Topic } from '../../../../src/model/position.ts';
import { claimOf, placesOf } from '../../../support/fleet/group.ts';
import { RecordingLogger } from '../../../support/recording-logger.ts';

const topic = 'journal' as Topic;
const missing = 'missing' as Topic;
const balanceDelayMs = 3_000;

describe('the member that shares out the partitions', () => {
  let nowMs: number;
  let counts: Map<Topic, number>;
  let asked: number;
  let log: RecordingLogger;
  let sharing: PartitionSharing;

  beforeEach(() => {
    nowMs = 50_000;
    counts = new Map([[topic, 4]]);
    asked = 0;
    log = new RecordingLogger();
    const members: Partial<LogCluster> = {
      deps: {
        log,
        clock: { nowMs: () => nowMs, steadyMs: () => nowMs, sleep: () => Promise.resolve() },
      },
      address: 'fake:9092',
      partitionCount: async (wanted) => {
        asked += 1;
        const count = counts.get(wanted as Topic);
        if (count === undefined) throw new NotSetUpError(`topic ${wanted} does not exist`);
        return count;
      },
    };
    const cluster = Object.assign(Object.create(LogCluster.prototype), members) as LogCluster;
    sharing = new PartitionSharing(cluster, new CalmWatch(balanceDelayMs));
  });

  const joined = (...claims: readonly FleetClaim[]) =>
    claims.map((claim) => ({ memberId: `kafka-${claim.member.id}`, claim: encodeClaim(claim) }));
  const all = new Map([[topic, [0, 1, 2, 3] as Partition[]]]);
  const owner = claimOf('owner', [topic], { held: all, heldSince: 1 });
  const newcomer = claimOf('newcomer', [topic]);
  async function share(generation: number, ...claims: readonly FleetClaim[]) {
    const { text, isBalanced } = await sharing.share(generation, joined(...claims));
    const view = decodeView(text);
    const loads = claims.map(
      ({ member }) => placesOf(view).filter((place) => place.owner?.id === member.id).length,
    );
    return { view, loads, isBalanced };
  }

  it('moves nothing for balance before the members have stayed the same for the delay', async () => {
    expect((await share(2, owner, newcomer)).loads).to.deep.equal([4, 0]);
    nowMs += balanceDelayMs - 1;
    const early = await share(3, owner, newcomer);
    expect([early.loads, early.isBalanced]).to.deep.equal([[4, 0], false]);
    nowMs += 1;
    const calm = await share(4, owner, newcomer);
    expect([calm.loads, calm.isBalanced]).to.deep.equal([[3, 1], false]);
  });

  it('gives a newcomer one partition first, and more a second later', async () => {
    const heldBy = (held: readonly number[]) => new Map([[topic, held as Partition[]]]);
    await share(2, owner, newcomer);
    nowMs += balanceDelayMs;
    expect((await share(3, owner, newcomer)).loads).to.deep.equal([3, 1]);
    const then = [
      { ...owner, held: heldBy([0, 1, 2]), heldSince: 3 },
      { ...newcomer, held: heldBy([3]), heldSince: 3 },
    ];
    nowMs += 999;
    const early = await share(4, ...then);
    expect([early.loads, early.isBalanced]).to.deep.equal([[3, 1], false]);
    nowMs += 1;
    const later = await share(5, ...then);
    expect([later.loads, later.isBalanced]).to.deep.equal([[2, 2], true]);
  });

  it('asks the brokers for the partitions of a topic once', async () => {
    await share(1, owner);
    await share(2, owner, newcomer);
    expect(asked).to.equal(1);
  });

  it('shares out the other topics when one does not exist, and says so once', async () => {
    const both = claimOf('both', [topic, missing]);
    expect((await share(1, both)).loads).to.deep.equal([4]);
    await share(2, both);
    expect(await sharing.haveCountsChanged()).to.equal(false);
    expect(log.of('warn')).to.have.length(1);
    counts.set(missing, 2);
    expect(await sharing.haveCountsChanged()).to.equal(true);
    expect((await share(3, both)).loads).to.deep.equal([6]);
  });

  it('notices that a topic has more partitions; one that is not seen for a while keeps its own', async () => {
    await share(1, owner);
    expect(await sharing.haveCountsChanged()).to.equal(false);
    counts.delete(topic);
    expect(await sharing.haveCountsChanged()).to.equal(false);
    counts.set(topic, 5);
    expect(await sharing.haveCountsChanged()).to.equal(true);
    expect((await share(2, owner)).loads).to.deep.equal([5]);
  });

  it('a generation is above all that a member knows, also when Kafka counts anew', async () => {
    expect((await share(7, owner)).view.generation).to.equal(7);
    const old = { ...owner, heldSince: 100 };
    expect((await share(1, old)).view.generation).to.equal(101);
  });

  it('says of a partition that moves in which generation it did, and nothing of one that stays', async () => {
    await share(2, owner, newcomer);
    nowMs += balanceDelayMs;
    const { view } = await share(4, owner, newcomer);
    for (const { owner: has, formerOwner, since } of placesOf(view)) {
      const hasMoved = has?.id === 'newcomer';
      expect([formerOwner?.id, since]).to.deep.equal(hasMoved ? ['owner', 4] : [undefined, 0]);
    }
  });

  it('warns once before the group is larger than one record of Kafka, and again when it was smaller', async () => {
    counts.set(topic, 100);
    const some = (count: number) =>
      Array.from({ length: count }, (_, at) => {
        const id = `7d0f1f0e-0000-4000-8000-${String(at).padStart(12, '0')}`;
        const member = { id, address: `http://10.123.123.${at % 256}:12345` };
        return { ...claimOf(id, [topic]), member };
      });
    const warnings = async (members: number): Promise<number> => {
      await sharing.share(1, joined(...some(members)));
      return log.of('warn').length;
    };
    expect(await warnings(60)).to.equal(0);
    expect(await warnings(110)).to.equal(1);
    expect(await warnings(111)).to.equal(1);
    expect(await warnings(60)).to.equal(1);
    expect(await warnings(110)).to.equal(2);
    const [said] = log.lines.filter(({ level }) => level === 'warn');
    expect(said?.fields['bytes']).to.be.below(largestRecordBytes);
  });

  it('a member whose claim cannot be read gets nothing, and the others go on', async () => {
    const members = [...joined(owner), { memberId: 'strange', claim: '{"v":9}' }];
    const { text } = await sharing.share(1, members);
    const view = decodeView(text);
    expect(view.members).to.deep.equal([owner.member]);
    expect(placesOf(view).every((place) => place.owner?.id === 'owner')).to.equal(true);
    expect(log.of('warn')).to.have.length(1);
  });
});
