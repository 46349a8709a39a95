import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import type { KafkaSettings } from '../../../src/config/settings/kafka-settings.ts';
import {
  type FleetTimings,
  openKafkaFleetMembership,
} from '../../../src/kafka/fleet/kafka-fleet-membership.ts';
import { readKafkaFleet } from '../../../src/kafka/fleet/read-kafka-fleet.ts';
import { type KafkaAdmin, openKafkaAdmin } from '../../../src/kafka/kafka-admin.ts';
import { InvalidInputError, NotSetUpError } from '../../../src/model/errors.ts';
import { Topic } from '../../../src/model/position.ts';
import type { FleetMembership } from '../../../src/ports/fleet-membership.ts';
import { eventually, failureOf } from '../../contract/action-log.fixture.ts';
import { apiKeys, FaultProxy } from '../../support/fault-proxy.ts';
import { placesOf } from '../../support/fleet/group.ts';
import {
  brokerAddress,
  createTopic,
  kafkaSettings,
  plainKafka,
  quietDeps,
} from './kafka-fixture.ts';

/** Shorter than a broker allows unless it is told otherwise, as that of the stack is. */
const sessionTimeoutMs = 3_000;
/** How long a member waits for what a broker says of its topics; a third of its session. */
const countingMs = 3_000;

