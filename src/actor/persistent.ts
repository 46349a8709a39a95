import type {
  ActorLogic,
  AnyActorScope,
  AnyMachineSnapshot,
  AnyStateMachine,
  EmittedFrom,
  EventFromLogic,
  EventObject,
  InputFrom,
  SnapshotFrom,
  StateValue,
} from 'xstate';
import { StateMachine } from 'xstate';
import { InvalidInputError } from '../model/errors.ts';
import { checkOptionNames, type OptionNames } from '../model/option-names.ts';
import { kindOf } from './entity/check-input.ts';
import type { DecisionOf, NoOthers, ReplyOfDecision } from './entity/decision-types.ts';
import type { Delivered } from './entity/delivery-options.ts';
import type {
  ActorSettings,
  DecideArgs,
  Decision,
  EntityOptions,
  EntitySettings,
  InputArgs,
  TransientArgs,
  XstateEvent,
} from './entity/entity-options.ts';
import type { PersistenceInfo } from './entity/persistence-info.ts';
import type { FrontEnd } from './entity-actor-logic.ts';
import type { UnknownStoredEvent } from './evolution/event-coding.ts';
import { checkUnknownPolicy } from './evolution/resolve-evolution.ts';
import { knowsEvents } from './machine/known-events.ts';
import { MachineLogic } from './machine/machine-logic.ts';
import { MachineVersions } from './machine/machine-versions.ts';
import { MachineWire } from './machine/machine-wire.ts';
import { type RetryPolicies, withRetryPolicies } from './machine/retry-policy.ts';
import { entityOptionNames } from './option-names.ts';
import { persistenceIdOf, resolveOptions, type SharedSettings } from './resolve-options.ts';

/** All that the journal of a machine holds. */
type StoredEvent<M extends AnyStateMachine> = EventFromLogic<M> | XstateEvent;

/** What callers may send of the events of a machine: those that confirm deliveries are refused. */
type CallerEvent<M extends AnyStateMachine> = Exclude<EventFromLogic<M>, Delivered>;

/** A machine's snapshot, with what is known of its journal; `R` is what it replies. */
export type PersistentSnapshot<M extends AnyStateMachine, R = unknown> = SnapshotFrom<M> & {
  readonly persistence: PersistenceInfo<StoredEvent<M>, R>;
};

/** Logic for `createActor`, `spawn` and `invoke`; `C` is what callers may send, `R` the reply. */
export type PersistentLogic<
  M extends AnyStateMachine,
  C extends EventObject = CallerEvent<M>,
  R = unknown,
> = ActorLogic<PersistentSnapshot<M, R>, C, InputFrom<M>, AnyActorScope['system'], EmittedFrom<M>>;

/** What `decide` of a machine may answer; `R` is what it replies. */
type MachineDecision<M extends AnyStateMachine, R = unknown> = Decision<
  EventFromLogic<M>,
  SnapshotFrom<M>,
  R
>;

/** The same with what helps the compiler to name a wrong event. */
type MachineAnswer<M extends AnyStateMachine> = DecisionOf<EventFromLogic<M>['type']> &
  MachineDecision<M>;

/** The states of a machine by their paths; any text where the machine does not name its states. */
type StatePath<V> = StateValue extends V
  ? string
  : V extends string
    ? V
    : { [K in keyof V & string]: K | `${K}.${StatePath<NonNullable<V[K]>>}` }[keyof V & string];

/** How a machine becomes durable: its journal, and the options of every entity. */
export interface PersistentOptions<
  M extends AnyStateMachine,
  C extends EventObject = CallerEvent<M>,
  D = MachineDecision<M>,
> extends EntityOptions<SnapshotFrom<M>, EventFromLogic<M>, StoredEvent<M>> {
  /** Only types, as in xstate's `setup`: `types: { commands: {} as Command }`. */
  readonly types?:
    | {
        /**
         * What callers may send; the machine's events unless given, without those that confirm
         * deliveries.
         */
        readonly commands?: C | undefined;
      }
    | undefined;
  /**
   * Names the journal: not blank, and unique among the live actors. Unless given, an entity of
   * `entities` has its type and its id, as `account|a-1`; any other actor needs one.
   */
  readonly persistenceId?: (string | ((a: InputArgs<InputFrom<M>>) => string)) | undefined;
  /**
   * Turns a command into events. Without it the command is the event, accepted when the machine
   * has a transition for it. It must not have effects: it may run again after a rejected write.
   */
  // A conditional type, so that TypeScript knows the machine and the commands before it looks at
  // the function: otherwise it would take `type: 'added'` for any text.
  readonly decide?:
    | ([M] extends [unknown] ? (a: DecideArgs<SnapshotFrom<M>, C>) => D & NoOthers<D> : never)
    | undefined;
  /**
   * When the commands come back that `decide` has stashed: when one of these states is entered,
   * each named by its path as in `matches` (`'open'`, `'door.open'`); or after an event after which
   * the function answers true. Unless given: after each event.
   */
  readonly unstashOn?:
    | StatePath<SnapshotFrom<M>['value']>
    | readonly StatePath<SnapshotFrom<M>['value']>[]
    | ((after: SnapshotFrom<M>) => boolean)
    | undefined;
  /**
   * Events that are applied without being stored; they must not change value, context or children.
   */
  readonly transient?:
    | ((a: TransientArgs<SnapshotFrom<M>, C | EventFromLogic<M>>) => boolean)
    | undefined;
  /**
   * Machines by version: an entity that was born with one of these goes on with that machine. `''`
   * stands for entities whose first event names no version. All have the same events and context.
   */
  readonly earlierMachines?: Readonly<Record<string, AnyStateMachine>> | undefined;
  /**
   * A stored event that no transition of any state takes: `'fail'` the recovery, `'skip'` it, or a
   * function gives the event, or the events, to apply in its place. Without it such an event is one
   * that is not handled: see `unhandledReplayedEvent`, which also counts for events that the
   * machine knows and does not take in its present state.
   */
  readonly unknownStoredEvent?: UnknownStoredEvent | undefined;
  /**
   * How invoked promises are tried again when they fail, by their names in `setup({ actors })`. It
   * counts for what the machine itself invokes or spawns by that name, not for what its child
   * machines do (docs/retries.md).
   */
  readonly retry?: RetryPolicies<M> | undefined;
}

