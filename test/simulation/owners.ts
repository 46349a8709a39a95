import { Quarantine } from '../../replicator/apply/quarantine.ts';
import type { FlowDeps } from '../../replicator/replicator-deps.ts';
import { TopicFlow } from '../../replicator/topic/topic-flow.ts';
import { WorkInFlight } from '../../replicator/topic/work-in-flight.ts';
import { JournalError } from '../../src/model/errors.ts';
import type { Offset, Partition } from '../../src/model/position.ts';
import { silentLogger } from '../../src/observability/logger.ts';
import type { TopicConsumer } from '../../src/ports/topic-consumer.ts';
import type { Clock } from '../../src/runtime/clock.ts';
import { CassandraReplicatedJournal } from '../../src/stores/cassandra/replicated-journal.ts';
import type { Params } from '../../src/stores/cassandra/session-types.ts';
import { SimulatedProcess } from './core/scheduler.ts';
import { SimulatedSession } from './cql/simulated-session.ts';
import { cassandraSettings } from './settings.ts';
import { storedOffset, storedUntil } from './store-view.ts';
import type { World } from './world.ts';

/** A journal not written for so long is loaded again. */
const cacheExpireAfterMs = 60_000;

/** One partition in the hands of one owner. */
interface Serving {
  readonly partition: number;
  readonly leave: AbortController;
  /** False once the group gave the partition to somebody else. */
  isOwned: boolean;
  ended: Promise<void>;
}

/**
 * One replicator process: the product's flow, fed by a consumer group that the simulation plays.
 */
export class Owner {
  readonly process: SimulatedProcess;
  readonly #world: World;
  readonly #deps: FlowDeps;
  readonly #servings = new Map<number, Serving>();
  /** Ends with the last serving of a partition. */
  readonly #ended = new Map<number, Promise<void>>();
  #flow: TopicFlow;
  #restarting: Promise<void> | undefined;
  #revoking: Promise<unknown> = Promise.resolve();

