import type { ActorLogic, AnyActorScope, EventObject } from 'xstate';
import { ignoreOutcome } from '../model/at-once.ts';
import { CodecError, InvalidInputError } from '../model/errors.ts';
import { checkOptionNames, type OptionNames } from '../model/option-names.ts';
import { readObject } from '../model/plain-members.ts';
import type { CommandNames } from './entity/ask.ts';
import { kindOf } from './entity/check-input.ts';
import type { DecisionOf, NoOthers, ReplyOfDecision } from './entity/decision-types.ts';
import { type Delivered, isDelivered } from './entity/delivery-options.ts';
import type { DryRun, EntityLogic, StoredInput, UsedMachine } from './entity/entity-logic.ts';
import type { ActorSettings, Decision, EntityOptions, InputArgs } from './entity/entity-options.ts';
import { fromLossless, toLossless } from './entity/lossless-form.ts';
import type { PersistenceInfo } from './entity/persistence-info.ts';
import { commonForm, commonOf } from './entity/snapshot-wire.ts';
import type { FrontEnd } from './entity-actor-logic.ts';
import { entityOptionNames } from './option-names.ts';
import type { EntityInput } from './registry/entities.ts';
import { persistenceIdOf, resolveOptions } from './resolve-options.ts';

/** What a behaviour's actor shows (ADR 24). */
export interface BehaviorState<S> {
  readonly status: 'active' | 'done' | 'error' | 'stopped';
  readonly context: S;
  readonly output: unknown;
  readonly error: unknown;
}

/** The snapshot of a behaviour's actor: its state, and what is known of its journal. */
export type BehaviorSnapshot<S, E extends EventObject, R = unknown> = BehaviorState<S> & {
  readonly persistence: PersistenceInfo<E, R>;
};

/** Logic for `createActor`, `spawn` and `invoke`; `R` is what it replies. */
export type BehaviorLogic<
  S,
  C extends EventObject,
  E extends EventObject,
  I = EntityInput,
  R = unknown,
> = ActorLogic<
  // xstate's `Snapshot` ties `error` and `output` to the status; a behaviour has one shape for all.
  BehaviorSnapshot<S, E, R> & ActiveSnapshot,
  C,
  I,
  AnyActorScope['system'],
  EventObject
>;

/** A behaviour with one fixed persistence id needs no input. */
type BehaviorInput<I, P> = [P] extends [string] ? I | undefined : I;

// No interface: programs whose declarations hold a snapshot could not name it.
type ActiveSnapshot = {
  readonly status: 'active';
  readonly output: undefined;
  readonly error: undefined;
};

/** What `decide` of a behaviour is given. */
export interface BehaviorDecideArgs<S, C> extends CommandNames {
  readonly state: S;
  readonly command: C;
  /** Number of the last event, stored or being written. */
  readonly sequenceNr: number;
  /** `machineVersion` of the actor that began the journal; `undefined` = its events name none. */
  readonly bornWith: string | undefined;
}

/** What `decide` of a behaviour may answer. */
type BehaviorDecision<S, E extends EventObject> = Decision<E, BehaviorState<S>>;

/** The same with what helps the compiler to name a wrong event. */
type BehaviorAnswer<S, E extends EventObject> = DecisionOf<E['type']> & BehaviorDecision<S, E>;

type Decide<S, C, E extends EventObject> = (a: BehaviorDecideArgs<S, C>) => BehaviorDecision<S, E>;

/** An entity without a machine: its rules, and the options of every entity. */
export interface BehaviorOptions<
  S,
  C extends EventObject,
  E extends EventObject,
  I = EntityInput,
  D = BehaviorDecision<S, E>,
  P extends string | undefined = string | undefined,
