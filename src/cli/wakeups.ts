import { type JournalsAsWritten, readJournals } from '../compose/open-journals.ts';
import {
  type OpenWakeUps,
  openWakeUps,
  openWakeUpsToWrite,
  type WritableWakeUps,
} from '../compose/open-wake-ups.ts';
import { readConfig } from '../config/load-config.ts';
import { readAllTogether } from '../config/read-together.ts';
import { defaultJournalOf } from '../config/settings/journal-class.ts';
import { ClosedError, ConfigError, DeadlineExceededError, NotSetUpError } from '../model/errors.ts';
import { type Offset, Partition, Topic } from '../model/position.ts';
import { maxWakeMs, rebuildOf, type WakeUpEntry, type WakeUpPlace } from '../model/wake-up.ts';
import { describeError } from '../observability/describe-error.ts';
import { consoleLoggerFrom } from '../observability/logger.ts';
import type { OwnKeyMappingDeps } from '../plugin/own-key-mapping.ts';
import { systemClock } from '../runtime/clock.ts';
import { didYouMean, readOptions, UsageError } from './usage.ts';

const actions = new Map([
  ['list', list],
  ['rebuild', rebuild],
]);

/**
 * `kafka-journal wakeups list` prints what wakes the entities of the journal that
 * `akka.persistence.journal.plugin` names, and changes nothing. `kafka-journal wakeups rebuild`
 * asks the replicator for those that nobody has kept (ADR 33), and waits for it.
 *
 * @returns the exit code: 0 done, 1 failed or not done in time, 2 wrong usage or configuration
 */
export async function runWakeUps([name, ...args]: readonly string[]): Promise<number> {
  const command = name === undefined || name.startsWith('-') ? 'wakeups' : `wakeups ${name}`;
  // What a mapping of a user's holds open would keep the process from ending.
  const over = new AbortController();
  try {
    const action = actions.get(name ?? '');
    if (action === undefined) {
      const hint = didYouMean(name ?? '', [...actions.keys()]);
      throw new UsageError(`wakeups takes ${[...actions.keys()].join(' or ')}${hint}`);
    }
    await action(args, over.signal);
    return 0;
  } catch (error) {
    const isWrong = error instanceof ConfigError || error instanceof UsageError;
    console.error(`kafka-journal ${command}: ${isWrong ? error.message : describeError(error)}`);
    return isWrong ? 2 : 1;
  } finally {
    over.abort(new ClosedError('the command has ended'));
  }
}

async function list(args: readonly string[], unused: AbortSignal): Promise<void> {
  const options = readOptions('wakeups list', args, ['config', 'topic', 'limit'], ['json']);
  const limit = options.limit === undefined ? Infinity : numberOf('limit', options.limit, 1);
  const deps = { log: consoleLoggerFrom('warn'), clock: systemClock, unused };
  const { settings, topic } = await journalOf('list', options, deps);
  const opened = await openWakeUps(settings, deps);
  try {
    const print = options.json === undefined ? textPrinter(topic) : jsonPrinter(topic);
    await printAll(opened, print, { topic, limit });
  } finally {
    await opened[Symbol.asyncDispose]();
  }
}

interface Wanted {
  readonly topic: Topic;
  /** Of each partition. */
  readonly limit: number;
}

async function printAll(opened: OpenWakeUps, print: Printer, { topic, limit }: Wanted) {
  const partitions = await opened.partitions(topic);
  print.topic(partitions);
  for (let partition = 0; partition < partitions; partition++) {
    const place = { topic, partition: Partition.of(partition) };
    print.partition(place, await knownOf(opened, place));
    let left = limit;
    for await (const entry of opened.eventual.wakeUps.due({ ...place, toMs: maxWakeMs })) {
      if (left-- === 0) {
        print.cut();
        break;
      }
      print.entry(place, entry);
    }
  }
}

async function rebuild(args: readonly string[], unused: AbortSignal): Promise<void> {
  const options = readOptions('wakeups rebuild', args, ['config', 'topic', 'wait']);
  const waitMs = numberOf('wait', options.wait ?? '60', 0) * 1_000;
  const deps = { log: consoleLoggerFrom('error'), clock: systemClock, unused };
  const { settings, topic } = await journalOf('rebuild', options, deps);
  const opened = await openWakeUpsToWrite(settings, deps);
  if (opened === undefined) return console.log(headOf(topic, 0));
  try {
    const asked = await askForMissing(opened, topic);
    await untilComplete(opened, topic, { asked, waitMs });
  } finally {
    await opened[Symbol.asyncDispose]();
  }
}

/** Answers which partitions it has asked for, and up to where. */
async function askForMissing(
  opened: WritableWakeUps,
  topic: Topic,
): Promise<Map<Partition, Offset>> {
  const partitions = await opened.partitions(topic);
  console.log(headOf(topic, partitions));
  const asked = new Map<Partition, Offset>();
  for (let index = 0; index < partitions; index++) {
    const place = { topic, partition: Partition.of(index) };
    const known = await knownOf(opened, place);
    const { replicated } = known;
    if (known.isComplete || replicated === undefined) {
      console.log(stateLine(place, known));
      continue;
    }
    await ask(opened, place, replicated);
    asked.set(place.partition, replicated);
    console.log(`  ${index}: asked the replicator for them, up to offset ${replicated}`);
  }
  return asked;
}

/**
 * Stores the request, which stays: it names R.
 *
 * @throws {NotSetUpError} the store has no tables for wake-ups
 */
