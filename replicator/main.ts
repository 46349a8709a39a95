import { pino, stdSerializers } from 'pino';
import { readOptions, UsageError } from '../src/cli/usage.ts';
import { noteIgnoredKeys } from '../src/compose/note-ignored-keys.ts';
import { openReplicatedStore, storeNames } from '../src/compose/open-eventual-store.ts';
import type { Config } from '../src/config/config.ts';
import { canonicalPath } from '../src/config/keys/pekko-alias.ts';
import { readConfig } from '../src/config/load-config.ts';
import { readTogether } from '../src/config/read-together.ts';
import {
  journalClassOf,
  kafkaJournalPath,
  pluginPathProblem,
} from '../src/config/settings/journal-class.ts';
import {
  type ReplicatorSettings,
  readReplicatorSettings,
  replicatorPath,
} from '../src/config/settings/replicator-settings.ts';
import { openKafkaTopicConsumers } from '../src/kafka/group/kafka-topic-consumers.ts';
import { openKafkaActionProducer } from '../src/kafka/producer/kafka-action-producer.ts';
import { ConfigError, DeadlineExceededError, JournalError } from '../src/model/errors.ts';
import { describeError } from '../src/observability/describe-error.ts';
import type { Logger } from '../src/observability/logger.ts';
import { systemClock } from '../src/runtime/clock.ts';
import { aborted, within } from '../src/runtime/waiting.ts';
import { openQuarantineFile } from './apply/quarantine-file.ts';
import { startReplicator } from './replicator.ts';

/** What the process ends with. */
export const exitCodes = { stopped: 0, failed: 1, usage: 2, forced: 3 } as const;

/**
 * From the signal to the end of the writes in hand. Supervisors usually wait 30 s before they kill.
 */
export const stopDeadlineMs = 25_000;

/** What closing the connections may take after that. */
const closeDeadlineMs = 3_000;

const logLevels = ['debug', 'info', 'warn', 'error'];

/** What a caller within a process may set. */
export interface RunOptions {
  /** Ends the run as SIGTERM would. When it is given, the process's own signals are left alone. */
  readonly signal?: AbortSignal;
}

/**
 * `kafka-journal replicator --config FILE`: carries events from Kafka into the store until SIGTERM
 * or SIGINT, then finishes the writes in hand. It keeps its place however it ends. Logs are JSON
 * lines on standard output.
 *
 * | exit code | meaning                                                                          |
 * |-----------|----------------------------------------------------------------------------------|
 * | 0         | stopped in order                                                                 |
 * | 1         | failed: a server did not answer at the start, something is not set up, or a bug  |
 * | 2         | wrong usage or configuration: every problem is printed, nothing was connected    |
 * | 3         | stopped by force: a second signal, or the writes in hand took too long           |
 *
 * Once it runs, no failure of Kafka or the store ends it: it tries again for ever, and says so.
 */
export async function runReplicator(
  args: readonly string[],
  options: RunOptions = {},
): Promise<number> {
  let started: { readonly settings: ReplicatorSettings; readonly log: Logger };
  try {
    started = prepare(args);
  } catch (error) {
    const isWrong = error instanceof ConfigError || error instanceof UsageError;
    console.error(`kafka-journal replicator: ${isWrong ? error.message : describeError(error)}`);
    return isWrong ? exitCodes.usage : exitCodes.failed;
  }
  const { signal } = options;
  const stop = signal === undefined ? processSignals(started.log) : { signal, dispose: () => {} };
  try {
    return await run(started.settings, started.log, stop.signal);
  } catch (err) {
    started.log.error({ err }, 'the replicator failed');
    return exitCodes.failed;
  } finally {
    stop.dispose();
  }
}

/**
 * @throws {UsageError} wrong usage
 * @throws {ConfigError} every problem of the configuration
 */
function prepare(args: readonly string[]) {
  const options = readOptions('replicator', args, ['config', 'log-level']);
  const level = options['log-level'] ?? 'info';
  if (options.config === undefined) throw new UsageError('replicator needs --config FILE');
  if (!logLevels.includes(level)) {
    throw new UsageError(`--log-level must be one of ${logLevels.join(', ')}, not "${level}"`);
  }
  const { config, checkKeys } = readConfig({ file: options.config });
  refuseWithoutKafka(config);
  const { settings } = readTogether({
    keys: checkKeys,
    settings: () => readReplicatorSettings(config),
  });
  const log: Logger = pino({ level, serializers: { err: serializeError } });
  noteIgnoredKeys(config, log);
  return { settings, log };
}

