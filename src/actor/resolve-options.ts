import type { EventObject } from 'xstate';
import { ignoreOutcome } from '../model/at-once.ts';
import { InvalidInputError } from '../model/errors.ts';
import { checkOptionNames, type OptionNames } from '../model/option-names.ts';
import { shown } from '../model/shown.ts';
import { SnapshotCriteria } from '../ports/snapshot-store.ts';
import { longestTimeoutMs } from '../runtime/alarms.ts';
import { actorPrefix } from './delivery/actor-address.ts';
import { defaultAskTimeoutMs } from './entity/ask.ts';
import { besideOf, type Hooks } from './entity/beside-events.ts';
import { checkId, kindOf } from './entity/check-input.ts';
import type {
  DeliverySettings,
  Destination,
  EntityDeliveries,
  ResolvedDestination,
  SendDelivery,
} from './entity/delivery-options.ts';
import { durationMs } from './entity/duration-ms.ts';
import type {
  ActorSettings,
  DeliveryOptions,
  Duration,
  EntityOptions,
  EntitySettings,
  InputArgs,
  ResolvedBackoff,
  RestartBackoff,
  SnapshotBounds,
  SnapshotSettings,
} from './entity/entity-options.ts';
import type { CommandIdSettings } from './entity/recent-commands.ts';
import type { Evolution } from './evolution/event-coding.ts';
import { resolveEvolution } from './evolution/resolve-evolution.ts';

const defaultRandomFactor = 0.2;

const noIdText =
  'an actor needs the option "persistenceId"; only entities(type, …) can do without, whose journals ' +
  'are named by type and id';

const functions = [
  'decide',
  'evolve',
  'transient',
  'tagger',
  'onSignal',
  'snapshotWhen',
  'metadata',
  'headers',
  'delivered',
] as const;

const choices = {
  onRejected: ['stop', 'continue'],
  initEvent: ['auto', 'always', 'never'],
  timers: ['deadline', 'remaining', 'restart'],
  unhandledReplayedEvent: ['fail', 'warn', 'ignore'],
  stashOverflow: ['drop', 'fail'],
} as const satisfies { [K in keyof ActorSettings]?: readonly ActorSettings[K][] };

/** A misspelt member would leave its default in force, which may delete too much. */
const members = {
  retention: ['snapshotEvery', 'keepSnapshots', 'deleteEvents'],
  recovery: ['toSeqNr', 'maxEvents', 'fromSnapshot'],
  commandIds: ['maxCount', 'maxAge'],
  deliveries: [
    'to',
    'sendTo',
    'timeout',
    'redeliverInterval',
    'redeliveryBurst',
    'warnAfterAttempts',
    'maxUnconfirmed',
  ],
} as const satisfies {
  [K in keyof Options]?: readonly (keyof NonNullable<Options[K]>)[];
};

type Options = EntityOptions<unknown, EventObject>;

/** With a misspelt one a message would count as confirmed by what `send` returns. */
const destinationMembers: OptionNames<Exclude<Destination, SendDelivery>> = {
  send: true,
  confirmed: true,
};

const backoffMembers = [
  'minBackoff',
  'maxBackoff',
  'randomFactor',
  'maxRestarts',
] as const satisfies readonly (keyof RestartBackoff)[];

/** The options that machines and behaviors have in common. */
export type SharedSettings<S> = Omit<EntitySettings<S>, 'decide' | 'transient' | 'unstashes'>;

/**
 * Options as written over the configured ones. `unknown` = what becomes of stored events that a
 * machine does not know; without it they are events like any other.
 *
 * @throws {InvalidInputError} a wrong option; names it
 */
export function resolveOptions<S, E extends EventObject>(
  options: EntityOptions<S, E>,
  settings: ActorSettings,
  unknown?: Evolution['unknown'],
): SharedSettings<S> {
  const { passivateAfter } = options;
  checkForJavaScript(options);
  return {
    journalPluginId: options.journalPluginId,
    tagger: options.tagger as SharedSettings<S>['tagger'],
    onSignal: options.onSignal,
    beside: besideOf(options as Hooks),
    evolution: resolveEvolution(options, unknown),
    commandSchema: options.commandSchema,
    machineVersion: options.machineVersion,
    recoverTo: optionalCount(options.recovery?.toSeqNr, 'recovery.toSeqNr'),
    recoverMaxEvents: countOrAll(options.recovery?.maxEvents, 'recovery.maxEvents'),
    restart: resolveBackoff(options.onPersistFailure ?? 'stop'),
    passivateAfterMs:
      passivateAfter === undefined
        ? settings.passivateAfterMs
        : durationMs(passivateAfter, 'passivateAfter'),
    snapshots: resolveSnapshots(options),
    deliveries: resolveDeliveries(options.deliveries, settings.deliveries),
    actor: overSettings(options, settings),
  };
}

