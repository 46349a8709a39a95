import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { FaultProxy } from '../support/fault-proxy.ts';
import { freePort } from '../support/stack/ports.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';
import { type ChaosWorld, setUp, withWorld } from './chaos-world.ts';
import type { Fault } from './fleet-disturbances.ts';
import { Fleet, type FleetInstance } from './fleet-instances.ts';
import { countFailures, FleetLoad } from './fleet-load.ts';
import { type FleetLimits, judgeStalls } from './fleet-stalls.ts';
import { seededRandom } from './random.ts';
import { waitUntilReplicated } from './recovered.ts';
import { replicatorProcess, stopLimitMs, withConfigFile } from './replicator-process.ts';
import { compareAll, type Found, type ScenarioResult } from './scenario.ts';
import type { ScenarioOptions } from './scenarios.ts';

/** How large a fleet is, and what is asked of it. */
export interface FleetSize {
  /** Numbers of instances on the way up; then come the faults. */
  readonly instances: readonly number[];
  /** How many stay at the end. */
  readonly leftOver: number;
  readonly entities: number;
  readonly probes: number;
  /** Commands a second. */
  readonly rate: number;
  readonly sessionMs: number;
  /** Time for which the first instance and the servers run under load before a stall counts. */
  readonly warmUpMs: number;
  /** Time between two faults. */
  readonly peaceMs: number;
  /** Of an instance until it takes commands, as `os.setPriority` has it. */
  readonly startPriority: number;
  readonly limits: FleetLimits;
}

const sessionMs = 3_000;

/** What a fleet has to stand on a machine that does nothing else. */
export const largeFleet: FleetSize = {
  instances: [3, 5],
  leftOver: 2,
  entities: 2_000,
  probes: 36,
  rate: 2_000,
  sessionMs,
  warmUpMs: 20_000,
  peaceMs: 4_000,
  // Instances of a service start on machines of their own: here they would take the time of others.
  startPriority: constants.priority.PRIORITY_BELOW_NORMAL,
  limits: {
    failures: 0,
    keptMs: 200,
    movedMs: 1_000,
    lostMs: sessionMs + 1_000,
    unreachedMs: 1_000,
  },
};

/** How one certain instance is cut off. */
interface Cuts {
  /** Configuration of that instance. */
  readonly file: string;
  /** Each cuts, and answers how to undo it. */
  readonly kafka: () => () => void;
  readonly peers: () => () => void;
}

/** Where instances find their configuration. */
interface Place {
  readonly file: string;
  /** Absent where there are no connections to cut. */
  readonly cuts?: Cuts;
}

const partitions = 12;
const journal = 'evolutiongaming.kafka-journal.persistence.journal';
const embedded = 'evolutiongaming.kafka-journal.embedded.journal';
/** How much longer than a session an instance freezes, or is cut off from Kafka. */
const beyondSessionMs = 1_500;
/** An instance is out of the reach of the others for so long. */
const unreachedMs = 2_000;

/**
 * Instances of one service with a fleet, from one to many to two, under load all the time: they
 * come, leave in order, are killed, freeze for longer than a session, are cut off from Kafka and
 * from each other, and are all replaced one by one.
 */
export function fleet(options: ScenarioOptions): Promise<ScenarioResult> {
  const { sessionMs } = options.fleet;
  const more = `${journal}.kafka.topic.partitions = ${partitions}\n${fleetConfig(journal, sessionMs)}`;
  return withWorld({ ...options, more }, async (world) => {
    await setUp(world);
    const replicator = replicatorProcess(world);
    replicator.start();
    try {
      return await withCuts(world, async (cuts) => {
        const run = await live({ file: world.file, cuts }, options);
        const unreplicated = await compareAll(world.config, run.keys, run.load);
        await waitUntilReplicated(world.config, world.topic);
        const replicated = await compareAll(world.config, run.keys, run.load);
        return resultOf(run, { unreplicated, replicated }, options);
      });
    } finally {
      await replicator.stop(stopLimitMs);
    }
  });
}