> extends EntityOptions<BehaviorState<S>, E> {
  /** Only types: `types: { commands: {} as Command, events: {} as Event }`. */
  readonly types: {
    readonly commands: C;
    readonly events: E;
    /** That of `initialState` unless given; needed where that is a function. */
    readonly state?: S | undefined;
    /** What an actor is started with; `{ id: string }` unless given. */
    readonly input?: I | undefined;
  };
  /**
   * Names the journal: not blank, and unique among the live actors. Unless given, an entity of
   * `entities` has its type and its id, as `account|a-1`; any other actor needs one.
   */
  readonly persistenceId?: (P | ((a: InputArgs<I>) => string)) | undefined;
  /** A function of the input makes the input part of the journal. */
  readonly initialState: S | ([S] extends [unknown] ? (a: InputArgs<I>) => S : never);
  /**
   * Turns a command into events. It must not have effects: it may run again after a rejected
   * write.
   */
  // A conditional type, so that TypeScript knows the events before it looks at the function:
  // otherwise it would take `type: 'added'` for any text.
  readonly decide: [E] extends [unknown] ? (a: BehaviorDecideArgs<S, C>) => D & NoOthers<D> : never;
  /**
   * When the commands come back that `decide` has stashed: after an event after which this answers
   * true. Unless given: after each event.
   */
  readonly unstashOn?: ((state: S) => boolean) | undefined;
  /** The state after an event: a pure function, which leaves the old state alone. */
  // Conditional as `decide` is: otherwise the `kind: 'open'` of a state would be any text.
  readonly evolve: [S] extends [unknown] ? (state: S, event: E) => NoInfer<S> : never;
  /**
   * The state after a delivery was confirmed by the promise of its destination: a pure function. It
   * stays as it is unless given.
   */
  readonly delivered?: [S] extends [unknown]
    ? (state: S, delivered: Delivered) => NoInfer<S>
    : never;
}

const optionNames: OptionNames<BehaviorOptions<unknown, EventObject, EventObject>> = {
  ...entityOptionNames,
  types: true,
  persistenceId: true,
  initialState: true,
  decide: true,
  unstashOn: true,
  evolve: true,
  delivered: true,
};

/** See `behavior` of the persistence. */
export type MakeBehavior = <
  S,
  C extends EventObject,
  // The default never counts; it only makes a `decide` without parameters keep its texts.
  E extends EventObject = { readonly type: '' },
  D extends BehaviorAnswer<S, E> = BehaviorDecision<S, E>,
  I = EntityInput,
  P extends string | undefined = undefined,
>(
  options: BehaviorOptions<S, C, E, I, D, P>,
) => BehaviorLogic<S, C, E, BehaviorInput<I, P>, ReplyOfDecision<D>>;

/** The front end without a machine: initial state, decide, evolve. */
export function behaviorFrontEnd<S, C extends EventObject, E extends EventObject, I, D>(
  options: BehaviorOptions<S, C, E, I, D, string | undefined>,
  settings: ActorSettings,
): FrontEnd<BehaviorState<S>> {
  checkOptionNames(options, optionNames, 'behavior()');
  const shared = resolveOptions(options, settings);
  const { persistenceId, evolve, unstashOn } = options;
  const decide = options.decide as unknown as Decide<S, C, E>;
  if (decide === undefined || evolve === undefined) {
    throw new InvalidInputError('a behaviour needs the functions "decide" and "evolve"');
  }
  return {
    needsId: persistenceId === undefined,
    settings: {
      ...shared,
      decide: ({ snapshot: { context: state }, command, ...rest }) =>
        decide({ ...rest, state, command: command as C }),
      transient: undefined,
      unstashes: unstashOn && ((_before, { context }) => unstashOn(context)),
    },
    persistenceIdOf: (input, typedId) => persistenceIdOf(persistenceId ?? typedId, input as I),
    open: () => new BehaviorEntity(options as unknown as Rules<S>),
    wire: {
      toPlain: (snapshot) => ({ ...commonForm(snapshot), context: snapshot.context }),
      ofPlain: (plain) => {
        const members = readObject(plain, 'snapshot');
        return { ...commonOf(members), context: members.context as S };
      },
    },
  };
}

/** @throws {InvalidInputError} the function returned nothing, or a promise */
function checkState<S>(state: S, option: string, type?: string): S {
  if (state !== undefined && !(state instanceof Promise)) return state;
  ignoreOutcome(state);
  const at = type === undefined ? '' : ` for "${type}"`;
  throw new InvalidInputError(`${option} returned ${kindOf(state)}${at}; it must return the state`);
}

