import { setTimeout as sleep } from 'node:timers/promises';
import { parseAddress } from '../support/stack/probes.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';
import {
  type ChaosWorld,
  partitionCount,
  setUp,
  shortSession,
  until,
  withWorld,
} from './chaos-world.ts';
import type { RestartableProcess } from './child-process.ts';
import { JournalLoad } from './journal-load.ts';
import { PositionWatch } from './position-watch.ts';
import { waitUntilReplicated } from './recovered.ts';
import { ReplicatorLog } from './replicator-log.ts';
import { replicatorProcess, stopLimitMs, withConfigFile } from './replicator-process.ts';
import { compare, countsOf, type ScenarioResult } from './scenario.ts';
import type { ScenarioOptions } from './scenarios.ts';

const takeOverLimitMs = 30_000;
/** Time for the other one to get ahead, and for the zombie to finish what it had begun. */
const aheadMs = 800;
const wokenMs = 1_500;
/** Long enough for writes to be under way and unanswered when the replicator freezes. */
const heldMs = 150;
/** Time for the late writes to be carried out. */
const lateMs = 200;

/**
 * One of two replicators freezes beyond its session, with writes under way to the store; the other
 * takes its partitions over and gets ahead; only then do these writes arrive, and the first one
 * wakes. Nothing of both may take anything back.
 */
export function zombie(options: ScenarioOptions): Promise<ScenarioResult> {
  return withWorld({ ...options, more: shortSession }, (world) =>
    withMember(world, (one) => withMember(world, (two) => run(world, [one, two], options))),
  );
}

/** A replicator whose way to the store can be held up. */
interface Member {
  readonly process: RestartableProcess;
  readonly log: ReplicatorLog;
  readonly store: TcpProxy;
}

async function run(
  world: ChaosWorld,
  members: readonly [Member, Member],
  { rounds }: ScenarioOptions,
): Promise<ScenarioResult> {
  const load = new JournalLoad(world);
  await setUp(world);
  try {
    for (const { process } of members) process.start();
    await load.start();
    await using watch = await PositionWatch.start(world);
    for (let round = 0; round < rounds; round++) {
      const [one, two] = members;
      const [frozen, other] = round % 2 === 0 ? [one, two] : [two, one];
      await bothHavePartitions(members);
      await freeze(frozen);
      await until('the other takes over', () => ownsAll(other), takeOverLimitMs);
      await sleep(aheadMs);
      world.note(
        `zombie ${round + 1} of ${rounds} wakes after ${load.acknowledged.length} appends`,
      );
      frozen.store.release();
      await sleep(lateMs);
      frozen.process.resume();
      await sleep(wokenMs);
    }
    await load.stop();
    await waitUntilReplicated(world.config, world.topic);
    const replicated = await compare(world, load);
    return {
      counts: {
        ...countsOf(load),
        zombies: rounds,
        'partitions that the group told to be lost': sumOf(members, ({ log }) => log.lost),
        'late moves that the store refused': sumOf(members, ({ log }) => log.fenced),
        'samples of positions': watch.samples,
        'positions that went back': watch.wentBack.length,
      },
      damages: { 'after full replication': replicated },
      problems: [...load.broken, ...watch.wentBack],
    };
  } finally {
    await load.stop();
    for (const { process } of members) process.resume();
    await Promise.all(members.map(({ process }) => process.stop(stopLimitMs)));
  }
}

/** Its store is reached through a proxy of its own. */
async function withMember<T>(
  { stack, config }: ChaosWorld,
  use: (member: Member) => Promise<T>,
): Promise<T> {
  await using store = await TcpProxy.open(parseAddress(stack.cassandra.address));
  const port = `evolutiongaming.kafka-journal.replicator.cassandra.client.port = ${store.port}`;
  return await withConfigFile([config, port].join('\n'), (file) => {
    const log = new ReplicatorLog();
    return use({ process: replicatorProcess({ file }, { onLine: log.accept }), log, store });
  });
}

function sumOf(members: readonly Member[], count: (member: Member) => number): number {
  return members.reduce((sum, member) => sum + count(member), 0);
}

function bothHavePartitions(members: readonly Member[]): Promise<void> {
  const share = partitionCount / members.length;
  const isShared = (): boolean => members.every(({ log }) => log.partitions.length === share);
  return until('both replicators have partitions', isShared, takeOverLimitMs);
}

function ownsAll({ log }: Member): boolean {
  return log.partitions.length === partitionCount;
}

/**
 * What it sends to the store does not arrive for a moment, so that it freezes in the middle of its
 * writes.
 */
async function freeze({ process, store }: Member): Promise<void> {
  store.hold();
  await sleep(heldMs);
  process.pause();
}
