import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Stack } from '../support/stack/stack.ts';
import { until, withWorld } from './chaos-world.ts';
import { RestartableProcess } from './child-process.ts';
import { type Acknowledged, type Damage, damageText, type Outcomes } from './ledger.ts';
import { seededRandom } from './random.ts';
import { waitUntilReplicated } from './recovered.ts';
import { replicatorProcess, stopLimitMs, withConfigFile } from './replicator-process.ts';
import { compareAll, type Found, type ScenarioResult } from './scenario.ts';
import type { ScenarioOptions } from './scenarios.ts';

const keyCount = 100;
const keys = Array.from({ length: keyCount }, (_, index) => `key-${index}`);
/** Of one process in turn; the others rest meanwhile. */
const turnMs = 700;
/** Time between two faults. */
const peaceMs = 1_500;
/** Longer than any process keeps a partition to itself. */
const minFreezeMs = 2_000;
const maxFreezeMs = 6_000;
/** Longest time without any acknowledgement. */
const progressLimitMs = 90_000;

/** How instances without routing meet at the same entities. */
const meetings = [
  { processes: 2, how: 'at once' },
  { processes: 2, how: 'in turn' },
  { processes: 4, how: 'at once' },
  { processes: 4, how: 'in turn' },
] as const;

type Meeting = (typeof meetings)[number];

/** SIGKILL and a new start; SIGSTOP and SIGCONT; SIGKILL of the broker and a new start. */
type Fault = 'kill' | 'freeze' | 'broker';

/** What the processes of one meeting work on. */
interface Place {
  readonly file: string;
  readonly config: string;
  /** Absent = no broker is in play. */
  readonly kafka?: Stack['kafka'];
}

/** What the clients of one meeting were told, and what happened to them. */
interface Seen {
  readonly acknowledged: Acknowledged[];
  readonly rejected: string[];
  readonly faults: Record<Fault, number>;
}

/**
 * Instances of one service without routing: all of them are asked for the same hundred entities, at
 * once or in turn, while they are killed and frozen and the broker dies. A replicator runs beside
 * them.
 */
export function writers(options: ScenarioOptions): Promise<ScenarioResult> {
  return inAllMeetings(options, (meeting, seen) =>
    withWorld(options, async ({ file, config, topic, stack }) => {
      const replicator = replicatorProcess({ file });
      replicator.start();
      try {
        await meet({ file, config, kafka: stack.kafka }, meeting, seen, options);
        const unreplicated = await compareAll(config, keys, seen);
        await waitUntilReplicated(config, topic);
        return [unreplicated, await compareAll(config, keys, seen)];
      } finally {
        await replicator.stop(stopLimitMs);
      }
    }),
  );
}