  constructor(world: World, name: string) {
    const { scheduler, cassandra, plan } = world;
    const process = new SimulatedProcess(name);
    const number = Number(name.slice(1));
    const steady = scheduler.clockOf(process);
    const clock: Clock = {
      nowMs: () => steady.nowMs() + plan.skewMs * (number % 2),
      steadyMs: () => steady.steadyMs(),
      sleep: (ms, options) => steady.sleep(ms, options),
    };
    // Every second one is as a replicator of an old version, where one of ours has begun.
    const isOld = plan.holders?.isMixed === true && number % 2 === 0;
    const isUnknown = (cql: string, [topic, partition]: Params): boolean =>
      isOld &&
      /(insert into|delete from) \S*tenures/i.test(cql) &&
      storedUntil(cassandra, topic as string, partition as number) !== undefined;
    const session = { scheduler, process, model: cassandra, pageSize: plan.pageSize, isUnknown };
    const segmentSize = plan.segmentSize + (plan.changesSegments ? number % 3 : 0);
    this.#world = world;
    this.process = process;
    this.#deps = {
      store: new CassandraReplicatedJournal(
        new SimulatedSession(session),
        cassandraSettings({ ...plan, segmentSize }),
      ),
      inFlight: new WorkInFlight(plan.keysInFlight),
      storeName: 'the store',
      quarantine: new Quarantine(
        { policy: 'fail', skip: [] },
        { file: undefined, log: silentLogger, clock },
      ),
      log: silentLogger,
      clock,
      random: () => scheduler.random.next(),
      cacheExpireAfterMs,
      onReplicated: undefined,
    };
    this.#flow = this.#openFlow();
  }

  #openFlow(): TopicFlow {
    const { process } = this;
    const world = this.#world;
    const consumer = {
      commit: (partition: Partition, next: Offset) =>
        world.scheduler.call({
          process,
          label: () => `commit ${partition}:${next}`,
          apply: () => checkCommit(world, partition, next),
        }),
    };
    const listener = { workStarted: () => {}, workSettled: () => {} };
    return new TopicFlow(world.log.topic, this.#deps, {
      consumer: consumer as unknown as TopicConsumer,
      listener,
    });
  }

  /** The group gave it the partition. */
  assign(partition: number): void {
    const serving: Serving = {
      partition,
      leave: new AbortController(),
      isOwned: true,
      ended: Promise.resolve(),
    };
    // A member that lost the partition, knowing or not, is through with it before it begins again.
    this.#servings.get(partition)?.leave.abort(new Error('lost'));
    const before = this.#ended.get(partition) ?? Promise.resolve();
    this.#servings.set(partition, serving);
    serving.ended = before.then(() => this.#serve(serving));
    this.#ended.set(partition, serving.ended);
  }

  async #serve(serving: Serving): Promise<void> {
    // A restart has left it before it began, and waits for it.
    if (serving.leave.signal.aborted) return;
    try {
      await this.#restarting;
      await this.#consume(serving, this.#flow);
    } catch (error) {
      if (!(error instanceof JournalError)) {
        this.#world.violation(`${this.process.name} failed in no known way: ${String(error)}`);
        return;
      }
      this.#world.scheduler.note(() => `${this.process.name} starts again: ${error.message}`);
      if (!serving.leave.signal.aborted) this.#restarting ??= this.#restart();
    }
  }

  async #consume(serving: Serving, flow: TopicFlow): Promise<void> {
    const { log, scheduler, plan } = this.#world;
    const partitions = log.partitions.length;
    const { process } = this;
    const { partition } = serving;
    const { signal } = serving.leave;
    let next = (await flow.assigned(partition as Partition, { partitions })) ?? 0;
    while (!signal.aborted) {
      await log.hasRecord(partition, next, signal);
      if (signal.aborted) return;
      const polled = await scheduler.call({
        process,
        label: () => `poll ${partition}:${next}`,
        apply: () =>
          log.partition(partition).slice(next, next + scheduler.random.int(1, plan.pollSize)),
      });
      if (signal.aborted) return;
      next += polled.length;
      const batch = {
        partition: partition as Partition,
        records: polled.map(({ record }) => record),
        nextOffset: next as Offset,
        endOffset: undefined,
        isOwned: () => serving.isOwned,
      };
      await flow.records(batch, signal);
    }
  }

  /** The subscription failed: leave everything in order and join again. */
  async #restart(): Promise<void> {
    const before = this.#flow;
    const partitions = [...this.#servings.values()].filter(({ isOwned }) => isOwned);
    for (const { leave } of this.#servings.values()) leave.abort(new Error('left'));
    await Promise.all(partitions.map(({ ended }) => ended));
    await before.close();
    await this.#deps.clock.sleep(1_000);
    this.#flow = this.#openFlow();
    this.#restarting = undefined;
    // What was revoked or lost meanwhile is not among what the group gives back.
    for (const serving of partitions) {
      const { partition, isOwned } = serving;
      if (isOwned && this.#servings.get(partition) === serving) this.assign(partition);
    }
  }

  /** The group takes the partition back in order: it is given on when this resolves. */
  revoke(partition: number): Promise<void> {
    this.#revoking = Promise.all([this.#revoking, this.#revoke(partition)]);
    return this.#revoking.then(() => {});
  }

  async #revoke(partition: number): Promise<void> {
    const serving = this.#servings.get(partition);
    if (serving === undefined) return;
    await this.#restarting;
    const current = this.#servings.get(partition) ?? serving;
    this.#servings.delete(partition);
    current.leave.abort(new Error('revoked'));
    await current.ended;
    await this.#flow.revoked(partition as Partition);
    current.isOwned = false;
  }

  /** The group gave the partitions to others without this process knowing. */
  disown(): void {
    for (const serving of this.#servings.values()) serving.isOwned = false;
  }

  /** It learns that its partitions are gone. */
  async lose(): Promise<void> {
    await this.#revoking;
    const servings = [...this.#servings.values()].filter(({ isOwned }) => !isOwned);
    for (const { partition, leave } of servings) {
      leave.abort(new Error('lost'));
      if (this.#servings.get(partition)?.isOwned === false) this.#servings.delete(partition);
    }
    await Promise.all(servings.map(({ partition }) => this.#flow.lost(partition as Partition)));
  }
}

/** I15: what the group is told never exceeds what is replicated. */
function checkCommit(world: World, partition: number, next: number): void {
  const replicated = storedOffset(world.cassandra, world.log.topic, partition) ?? -1;
  if (next > replicated + 1) {
    world.violation(`committed ${partition}:${next} while ${replicated} is replicated (I15)`);
  }
}