/** Callers in JavaScript get to know at once, and not from the first command. */
function checkForJavaScript(options: object): void {
  const given: Readonly<Record<string, unknown>> = { ...options };
  for (const name of functions) {
    const value = given[name];
    if (value === undefined || typeof value === 'function') continue;
    throw new InvalidInputError(`the option "${name}" must be a function, not ${kindOf(value)}`);
  }
  for (const [name, allowed] of Object.entries<readonly unknown[]>(choices)) {
    const value = given[name];
    if (value === undefined || allowed.includes(value)) continue;
    const text = `must be one of ${allowed.join(', ')}, not ${shown(value)}`;
    throw new InvalidInputError(`the option "${name}" ${text}`);
  }
  for (const [name, known] of Object.entries(members)) checkMembers(name, given[name], known);
}

function checkMembers(name: string, value: unknown, known: readonly string[]): void {
  if (value === undefined) return;
  const isGroup = typeof value === 'object' && value !== null;
  const strange = isGroup ? Object.keys(value).filter((member) => !known.includes(member)) : [];
  if (isGroup && strange.length === 0) return;
  const found = isGroup ? strange.join(', ') : shown(value);
  throw new InvalidInputError(`the option "${name}" may have ${known.join(', ')}, not ${found}`);
}

function resolveSnapshots<S, E extends EventObject>({
  snapshotPluginId,
  snapshotAdapter,
  retention,
  snapshotWhen,
  waitForSnapshot = false,
  recovery,
}: EntityOptions<S, E>): SnapshotSettings<S> {
  const from = recovery?.fromSnapshot ?? {};
  const { deleteEvents = false } = retention ?? {};
  const switches = { 'retention.deleteEvents': deleteEvents, waitForSnapshot };
  for (const [name, value] of Object.entries(switches)) {
    if (typeof value === 'boolean') continue;
    throw new InvalidInputError(`${name} must be true or false, not ${shown(value)}`);
  }
  if (snapshotAdapter !== undefined) checkSnapshotAdapter(snapshotAdapter);
  return {
    pluginId: snapshotPluginId,
    adapter: snapshotAdapter,
    retention: retention && {
      snapshotEvery: positive(retention.snapshotEvery, 'retention.snapshotEvery'),
      keepSnapshots: positive(retention.keepSnapshots ?? 1, 'retention.keepSnapshots'),
      deleteEvents,
    },
    when: snapshotWhen as SnapshotSettings<S>['when'],
    holdsCommands: waitForSnapshot,
    from: from === 'none' ? from : { ...SnapshotCriteria.all, ...boundsOf(from) },
  };
}

function checkSnapshotAdapter(adapter: unknown): void {
  const { toStore, fromStore } = Object(adapter) as Readonly<Record<string, unknown>>;
  if (typeof toStore === 'function' && typeof fromStore === 'function') return;
  const text = 'the option "snapshotAdapter" needs the functions "toStore" and "fromStore"';
  throw new InvalidInputError(text);
}

/** @throws {InvalidInputError} it has something else than bounds */
function boundsOf(from: SnapshotBounds): Partial<SnapshotCriteria> {
  const given = Object.entries(Object(from)).filter(([, bound]) => bound !== undefined);
  const known = Object.keys(SnapshotCriteria.all);
  const isBound = ([name, bound]: readonly [string, unknown]): boolean =>
    known.includes(name) && typeof bound === 'number' && !Number.isNaN(bound);
  if (typeof from === 'object' && given.every(isBound)) return Object.fromEntries(given);
  const text = `recovery.fromSnapshot must be 'none' or numbers for ${known.join(', ')}`;
  throw new InvalidInputError(`${text}, not ${shown(from)}`);
}

function overSettings<S, E extends EventObject>(
  options: EntityOptions<S, E>,
  settings: ActorSettings,
): ActorSettings {
  const { groupCommit = settings.groupCommitMaxCommands } = options;
  const { stashCapacity = settings.stashCapacity } = options;
  return {
    ...settings,
    onRejected: options.onRejected ?? settings.onRejected,
    initEvent: options.initEvent ?? settings.initEvent,
    timers: options.timers ?? settings.timers,
    unhandledReplayedEvent: options.unhandledReplayedEvent ?? settings.unhandledReplayedEvent,
    groupCommitMaxCommands: positive(groupCommit, 'groupCommit'),
    stashCapacity: positive(stashCapacity, 'stashCapacity'),
    stashOverflow: options.stashOverflow ?? settings.stashOverflow,
    commandIds: commandIdsOver(options.commandIds, settings.commandIds),
  };
}

function commandIdsOver(
  given: EntityOptions<unknown, EventObject>['commandIds'],
  { maxCount, maxAgeMs }: CommandIdSettings,
): CommandIdSettings {
  const { maxCount: count = maxCount, maxAge = maxAgeMs } = given ?? {};
  const ms = durationMs(maxAge, 'commandIds.maxAge');
  if (ms > 0) return { maxCount: positive(count, 'commandIds.maxCount'), maxAgeMs: ms };
  throw new InvalidInputError('commandIds.maxAge must be more than 0');
}