async function ask(
  { replicated, eventual }: WritableWakeUps,
  { topic, partition }: WakeUpPlace,
  upTo: Offset,
): Promise<void> {
  const request = { topic: rebuildOf(topic), partition };
  // What was asked before may have been written by a clock that is ahead of ours.
  await replicated.wakeUpsUpTo(request.topic, partition);
  await replicated.saveWakeUps({ ...request, upTo }, systemClock.nowMs());
  if (((await eventual.wakeUps.until(request)) ?? -1) >= upTo) return;
  throw new NotSetUpError(
    'the store has no tables for wake-ups: run kafka-journal setup --config FILE, then this again',
  );
}

/** Time between two looks at what the replicator has done. */
const lookEveryMs = 500;

interface Asked {
  readonly asked: Map<Partition, Offset>;
  readonly waitMs: number;
}

/** @throws {DeadlineExceededError} it is not done in time; the request stays */
async function untilComplete(
  { eventual }: WritableWakeUps,
  topic: Topic,
  { asked, waitMs }: Asked,
): Promise<void> {
  const untilMs = systemClock.steadyMs() + waitMs;
  for (;;) {
    for (const [partition, upTo] of asked) {
      if (((await eventual.wakeUps.until({ topic, partition })) ?? -1) < upTo) continue;
      console.log(`  ${partition}: complete`);
      asked.delete(partition);
    }
    if (asked.size === 0) return;
    if (systemClock.steadyMs() >= untilMs) break;
    await systemClock.sleep(lookEveryMs);
  }
  const count = `${asked.size} partition${asked.size === 1 ? ' is' : 's are'}`;
  throw new DeadlineExceededError(
    `${count} not complete yet. The request stays: replicators of this version do it while they run, within ` +
      'seconds or, with many journals, minutes. "kafka-journal wakeups list" says when it is done',
  );
}

/** What is known of the wake-ups of a partition. */
interface Known {
  /** R. */
  readonly replicated: Offset | undefined;
  readonly upTo: Offset | undefined;
  readonly isComplete: boolean;
}

/** R is read first, since it moves last. */
async function knownOf({ eventual }: OpenWakeUps, place: WakeUpPlace): Promise<Known> {
  const replicated = await eventual.offset(place.topic, place.partition);
  const upTo = await eventual.wakeUps.until(place);
  return { replicated, upTo, isComplete: (upTo ?? -1) >= (replicated ?? -1) };
}

async function journalOf(
  action: string,
  { config: file, topic: name }: Partial<Record<'config' | 'topic', string>>,
  deps: OwnKeyMappingDeps,
): Promise<{ readonly settings: JournalsAsWritten['settings']; readonly topic: Topic }> {
  if (file === undefined) throw new UsageError(`wakeups ${action} needs --config FILE`);
  const { config, checkKeys } = readConfig({ file });
  const [, { settings }] = await readAllTogether<[unknown, JournalsAsWritten]>(checkKeys, () =>
    readJournals(config, defaultJournalOf(config), deps),
  );
  const { persistenceIdToKey: mapping } = settings;
  const only = mapping.type === 'constant-topic' ? mapping.topic : undefined;
  if (only !== undefined && name !== undefined && name !== only) {
    throw new UsageError(`all journals are in topic ${only}, not in "${name}"`);
  }
  const wanted = only ?? name;
  if (wanted === undefined) {
    throw new UsageError(
      `wakeups ${action} needs --topic TOPIC: persistence ids name the topics of these journals`,
    );
  }
  try {
    return { settings, topic: Topic.of(wanted) };
  } catch (error) {
    throw new UsageError(`--topic: ${(error as Error).message}`);
  }
}

function numberOf(name: string, text: string, min: number): number {
  const value = Number(text);
  if (/^\d{1,9}$/.test(text) && value >= min) return value;
  throw new UsageError(`--${name} must be a whole number from ${min} on, not "${text}"`);
}

function headOf(topic: Topic, partitions: number): string {
  return `topic ${topic} (${partitions} partition${partitions === 1 ? '' : 's'})`;
}

function stateLine({ partition }: WakeUpPlace, { replicated, upTo, isComplete }: Known): string {
  if (replicated === undefined) return `  ${partition}: nothing is replicated`;
  if (isComplete) return `  ${partition}: complete, up to offset ${upTo}`;
  const missing = `those of offsets ${(upTo ?? -1) + 1} to ${replicated} may be missing`;
  return `  ${partition}: not complete: ${missing}, see kafka-journal wakeups rebuild`;
}

interface Printer {
  topic(partitions: number): void;
  partition(place: WakeUpPlace, known: Known): void;
  entry(place: WakeUpPlace, entry: WakeUpEntry): void;
  /** There are more of the partition. */
  cut(): void;
}

function textPrinter(topic: Topic): Printer {
  return {
    topic: (partitions) =>
      console.log(`${headOf(topic, partitions)}, soonest first within each partition`),
    partition: (place, known) => console.log(stateLine(place, known)),
    entry: (_, { dueMs, reason, id, offset }) => {
      const shown = /^[^\s"\p{C}]+$/u.test(id) ? id : JSON.stringify(id);
      console.log(`    ${isoOf(dueMs)} ${reason.padEnd(7)} ${shown} (offset ${offset})`);
    },
    cut: () => console.log('    …'),
  };
}

/** A line is one object: of a partition, then of its wake-ups. */
function jsonPrinter(topic: Topic): Printer {
  const print = (value: unknown): void => console.log(JSON.stringify(value));
  return {
    topic: () => {},
    partition: ({ partition }, { replicated = null, upTo = null, isComplete }) =>
      print({ topic, partition, replicated, upTo, complete: isComplete }),
    entry: ({ partition }, { id, dueMs, reason, offset }) =>
      print({ topic, partition, id, due: isoOf(dueMs), reason, offset }),
    cut: () => {},
  };
}

function isoOf(ms: number): string {
  return new Date(ms).toISOString();
}