/** The same with instances that share one file. */
export async function embeddedFleet(options: ScenarioOptions): Promise<ScenarioResult> {
  const folder = await mkdtemp(join(tmpdir(), 'kafka-journal-'));
  const config = `
akka.persistence.journal.plugin = "${embedded}"
${embedded} { file = "${join(folder, 'journal.db')}", partitions = ${partitions} }
${fleetConfig(embedded, options.fleet.sessionMs)}`;
  try {
    return await withConfigFile(config, async (file) => {
      const run = await live({ file }, options);
      const found = await compareAll(config, run.keys, run.load);
      return resultOf(run, { found }, options);
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Instances that share the entities of a section. */
export function fleetConfig(section: string, sessionMs: number): string {
  return `${section}.fleet {
  enabled = on, group = "chaos-fleet"
  session-timeout = ${sessionMs}ms, heartbeat-interval = 100ms, balance-delay = 1s
}`;
}

/** With a configuration whose connections to Kafka, and from the other instances, can be cut. */
async function withCuts<T>({ config, stack }: ChaosWorld, run: (cuts: Cuts) => Promise<T>) {
  const [address, at] = ['127.0.0.2', await freePort()];
  await using kafka = await FaultProxy.open(stack.kafka.address);
  await using peers = await TcpProxy.open(
    { host: '127.0.0.1', port: at },
    { host: address, port: at },
  );
  const proxied = `${config}
${journal} {
  kafka.bootstrap-servers = ["${kafka.address}"]
  fleet.remote { host = "${address}", bind-host = "127.0.0.1", port = ${at} }
}`;
  return await withConfigFile<T>(proxied, (file) =>
    run({
      file,
      kafka: () => {
        kafka.freeze(true);
        return () => kafka.freeze(false);
      },
      peers: () => {
        peers.freeze();
        return () => peers.thaw();
      },
    }),
  );
}

/** A life of a fleet and its load. */
interface FleetRun {
  readonly fleet: Fleet;
  readonly load: FleetLoad;
  readonly keys: readonly string[];
  readonly seconds: number;
}

async function live(place: Place, options: ScenarioOptions): Promise<FleetRun> {
  const { seed, note, logs } = options;
  const { entities, probes, rate } = options.fleet;
  if (logs !== undefined) await mkdir(logs, { recursive: true });
  const keys = Array.from({ length: entities }, (_, index) => `key-${index}`);
  const random = seededRandom(seed);
  const fleet: Fleet = new Fleet({
    logs,
    startPriority: options.fleet.startPriority,
    onMessage: (instance, message) => load.accept(instance, message),
    onLost: (instance) => load.lose(instance),
  });
  const load: FleetLoad = new FleetLoad(fleet, { keys, probes, rate, random });
  const beganMs = Date.now();
  const step: Step = async (what, act) => {
    await act();
    const { sent, acknowledged } = load;
    const seconds = ((Date.now() - beganMs) / 1_000).toFixed(1);
    note(`${seconds} s: ${what}; sent ${sent}, acknowledged ${acknowledged.length}`);
    await sleep(options.fleet.peaceMs);
  };
  try {
    await unfold({ fleet, load, place, random }, step, options.fleet);
    await load.stop();
    const seconds = (Date.now() - beganMs) / 1_000;
    await fleet.stopAll();
    return { fleet, load, keys, seconds };
  } finally {
    await load.stop();
    await fleet.stopAll();
  }
}

type Step = (what: string, act: () => Promise<unknown>) => Promise<void>;

interface Cast {
  readonly fleet: Fleet;
  readonly load: FleetLoad;
  readonly place: Place;
  readonly random: () => number;
}

/** What happens to the instances, in order. */
async function unfold(
  { fleet, load, place, random }: Cast,
  step: Step,
  { instances, leftOver, sessionMs, warmUpMs }: FleetSize,
): Promise<void> {
  const { cuts, file } = place;
  const any = (): FleetInstance => {
    const { usable } = fleet;
    return usable[Math.floor(random() * usable.length)] as FleetInstance;
  };
  const exposed = await fleet.start(cuts?.file ?? file);
  load.start();
  // What has just started compiles its code first, and shares the processors with all the others.
  await step('one instance', () => sleep(warmUpMs));
  load.forgetWarmUp();
  for (const count of instances) {
    await step(`${count} instances`, async () => {
      while (fleet.running.length < count) await fleet.start(file);
    });
  }
  const beyondMs = sessionMs + beyondSessionMs;
  if (cuts !== undefined) {
    const cutOff = (what: Fault, ms: number, cut: () => () => void) =>
      step(what, () => fleet.cutOff(what, exposed, { ms, cut }));
    await cutOff('cut off from Kafka', beyondMs, cuts.kafka);
    await cutOff('cut off from its peers', unreachedMs, cuts.peers);
  }
  await step('freeze', () => fleet.freeze(any(), beyondMs));
  await step('kill', () => fleet.kill(any()));
  await step('start of another one', () => fleet.start(file));
  await step('rolling restart', async () => {
    const all = fleet.running.slice();
    for (const old of all) {
      await fleet.start(file);
      await fleet.stop(old);
    }
  });
  while (fleet.running.length > leftOver) {
    await step('planned stop', () => fleet.stop(any()));
  }
}

function resultOf(
  { fleet, load, keys, seconds }: FleetRun,
  found: Readonly<Record<string, Found>>,
  options: ScenarioOptions,
): ScenarioResult {
  const { disturbances } = fleet;
  const { limits, sessionMs } = options.fleet;
  const stalls = judgeStalls(load.gaps, disturbances, limits);
  const works = load.works.judge(disturbances);
  const longest = Object.entries(stalls.classes).map(([name, { count, longestMs, over }]) => [
    `stalls of a key, ${name}`,
    `${count}, longest ${Math.round(longestMs)} ms, over the limit ${over.length}`,
  ]);
  const { all: failures, unexplained } = countFailures(load.failures, disturbances, sessionMs);
  const again = Object.entries(works.again).map(([reason, count]) => `${reason} ${count}`);
  const lost = new Set(disturbances.map(({ instance }) => instance));
  return {
    counts: {
      entities: keys.length,
      'commands sent': `${load.sent}, ${Math.round(load.sent / seconds)} a second`,
      acknowledged: load.acknowledged.length,
      'looks answered': load.looks,
      'certainly rejected': load.rejected.length,
      'failed, all': failures.text,
      'failed without a fault': unexplained.text,
      'instances started': `${fleet.starts}, stopped ${fleet.stops}`,
      disturbances: disturbances.map(({ what }) => what).join(', '),
      'answers judged': load.answers.count,
      'answers of two at one moment': load.answers.broken.length,
      'longest wait for an answer': `${Math.round(load.longestMs)} ms`,
      'longest pause of this process': `${Math.round(load.longestPauseMs)} ms`,
      'usual answer': `${stalls.usualMs.toFixed(1)} ms`,
      ...Object.fromEntries(longest),
      'work begun': works.begun,
      'work begun again': again.length === 0 ? 'never' : again.join(', '),
      'work begun while it was under way': works.broken.length,
    },
    damages: Object.fromEntries(Object.entries(found).map(([when, { damage }]) => [when, damage])),
    problems: [
      ...Object.values(found).flatMap(({ problems }) => problems),
      ...load.answers.broken,
      ...works.broken,
      ...Object.values(stalls.classes).flatMap(({ over }) => over),
      ...load.unanswered(lost),
      ...(unexplained.count > limits.failures
        ? [`${unexplained.count} commands failed without a fault: ${unexplained.text}`]
        : []),
    ],
  };
}