/**
 * A replicator beside a journal without Kafka would wait for ever for a Kafka that is not there. An
 * embedded journal replicates within its own process, and one in memory has nothing to replicate.
 * A file that sets up the replicator means it.
 *
 * @throws {UsageError} the default journal is not on Kafka, and nothing of the replicator is set
 */
function refuseWithoutKafka(config: Config): void {
  const path = canonicalPath(config.getString('akka.persistence.journal.plugin'));
  if (path === '' || config.isSet(replicatorPath)) return;
  if (pluginPathProblem(config, path) !== undefined) return;
  const journal = journalClassOf(config, path);
  if (journal.type === 'module' || journal.value === 'kafka') return;
  const why =
    journal.value === 'embedded'
      ? 'is embedded and replicates within the programs that open it'
      : 'is in memory';
  throw new UsageError(
    `no replicator is needed: ${path} ${why}. ` +
      `For a journal on Kafka, set akka.persistence.journal.plugin to "${kafkaJournalPath}"`,
  );
}

/** Our errors say what is wrong and where; only a bug needs its stack. */
function serializeError(error: unknown): unknown {
  if (!(error instanceof JournalError)) {
    return error instanceof Error ? stdSerializers.err(error) : error;
  }
  const causes: string[] = [];
  for (let cause = error.cause; cause instanceof Error && causes.length < 5; cause = cause.cause) {
    causes.push(cause.message.split('\n', 1)[0] ?? '');
  }
  return { code: error.code, message: error.message.split('\n', 1)[0], causes };
}

async function run(
  settings: ReplicatorSettings,
  log: Logger,
  signal: AbortSignal,
): Promise<number> {
  const deps = { log, clock: systemClock };
  const opened: AsyncDisposable[] = [];
  try {
    const store = await openReplicatedStore(settings.eventual, deps, { signal });
    opened.push(store);
    const consumers = await openKafkaTopicConsumers(settings.kafka, deps, { signal });
    opened.push(consumers);
    const { quarantine, purgeExpired } = settings;
    const skips = quarantine.policy !== 'fail' || quarantine.skip.length > 0;
    const quarantineFile = skips ? await openQuarantineFile(quarantine.file) : undefined;
    const producer =
      purgeExpired && (await openKafkaActionProducer(settings.kafka, deps, { signal }));
    if (producer !== undefined) opened.push(producer);
    const replicator = startReplicator({
      ...deps,
      consumers,
      store,
      quarantineFile,
      producer,
      storeName: storeNames[settings.eventual.type],
      settings,
    });
    log.info({ prefixes: settings.topicPrefixes }, 'the replicator runs');
    await Promise.race([aborted(signal), replicator.finished]);
    log.info({}, 'the replicator stops');
    await replicator.stop({ deadlineMs: stopDeadlineMs });
    log.info({}, 'the replicator has stopped');
    return exitCodes.stopped;
  } catch (error) {
    if (signal.aborted && error === signal.reason) {
      log.info({}, 'the replicator was stopped before it had started');
      return exitCodes.stopped;
    }
    if (!(error instanceof DeadlineExceededError && signal.aborted)) throw error;
    log.error({ err: error }, 'stopped by force; what was in hand is done again at the next start');
    return exitCodes.forced;
  } finally {
    await closeAll(opened, log);
  }
}

/** In reverse order, within a bound: a connection that does not close must not keep the process. */
async function closeAll(opened: readonly AsyncDisposable[], log: Logger): Promise<void> {
  const closing = (async () => {
    for (const resource of opened.toReversed()) {
      try {
        await resource[Symbol.asyncDispose]();
      } catch (err) {
        log.warn({ err }, 'a connection did not close in order');
      }
    }
  })();
  await within(closing, closeDeadlineMs, systemClock);
}

interface StopSource {
  readonly signal: AbortSignal;
  dispose(): void;
}

/** The first signal stops in order; a second one, or running out of time, ends the process. */
function processSignals(log: Logger): StopSource {
  const controller = new AbortController();
  let outOfTime: NodeJS.Timeout | undefined;
  const onSignal = (name: NodeJS.Signals): void => {
    if (controller.signal.aborted) process.exit(exitCodes.forced);
    log.info({ signal: name }, 'told to stop; a second signal ends the process at once');
    controller.abort(new Error(name));
    const limitMs = stopDeadlineMs + closeDeadlineMs + 1_000;
    outOfTime = setTimeout(() => process.exit(exitCodes.forced), limitMs);
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  const dispose = (): void => {
    process.off('SIGTERM', onSignal);
    process.off('SIGINT', onSignal);
    clearTimeout(outOfTime); // the process may go on with other things
  };
  return { signal: controller.signal, dispose };
}
