import type { EventObject } from 'xstate';
import { InvalidInputError } from '../model/errors.ts';
import { shown } from '../model/shown.ts';
import type { EntityOptions } from './entity/entity-options.ts';

type Shared = keyof EntityOptions<unknown, EventObject>;

/** The names of options that not all actors have; the compiler sees to it that none is missing. */
export type OwnNames<Options> = Readonly<Record<Exclude<keyof Options, Shared>, true>>;

const shared: Readonly<Record<Shared, true>> = {
  journalPluginId: true,
  tagger: true,
  recovery: true,
  machineVersion: true,
  snapshotPluginId: true,
  snapshotAdapter: true,
  retention: true,
  snapshotWhen: true,
  waitForSnapshot: true,
  onPersistFailure: true,
  onRejected: true,
  initEvent: true,
  unhandledReplayedEvent: true,
  timers: true,
  groupCommit: true,
  stashCapacity: true,
  stashOverflow: true,
  commandIds: true,
  passivateAfter: true,
  metadata: true,
  headers: true,
  expireAfter: true,
  deliveries: true,
  onSignal: true,
  eventAdapter: true,
  renamed: true,
  serializers: true,
  commandSchema: true,
  eventSchema: true,
  encryption: true,
};

/**
 * A misspelt option would count as one that is absent, so that an entity is not encrypted, or keeps
 * no snapshots. TypeScript sees that, except where options are spread.
 *
 * @param of the function that takes the options
 * @throws {InvalidInputError} names all that do not exist
 */
export function checkOptionNames(options: object, of: string, own: OwnNames<object>): void {
  const strange = Object.entries(options).filter(([name, value]) => {
    return value !== undefined && !Object.hasOwn(shared, name) && !Object.hasOwn(own, name);
  });
  if (strange.length === 0) return;
  const names = strange.map(([name]) => shown(name)).join(', ');
  throw new InvalidInputError(`${of}() has no option ${names}`);
}