function resolveDeliveries(
  given: DeliveryOptions = {},
  settings: DeliverySettings,
): EntityDeliveries {
  const { redeliveryBurst: burst = settings.redeliveryBurst } = given;
  const { warnAfterAttempts: warnAfter = settings.warnAfterAttempts } = given;
  const { maxUnconfirmed: most = settings.maxUnconfirmed } = given;
  const interval = given.redeliverInterval ?? settings.redeliverIntervalMs;
  const timeout = given.timeout ?? defaultAskTimeoutMs;
  return {
    to: new Map(
      Object.entries(given.to ?? {}).map(([name, destination]) => [
        checkDestinationName(name),
        resolveDestination(name, destination),
      ]),
    ),
    sendTo: given.sendTo ?? false,
    timeoutMs: shortMs(timeout, 'deliveries.timeout'),
    redeliverIntervalMs: shortMs(interval, 'deliveries.redeliverInterval'),
    redeliveryBurst: positive(burst, 'deliveries.redeliveryBurst'),
    warnAfterAttempts: positive(warnAfter, 'deliveries.warnAfterAttempts'),
    maxUnconfirmed: positive(most, 'deliveries.maxUnconfirmed'),
  };
}

function checkDestinationName(name: string): string {
  if (!name.startsWith(actorPrefix)) return checkId(name, 'the name of a destination');
  const text = `the name of a destination must not begin with "${actorPrefix}"`;
  throw new InvalidInputError(`${text}, as "${name}" does: such names are those of actors`);
}

function resolveDestination(name: string, given: Destination): ResolvedDestination {
  if (typeof given === 'object' && given !== null) {
    checkOptionNames(given, destinationMembers, `deliveries.to["${name}"]`);
  }
  const { send, confirmed = 'by-promise' } =
    typeof given === 'function' ? { send: given } : (given ?? {});
  if (typeof send !== 'function' || !['by-promise', 'by-event'].includes(confirmed)) {
    const text = `deliveries.to has a destination "${name}" that is none`;
    throw new InvalidInputError(
      `${text}: give a function, or { send: a function, confirmed: 'by-event' }`,
    );
  }
  return { send, isConfirmedByEvent: confirmed === 'by-event' };
}

/** A time that one of Node's timers can hold. */
function shortMs(value: Duration, name: string): number {
  const ms = durationMs(value, name);
  if (ms > 0 && ms <= longestTimeoutMs) return ms;
  throw new InvalidInputError(`${name} must be more than 0 and at most ${longestTimeoutMs} ms`);
}

/**
 * The persistence id of the actor with this input.
 *
 * @throws {InvalidInputError} the callback threw, or the id cannot name a journal
 */
export function persistenceIdOf<I>(
  persistenceId: string | ((a: InputArgs<I>) => string) | undefined,
  input: I,
): string {
  if (persistenceId === undefined) throw new InvalidInputError(noIdText);
  let id: unknown = persistenceId;
  try {
    if (typeof persistenceId === 'function') id = persistenceId({ input });
  } catch (cause) {
    throw new InvalidInputError('the persistenceId callback threw; the actor has no journal', {
      cause,
    });
  }
  ignoreOutcome(id);
  return checkId(id, 'a persistence id');
}

function resolveBackoff(value: 'stop' | RestartBackoff): ResolvedBackoff | undefined {
  if (value === 'stop') return undefined;
  checkMembers('onPersistFailure', value, backoffMembers);
  const minMs = durationMs(value.minBackoff, 'onPersistFailure.minBackoff');
  const maxMs = durationMs(value.maxBackoff, 'onPersistFailure.maxBackoff');
  if (minMs > maxMs)
    throw new InvalidInputError('onPersistFailure: minBackoff is above maxBackoff');
  const randomFactor = value.randomFactor ?? defaultRandomFactor;
  if (!(randomFactor >= 0 && randomFactor <= 1))
    throw new InvalidInputError(
      `onPersistFailure.randomFactor must be within 0 .. 1, not ${randomFactor}`,
    );
  const maxRestarts = countOrAll(value.maxRestarts, 'onPersistFailure.maxRestarts');
  return { minMs, maxMs, randomFactor, maxRestarts };
}

function positive(value: number, name: string): number {
  if (Number.isSafeInteger(value) && value >= 1) return value;
  throw new InvalidInputError(`${name} must be an integer of at least 1, not ${value}`);
}

function countOrAll(value = Number.POSITIVE_INFINITY, name: string): number {
  if (value === Number.POSITIVE_INFINITY) return value;
  return optionalCount(value, name) ?? value;
}

function optionalCount(value: number | undefined, name: string): number | undefined {
  if (value === undefined || (Number.isSafeInteger(value) && value >= 0)) return value;
  throw new InvalidInputError(`${name} must be an integer of at least 0, not ${value}`);
}
