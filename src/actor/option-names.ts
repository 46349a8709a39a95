import type { EventObject } from 'xstate';
import type { OptionNames } from '../model/option-names.ts';
import type { EntityOptions } from './entity/entity-options.ts';

/** What an actor may be given whatever it is made of; another name is a mistake. */
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
