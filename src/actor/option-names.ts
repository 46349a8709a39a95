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
 * Callers in JavaScript get to know of a misspelt option: it would be taken for one that is not
 * given, and an entity would store its commands, or events that are not encrypted.
 *
 * @throws {InvalidInputError} there are no options, or there is none of that name
 */
export function checkOptionNames(options: unknown, known: object, taker: string): void {
  if (typeof options !== 'object' || options === null) {
    throw new InvalidInputError(`${taker} needs an object of options, not ${shown(options)}`);
  }
  const strange = Object.keys(options).find((name) => !Object.hasOwn(known, name));
  if (strange === undefined) return;
  throw new InvalidInputError(`${taker} has no option "${strange}"`);
}