const optionNames: OptionNames<PersistentOptions<AnyStateMachine>> = {
  ...entityOptionNames,
  types: true,
  persistenceId: true,
  decide: true,
  unstashOn: true,
  transient: true,
  earlierMachines: true,
  unknownStoredEvent: true,
  retry: true,
};

/** See `persistent` of the persistence. */
export type MakePersistent = <
  M extends AnyStateMachine,
  C extends EventObject = CallerEvent<M>,
  D extends MachineAnswer<M> = MachineDecision<M, undefined>,
>(
  machine: M,
  options: PersistentOptions<M, C, D>,
) => PersistentLogic<M, C, ReplyOfDecision<D>>;

/**
 * The machine front end: the machine is what applies events (docs/adr/0008-persistent-actors.md).
 */
export function machineFrontEnd<M extends AnyStateMachine, C extends EventObject, D>(
  machine: M,
  options: PersistentOptions<M, C, D>,
  settings: ActorSettings,
): FrontEnd<AnyMachineSnapshot> {
  type Settings = EntitySettings<AnyMachineSnapshot>;
  if (!(machine instanceof StateMachine)) {
    throw new InvalidInputError(`persistent() takes a state machine, not ${kindOf(machine)}`);
  }
  checkOptionNames(options, optionNames, 'persistent()');
  const { persistenceId, decide, transient, unknownStoredEvent: policy } = options;
  const earlier = new Map(Object.entries(options.earlierMachines ?? {}));
  const machines = [machine, ...earlier.values()];
  const stranger = machines.find((one) => !(one instanceof StateMachine));
  if (stranger !== undefined) {
    throw new InvalidInputError(`"earlierMachines" are state machines, not ${kindOf(stranger)}`);
  }
  const { machineVersion, retry } = options;
  if (earlier.size > 0 && (machineVersion === undefined || earlier.has(machineVersion))) {
    const text = 'a machine with "earlierMachines" needs a "machineVersion" that none of them has';
    throw new InvalidInputError(text);
  }
  if (policy !== undefined) checkUnknownPolicy(policy);
  const known = policy === undefined ? [] : machines.map(knowsEvents);
  const knows = (type: string): boolean => known.some((knowsIt) => knowsIt(type));
  const shared = resolveOptions(options, settings, policy && { policy, knows });
  const unstashes = unstashesOf(machine, options.unstashOn as UnstashOn);
  const tried = (one: AnyStateMachine) => withRetryPolicies(one, retry, one !== machine);
  const newest = tried(machine);
  const others = new Map([...earlier].map(([version, one]) => [version, tried(one)]));
  const versions = () => new MachineVersions(newest, others);
  return {
    needsId: persistenceId === undefined,
    settings: {
      ...(shared as SharedSettings<AnyMachineSnapshot>),
      unstashes,
      decide: decide as Settings['decide'],
      transient: transient as Settings['transient'],
    },
    persistenceIdOf: (input, typedId) =>
      persistenceIdOf(persistenceId ?? typedId, input as InputFrom<M>),
    open: (scope, hooks, persistenceId) =>
      new MachineLogic(versions(), scope, hooks, persistenceId),
    wire: new MachineWire(versions()),
  };
}

type UnstashOn = string | readonly string[] | ((after: AnyMachineSnapshot) => boolean) | undefined;

/** @throws {InvalidInputError} the machine has no such state */
function unstashesOf(
  machine: AnyStateMachine,
  unstashOn: UnstashOn,
): EntitySettings<AnyMachineSnapshot>['unstashes'] {
  if (unstashOn === undefined) return undefined;
  if (typeof unstashOn === 'function') return (_before, after) => unstashOn(after);
  const paths = typeof unstashOn === 'string' ? [unstashOn] : unstashOn;
  if (!Array.isArray(paths)) {
    throw new InvalidInputError(`"unstashOn" must name states, or be a function`);
  }
  for (const path of paths) {
    let node: AnyStateMachine['root'] | undefined = machine.root;
    for (const name of String(path).split('.')) node = node?.states[name];
    if (node !== undefined) continue;
    throw new InvalidInputError(`"unstashOn" names "${path}", which is no state of ${machine.id}`);
  }
  return (before, after) =>
    paths.some((path) => after.matches(path as never) && !before.matches(path as never));
}
