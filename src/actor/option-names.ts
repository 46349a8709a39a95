import type { AnyStateMachine, EventObject } from 'xstate';
import { InvalidInputError } from '../model/errors.ts';
import { shown } from '../model/shown.ts';
import type { BehaviorOptions } from './behavior.ts';
import type { EntityOptions } from './entity/entity-options.ts';
import type { PersistentOptions } from './persistent.ts';

/** The names of options; the compiler sees to it that none is missing. */
type Names<Options, Without = never> = Readonly<Record<Exclude<keyof Options, Without>, true>>;
type Shared = EntityOptions<unknown, EventObject>;

const ofBoth: Names<Shared> = {
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

const ofMachines: Names<PersistentOptions<AnyStateMachine>, keyof Shared> = {
  types: true,
  persistenceId: true,
  decide: true,
  unstashOn: true,
  transient: true,
  earlierMachines: true,
  unknownStoredEvent: true,
  retry: true,
};

const ofBehaviors: Names<BehaviorOptions<unknown, EventObject, EventObject>, keyof Shared> = {
  types: true,
  persistenceId: true,
  initialState: true,
  decide: true,
  unstashOn: true,
  evolve: true,
  delivered: true,
};

const known = {
  persistent: { ...ofBoth, ...ofMachines },
  behavior: { ...ofBoth, ...ofBehaviors },
} as const;

/**
 * A misspelt option would count as one that is absent, so that an entity is not encrypted, or keeps
 * no snapshots. TypeScript sees that, except where options are spread.
 *
 * @throws {InvalidInputError} names all that do not exist
 */
export function checkOptionNames(options: object, of: keyof typeof known): void {
  const strange = Object.entries(options).filter(([name, value]) => {
    return value !== undefined && !Object.hasOwn(known[of], name);
  });
  if (strange.length === 0) return;
  const names = strange.map(([name]) => shown(name)).join(', ');
  throw new InvalidInputError(`${of}() has no option ${names}`);
}
