import { expect } from 'chai';
import { FleetGroup } from '../../../../src/kafka/driver/fleet-group.ts';
import {
  type DriverBroker,
  type DriverCluster,
  type DriverRequest,
  MemberAssignment,
  MemberMetadata,
  protocolError,
} from '../../../../src/kafka/driver/kafkajs.ts';
import { failureOf } from '../../../contract/action-log.fixture.ts';

const illegalGeneration = 22;
const rebalanceInProgress = 27;

/** A coordinator with one member; answers by the name of the request. */
class FakeCoordinator {
  generation = 0;
  leaderId = 'me';
  sent: string[] = [];
  /** Answers to the next heartbeats; then all are good. */
  heartbeats: number[] = [];
  /** Which generations the heartbeats named. */
  beaten: number[] = [];
  onSync: () => Promise<void> = async () => {};
  #userData = Buffer.alloc(0);

  get cluster(): DriverCluster {
    const broker: Partial<DriverBroker> = {
      findGroupCoordinator: async () => ({}),
      connectionPool: {
        send: (request) => this.#answer('first', request),
        getConnection: async () => ({ send: (request) => this.#answer('second', request) }),
      },
    };
    const cluster: Partial<DriverCluster> = {
      brokerPool: { findConnectedBroker: async () => broker } as DriverCluster['brokerPool'],
      findGroupCoordinator: async () => broker as DriverBroker,
    };
    return cluster as DriverCluster;
  }

  async #answer(connection: string, { request }: DriverRequest): Promise<unknown> {
    const { apiName } = request as { readonly apiName: string };
    this.sent.push(`${apiName} ${connection}`);
    if (apiName === 'JoinGroup') {
      this.generation += 1;
      const memberMetadata = MemberMetadata.encode({
        version: 1,
        topics: [],
        userData: Buffer.from('a claim'),
      });
      const members = [{ memberId: 'me', memberMetadata }];
      return { generationId: this.generation, leaderId: this.leaderId, memberId: 'me', members };
    }
    if (apiName === 'SyncGroup') {
      await this.onSync();
      this.#userData = Buffer.from(`view ${this.generation}`);
      const given = { version: 1, assignment: {}, userData: this.#userData };
      return { memberAssignment: MemberAssignment.encode(given) };
    }
    if (apiName === 'Heartbeat') this.beaten.push(await generationOf(request));
    const code = apiName === 'Heartbeat' ? this.heartbeats.shift() : undefined;
    if (code !== undefined) throw protocolError(code);
    return {};
  }
}

/** After the length and the text of the group's id, `g`. */
async function generationOf(request: unknown): Promise<number> {
  const { buffer } = await (request as { encode(): Promise<{ readonly buffer: Buffer }> }).encode();
  return buffer.readInt32BE(3);
}

describe('a member of the group of a fleet', () => {
  let coordinator: FakeCoordinator;
  let group: FleetGroup;
  beforeEach(() => {
    coordinator = new FakeCoordinator();
    const { cluster } = coordinator;
    group = new FleetGroup({ cluster, groupId: 'g', sessionTimeoutMs: 6_000 });
  });
  const join = () => group.join('a claim', async () => 'the view');
  const typeOf = async (run: Promise<unknown>) =>
    ((await failureOf(run)) as { type?: string }).type;

  it('shares out what all say of themselves, as the first of the group', async () => {
    let shared: unknown;
    const { generation, text } = await group.join('a claim', async (number, members) => {
      shared = [number, members];
      return 'the view';
    });
    // The first join gives out the member id; the fake counts it, too.
    expect(shared).to.deep.equal([generation, [{ memberId: 'me', claim: 'a claim' }]]);
    expect(text).to.equal(`view ${generation}`);
  });

  it('sends heartbeats over another connection than joins', async () => {
    await join();
    await group.heartbeat();
    expect(coordinator.sent.slice(-3)).to.deep.equal([
      'JoinGroup first',
      'SyncGroup first',
      'Heartbeat second',
    ]);
  });

  it('is not expelled when the group goes on to the generation that it is joining', async () => {
    await join();
    coordinator.heartbeats = [illegalGeneration];
    let type: string | undefined = 'none';
    coordinator.onSync = async () => {
      type = await typeOf(group.heartbeat());
    };
    await join();
    expect(type).to.equal(undefined);
    expect(group.isRestless).to.equal(false);
  });

  it('is not expelled either while it has no share of the generation that it has joined', async () => {
    await join();
    coordinator.onSync = async () => {
      throw protocolError(rebalanceInProgress);
    };
    expect(await typeOf(join())).to.equal('REBALANCE_IN_PROGRESS');
    coordinator.heartbeats = [illegalGeneration];
    expect(await typeOf(group.heartbeat())).to.equal(undefined);
  });

  describe('that shares out a generation', () => {
    const beat = async () => {
      await group.heartbeat().catch(() => {}); // what it names counts
      return coordinator.beaten.at(-1);
    };

    it('names it when the group has begun anew before it was shared out: nobody has a share', async () => {
      const { generation } = await join();
      coordinator.onSync = async () => {
        throw protocolError(rebalanceInProgress);
      };
      await failureOf(join());
      expect(await beat()).to.equal(generation + 1);
      expect(group.generation).to.equal(generation);
      coordinator.onSync = async () => {};
      await join();
      expect(await beat()).to.equal(generation + 2);
    });

    it('names it while it looks for what it shares out, and not once others may have a share', async () => {
      const { generation } = await join();
      let named: number | undefined;
      coordinator.onSync = async () => {
        named = await beat();
        throw new Error('the answer was lost');
      };
      const joining = group.join('a claim', async () => {
        expect(await beat()).to.equal(generation + 1);
        return 'the view';
      });
      await failureOf(joining);
      expect(named).to.equal(generation);
      expect(await beat()).to.equal(generation);
    });

    it('names none that another member shares out', async () => {
      const { generation } = await join();
      coordinator.leaderId = 'another';
      coordinator.onSync = async () => {
        throw protocolError(rebalanceInProgress);
      };
      await failureOf(join());
      expect(await beat()).to.equal(generation);
    });
  });

  it('is expelled when the group goes on without it', async () => {
    await join();
    coordinator.heartbeats = [illegalGeneration];
    expect(await typeOf(group.heartbeat())).to.equal('ILLEGAL_GENERATION');
  });

  it('knows that the group shares out anew until it has joined again', async () => {
    await join();
    expect(group.isRestless).to.equal(false);
    coordinator.heartbeats = [rebalanceInProgress];
    expect(await typeOf(group.heartbeat())).to.equal('REBALANCE_IN_PROGRESS');
    expect(group.isRestless).to.equal(true);
    await join();
    expect(group.isRestless).to.equal(false);
  });

  it('leaves over the connection that no join can occupy', async () => {
    await join();
    await group.leave();
    expect(coordinator.sent.at(-1)).to.equal('LeaveGroup second');
    expect(await failureOf(join())).to.have.property('code', 'CLOSED');
  });
});