describe('a fleet on Kafka', function () {
  this.timeout(60_000);
  let admin: KafkaAdmin;
  let proxy: FaultProxy;
  let topic: Topic;
  let group: string;
  let opened: FleetMembership[];

  before(async () => {
    admin = await openKafkaAdmin(kafkaSettings(), quietDeps);
  });
  after(() => admin[Symbol.asyncDispose]());
  beforeEach(async () => {
    proxy = await FaultProxy.open(brokerAddress());
    topic = await createTopic(admin, 'fleet', 4);
    group = `fleet-${randomUUID()}`;
    opened = [];
  });
  afterEach(async () => {
    await Promise.all(opened.map((membership) => membership[Symbol.asyncDispose]()));
    await proxy[Symbol.asyncDispose]();
  });

  async function open(
    id: string,
    changes: Partial<KafkaSettings> = {},
    own: Partial<FleetTimings> = {},
  ): Promise<FleetMembership> {
    const usual = { group, sessionTimeoutMs, heartbeatIntervalMs: 100, balanceDelayMs: 60_000 };
    const timings = { ...usual, ...own };
    const member = { id, address: `http://${id}:1` };
    const kafka = kafkaSettings(changes);
    const membership = await openKafkaFleetMembership({ kafka, fleet: timings, member }, quietDeps);
    opened.push(membership);
    return membership;
  }
  const owns = (membership: FleetMembership, id: string, count: number): boolean => {
    const { view } = membership;
    if (view === undefined) return false;
    return placesOf(view).filter(({ owner }) => owner?.id === id).length === count;
  };
  const throughProxy = () => ({ bootstrapServers: [proxy.address] });

  it('a member that is cut off is sure of nothing before another one owns its partitions, and joins again', async () => {
    const cut = await open('cut', throughProxy());
    cut.host([topic]);
    await eventually('all for the one', () => owns(cut, 'cut', 4));
    const heir = await open('heir');
    heir.host([topic]);
    await eventually('a view of both', () => cut.view?.members.length === 2);
    const views: unknown[] = [];
    cut.onChange((view) => views.push(view));
    proxy.freeze(true);
    let wasSureWithHeir = false;
    await eventually('all for the heir', () => {
      const isOwner = owns(heir, 'heir', 4);
      wasSureWithHeir ||= isOwner && cut.isMember();
      return isOwner;
    });
    expect(wasSureWithHeir).to.equal(false);
    await eventually('it knows', () => cut.view === undefined);
    expect(views).to.deep.equal([undefined]);
    proxy.freeze(false);
    await eventually('it is back', () => cut.isMember() && cut.view?.members.length === 2);
    expect(owns(cut, 'heir', 4)).to.equal(true);
  });

  it('a member whose connections are reset keeps what it has', async () => {
    const shaky = await open('shaky', throughProxy());
    shaky.host([topic]);
    await eventually('all for the one', () => owns(shaky, 'shaky', 4));
    const views: unknown[] = [];
    shaky.onChange((view) => views.push(view));
    for (let i = 0; i < 3; i++) {
      proxy.cut();
      await new Promise((resolve) => setTimeout(resolve, 400));
    }
    const other = await open('other');
    other.host([topic]);
    await eventually('a view of both', () => shaky.view?.members.length === 2);
    expect(views).to.not.include(undefined);
    expect(owns(shaky, 'shaky', 4)).to.equal(true);
  });

  it('a member that is lost while it takes over a view is sure of it once the group confirms it', async () => {
    // The lease is looked at so often; 3 s, the session, is no multiple of it. So the member sees
    // that its lease is over before it gives up the heartbeat that has no answer.
    const slow = await open('slow', throughProxy(), { heartbeatIntervalMs: 700 });
    slow.host([topic]);
    await eventually('all for the one', () => owns(slow, 'slow', 4) && slow.isMember());
    const more = await createTopic(admin, 'fleet', 1);
    slow.onChange((view) => {
      if (view === undefined) proxy.releaseAnswers();
    });
    proxy.holdAnswers(apiKeys.heartbeat);
    await sleep(sessionTimeoutMs / 2);
    // It joins again, and asks by a heartbeat whether its share is still good.
    slow.host([topic, more]);
    await eventually('it is back', () => slow.isMember() && owns(slow, 'slow', 5));
  });

  it('a member that is lost while it waits for its share joins again at once', async () => {
    const deaf = await open('deaf', throughProxy());
    deaf.host([topic]);
    await eventually('all for the one', () => owns(deaf, 'deaf', 4));
    const more = await createTopic(admin, 'fleet', 1);
    proxy.dropAnswers(apiKeys.syncGroup, 1, { thenCut: false });
    deaf.host([topic, more]);
    await eventually('it knows', () => deaf.view === undefined);
    const lostMs = performance.now();
    await eventually('it is back', () => deaf.isMember() && owns(deaf, 'deaf', 5));
    // The answer is waited for as long as a group may take to share out: twice the session.
    expect(performance.now() - lostMs).to.be.below(sessionTimeoutMs);
  });

  it('a member that ends while it takes over a view is none any more', async () => {
    const ending = await open('ending', throughProxy(), { heartbeatIntervalMs: 60_000 });
    ending.host([topic]);
    await eventually('all for the one', () => owns(ending, 'ending', 4) && ending.isMember());
    proxy.holdAnswers(apiKeys.heartbeat);
    // It asks by a heartbeat whether its share is still good.
    ending.host([]);
    await eventually('it has its share', () => proxy.held > 0);
    const views: unknown[] = [];
    ending.onChange((view) => views.push(view));
    const ended = ending[Symbol.asyncDispose]();
    proxy.releaseAnswers();
    await ended;
    expect(views).to.deep.equal([undefined]);
    expect([ending.view, ending.isMember()]).to.deep.equal([undefined, false]);
  });

  it('an owner is told who had its partition, also when nobody was to have it in between', async () => {
    const one = await open('one');
    const two = await open('two');
    one.host([topic]);
    await eventually('all for one', () => owns(two, 'one', 4));
    one.host([]);
    await eventually('all for nobody', () => owns(one, 'one', 0));
    two.host([topic]);
    await eventually('all for two', () => owns(two, 'two', 4));
    const former = two.view === undefined ? [] : placesOf(two.view);
    expect(former.map(({ formerOwner }) => formerOwner?.id)).to.deep.equal(Array(4).fill('one'));
  });

  it('generations go on where they were when Kafka has lost the group', async () => {
    const lasting = await open('lasting', throughProxy());
    lasting.host([topic]);
    await eventually('all for the one', () => owns(lasting, 'lasting', 4));
    const { generation = 0 } = lasting.view ?? {};
    proxy.freeze(true);
    await eventually('it knows', () => lasting.view === undefined);
    const operator = plainKafka().admin();
    await operator.connect();
    // Kafka does so itself once nobody has been in the group for some minutes. It refuses while the
    // session of the member lasts.
    let isGone = false;
    while (!isGone)
      isGone = await operator.deleteGroups([group]).then(
        () => true,
        () => false,
      );
    await operator.disconnect();
    proxy.freeze(false);
    await eventually('it is back', () => lasting.isMember());
    expect(lasting.view?.generation).to.be.above(generation);
  });

  it('partitions that are added to a topic get owners; no member waits while they are counted', async () => {
    const one = await open('one', throughProxy(), { sessionTimeoutMs: 3 * countingMs });
    one.host([topic]);
    await eventually('4 partitions', () => owns(one, 'one', 4));
    const operator = plainKafka().admin();
    await operator.connect();
    await operator.createPartitions({ topicPartitions: [{ topic, count: 6 }] });
    await operator.disconnect();
    const two = await open('two');
    await eventually('a view of both', () => two.view?.members.length === 2);
    const { generation = 0 } = two.view ?? {};
    proxy.holdAnswers(apiKeys.metadata);
    await eventually('it counts', () => proxy.held > 0);
    const beganMs = performance.now();
    two.host([topic]);
    await eventually('a round', () => (two.view?.generation ?? 0) > generation);
    expect(performance.now() - beganMs).to.be.below(countingMs / 2);
    proxy.releaseAnswers();
    await eventually('6 partitions', () => owns(one, 'one', 4) && owns(one, 'two', 2));
  });

  it('a topic that is created after it was hosted gets owners', async () => {
    const late = Topic.of(`late-${randomUUID()}`);
    const one = await open('one');
    one.host([topic, late]);
    await eventually('the topic that is there', () => owns(one, 'one', 4));
    const settings = { ...kafkaSettings().topic, partitions: 2, retentionMs: -1 };
    await admin.ensureTopic(late, settings);
    await eventually('both', () => owns(one, 'one', 6));
  });

  it('is described from outside: who owns what, and who hosts what', async () => {
    const empty = await readKafkaFleet(kafkaSettings(), group, quietDeps);
    expect(empty.view.members).to.deep.equal([]);
    const one = await open('one');
    const two = await open('two');
    one.host([topic]);
    await eventually('all for one', () => owns(two, 'one', 4));
    const described = await readKafkaFleet(kafkaSettings(), group, quietDeps);
    expect(described.view).to.deep.equal(two.view);
    expect(described.hosted).to.deep.equal(
      new Map([
        ['one', [topic]],
        ['two', []],
      ]),
    );
  });

  it('a group that consumers use is refused, by name', async () => {
    const consumer = plainKafka().consumer({ groupId: group });
    await consumer.connect();
    await consumer.subscribe({ topic });
    await consumer.run({ eachMessage: async () => {} });
    const found = await readUntilStable();
    expect(found).to.be.instanceOf(NotSetUpError);
    const failure = await failureOf(open('one'));
    expect(failure).to.be.instanceOf(NotSetUpError);
    expect(String(failure)).to.include(group).and.to.include('fleet.group');
    await consumer.disconnect();
  });

  it('a session time-out that the broker does not allow is refused, by name', async () => {
    const fleet = { group, sessionTimeoutMs: 1, heartbeatIntervalMs: 1, balanceDelayMs: 1 };
    const member = { id: 'one', address: 'http://one:1' };
    const opening = openKafkaFleetMembership({ kafka: kafkaSettings(), fleet, member }, quietDeps);
    const failure = await failureOf(opening);
    expect(failure).to.be.instanceOf(InvalidInputError);
    expect(String(failure)).to.include('fleet.session-timeout');
  });

  /** The consumer joins in its own time. */
  async function readUntilStable(): Promise<unknown> {
    for (;;) {
      const found = await readKafkaFleet(kafkaSettings(), group, quietDeps).catch(
        (e: unknown) => e,
      );
      if (found instanceof Error) return found;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
});