/** The same with processes that share one file, as those with embedded journals do. */
export function embeddedWriters(options: ScenarioOptions): Promise<ScenarioResult> {
  return inAllMeetings(options, async (meeting, seen) => {
    const folder = await mkdtemp(join(tmpdir(), 'kafka-journal-'));
    const config = `
akka.persistence.journal.plugin = "evolutiongaming.kafka-journal.embedded.journal"
evolutiongaming.kafka-journal.embedded.journal.file = "${join(folder, 'journal.db')}"`;
    try {
      return await withConfigFile(config, async (file) => {
        await meet({ file, config }, meeting, seen, options);
        return [await compareAll(config, keys, seen)];
      });
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
}

async function inAllMeetings(
  { note, meetings: count }: ScenarioOptions,
  run: (meeting: Meeting, seen: Seen) => Promise<readonly Found[]>,
): Promise<ScenarioResult> {
  const counts: Record<string, number | string> = {};
  const damages: Record<string, Damage> = {};
  const problems: string[] = [];
  let acknowledged = 0;
  for (const meeting of meetings.slice(0, count)) {
    const name = `${meeting.processes} processes ${meeting.how}`;
    const seen: Seen = {
      acknowledged: [],
      rejected: [],
      faults: { kill: 0, freeze: 0, broker: 0 },
    };
    const beganMs = Date.now();
    const found = await run(meeting, seen);
    const faults = Object.entries(seen.faults).map(([fault, count]) => `${fault} ${count}`);
    const seconds = Math.round((Date.now() - beganMs) / 1_000);
    counts[name] =
      `acknowledged ${seen.acknowledged.length}, certainly rejected ${seen.rejected.length}, ` +
      `${faults.join(', ')}, ${seconds} s`;
    note(`${name}: ${counts[name]}`);
    acknowledged += seen.acknowledged.length;
    for (const [index, { damage, problems: more }] of found.entries()) {
      note(`${name}: ${damageText(damage)}, unrecoverable ${more.length}`);
      damages[`${name}, look ${index + 1}`] = damage;
      problems.push(...more.map((problem) => `${name}: ${problem}`));
    }
  }
  return { counts: { ...counts, acknowledged }, damages, problems };
}

/**
 * Lets the processes work until `writes` commands are acknowledged; a fault hits one of them from
 * time to time.
 */
async function meet(
  { file, kafka }: Place,
  { processes, how }: Meeting,
  seen: Seen,
  { writes, restMs, seed }: ScenarioOptions,
): Promise<void> {
  const random = seededRandom(seed);
  let starts = 0;
  const all = Array.from({ length: processes }, (_, index) => {
    return new RestartableProcess({
      file: new URL('actors-process.ts', import.meta.url),
      args: () => [file, `p${index}-${starts++}`, String(keyCount), String(restMs)],
      onMessage: (message) => {
        const { acknowledged, rejected } = message as Outcomes;
        seen.acknowledged.push(...acknowledged);
        seen.rejected.push(...rejected);
      },
    });
  });
  const ending = new AbortController();
  try {
    for (const process of all) process.start();
    const turns = how === 'in turn' ? takeTurns(all, ending.signal) : undefined;
    while (seen.acknowledged.length < writes) {
      const before = seen.acknowledged.length;
      await until(
        'a command is acknowledged',
        () => seen.acknowledged.length > before,
        progressLimitMs,
      );
      await sleep(peaceMs * (0.5 + random()));
      const victim = all[Math.floor(random() * all.length)] as RestartableProcess;
      await inflict(faultOf(random(), kafka), { victim, kafka, random, seen });
    }
    ending.abort();
    await turns;
  } finally {
    ending.abort();
    await Promise.all(
      all.map(async (process) => {
        process.resume();
        await process.stop(stopLimitMs, (child) => child.send('stop'));
      }),
    );
  }
}

/** One process works, the others rest; then the next one. */
async function takeTurns(all: readonly RestartableProcess[], signal: AbortSignal): Promise<void> {
  for (let turn = 0; !signal.aborted; turn++) {
    for (const [index, process] of all.entries()) {
      process.trySend(index === turn % all.length ? 'work' : 'rest');
    }
    await sleep(turnMs);
  }
}

function faultOf(dice: number, kafka: Stack['kafka'] | undefined): Fault {
  if (dice < 0.45) return 'kill';
  return dice < 0.9 || kafka === undefined ? 'freeze' : 'broker';
}

async function inflict(
  fault: Fault,
  {
    victim,
    kafka,
    random,
    seen,
  }: {
    readonly victim: RestartableProcess;
    readonly kafka: Stack['kafka'] | undefined;
    readonly random: () => number;
    readonly seen: Seen;
  },
): Promise<void> {
  seen.faults[fault]++;
  if (fault === 'kill') return await victim.restart();
  if (fault === 'broker') {
    await kafka?.kill('SIGKILL');
    await kafka?.start();
    return;
  }
  victim.pause();
  await sleep(minFreezeMs + random() * (maxFreezeMs - minFreezeMs));
  victim.resume();
}