interface Rules<S> {
  readonly initialState: unknown;
  readonly evolve: (state: S, event: EventObject) => S;
  readonly delivered: ((state: S, delivered: Delivered) => S) | undefined;
}

/** Folding has no effects, so a dry run is the thing itself. */
class BehaviorEntity<S> implements EntityLogic<BehaviorState<S>>, DryRun<BehaviorState<S>> {
  readonly handled = true;
  readonly trace: readonly unknown[] = [];
  readonly timerChanges: readonly never[] = [];
  readonly outboxChanges: readonly never[] = [];
  readonly actionCount = 0;
  readonly hearsDeliveries: boolean;
  readonly #rules: Rules<S>;

  constructor(rules: Rules<S>) {
    this.#rules = rules;
    this.hearsDeliveries = rules.delivered !== undefined;
  }

  machineOf(): UsedMachine {
    return { kind: 'behavior', isEarlier: false };
  }

  needsInit(input: unknown): boolean {
    return input !== undefined && typeof this.#rules.initialState === 'function';
  }

  dryRun(): DryRun<BehaviorState<S>> {
    return this;
  }

  replayRun(): DryRun<BehaviorState<S>> {
    return this;
  }

  initial(input: unknown): BehaviorState<S> {
    const { initialState } = this.#rules;
    const isMade = typeof initialState === 'function';
    const context = isMade ? checkState(initialState({ input }), 'initialState') : initialState;
    return { status: 'active', context: context as S, output: undefined, error: undefined };
  }

  apply(state: BehaviorState<S>, event: EventObject): BehaviorState<S> {
    const context = this.#evolved(state.context, event);
    return { status: 'active', context, output: undefined, error: undefined };
  }

  #evolved(state: S, event: EventObject): S {
    const { evolve, delivered } = this.#rules;
    if (!isDelivered(event)) return checkState(evolve(state, event), 'evolve', event.type);
    // A program that no longer wants to know does not ask for what was handled once.
    if (delivered === undefined) return state;
    return checkState(delivered(state, event), 'delivered', event.type);
  }

  begin(input: unknown): BehaviorState<S> {
    return this.initial(input);
  }

  commit(state: BehaviorState<S>, event: EventObject): BehaviorState<S> {
    return this.apply(state, event);
  }

  adoptReplay(state: BehaviorState<S>): BehaviorState<S> {
    return state;
  }

  noteEnd(): void {}

  persist({ context }: BehaviorState<S>): Readonly<Record<string, unknown>> {
    return { context: toLossless(context, 'state.context') };
  }

  restore(stored: unknown): BehaviorState<S> {
    const { context } = readObject(stored, 'state');
    // A state that is `undefined` has a mark of its own, so here something was lost.
    if (context === undefined) throw new CodecError('state.context is missing');
    const state = fromLossless(context) as S;
    return { status: 'active', context: state, output: undefined, error: undefined };
  }

  stop(state: BehaviorState<S>): BehaviorState<S> {
    return { ...state, status: 'stopped' };
  }

  isUnchanged(before: BehaviorState<S>, after: BehaviorState<S>): boolean {
    return before.context === after.context;
  }

  describe(state: BehaviorState<S>): string {
    return state.status;
  }

  arm(): boolean {
    return false;
  }

  hasRunningChild(): boolean {
    return false;
  }

  isRunning(): boolean {
    return false;
  }

  childrenOf(): readonly never[] {
    return [];
  }

  inputToStore(_state: BehaviorState<S>, payload: EventObject): StoredInput {
    return { payload, replaced: false };
  }

  senderOf(): undefined {}

  hasChild(): boolean {
    return false;
  }

  hiddenActor(): undefined {}

  useVersion(): void {}

  endChild(): void {}

  noteAttempt(): void {}

  takeAttempt(): void {}

  backoffEndMs(): undefined {}

  adoptStep(): void {}

  discard(): void {}

  reset(): void {}

  mark(): void {}

  undo(): void {}
}
