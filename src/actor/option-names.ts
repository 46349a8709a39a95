import type { EventObject } from 'xstate';
import { InvalidInputError } from '../model/errors.ts';
import { shown } from '../model/shown.ts';
import type { EntityOptions } from './entity/entity-options.ts';

/** A name for each option: one that is missing here does not compile. */
export type OptionNames<Options> = Readonly<Record<keyof Options, true>>;

export const entityOptionNames: OptionNames<EntityOptions<unknown, EventObject>> = {
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
 * A misspelt option would count as one that is not given: an entity would store its commands as
 * they are, or events that are not encrypted. TypeScript sees that, except where options are
 * spread.
 *
 * @param taker the function that takes the options
 * @throws {InvalidInputError} there are no options; or names all that do not exist
 */
export function checkOptionNames(options: unknown, known: object, taker: string): void {
  if (typeof options !== 'object' || options === null) {
    throw new InvalidInputError(`${taker} needs an object of options, not ${shown(options)}`);
  }
  const strange = Object.entries(options).filter(([name, value]) => {
    return value !== undefined && !Object.hasOwn(known, name);
  });
  if (strange.length === 0) return;
  const names = strange.map(([name]) => shown(name)).join(', ');
  throw new InvalidInputError(`${taker} has no option ${names}`);
}
