/**
 * A machine, its children and what happens to it as plain data: fast-check can shrink it, a reader
 * can read it, and a new process can build the same machine from it.
 *
 * Numbers named `at` choose among what there is: the choice is taken modulo the count, so that
 * every shrunk plan is still a machine.
 */

export const commandTypes = ['e0', 'e1', 'e2', 'e3'] as const;
export type CommandType = (typeof commandTypes)[number];
/** Raised and sent by children; their transitions burn fuel, so that no machine runs for ever. */
export const innerTypes = ['r0', 'r1'] as const;
export type InnerType = (typeof innerTypes)[number];

/** In place of a number that chooses among children. */
export const theYoungest = 5;

export type GuardPlan =
  | 'even'
  | 'odd'
  | 'big'
  | 'has-note'
  | 'minus-zero'
  | 'status-404'
  | 'has-cause'
  | 'throws-at-13'
  /** Of xstate's own making: about the state that the machine is in, and of other guards. */
  | 'in-first'
  | 'big-out-of-first'
  | 'odd-or-in-first';

/** Asks the actor system, which xstate gives to actions only: no guard of a transition can. */
export type ActionGuardPlan = GuardPlan | 'radio-is-free';

export type DelayPlan =
  | { readonly type: 'ms'; readonly ms: number }
  /** Depends on the context, on the event, or on the time of day. */
  | { readonly type: 'context' }
  | { readonly type: 'event' }
  | { readonly type: 'clock' };

export type Holder = 'none' | 'one' | 'deep' | 'list' | 'map' | 'set';

export type ChildKind = 'promise' | 'callback' | 'observable' | 'events' | 'transition' | 'machine';

export interface ChildPlan {
  readonly kind: ChildKind;
  /** One of its own, one that other children may have too, or none. */
  readonly id: 'own' | 'same' | 'none';
  readonly systemId: 'radio' | 'tv' | undefined;
  readonly watched: boolean;
  /** Of a machine: pings until it is done; 0 = never. */
  readonly pings: number;
  /** Of a machine: what it does by itself. */
  readonly own:
    | 'nothing'
    | 'entry-tells-parent'
    | 'timer-tells-parent'
    | 'timer-ends'
    | 'has-child';
}

export type ActionPlan =
  | { readonly type: 'add'; readonly n: number }
  | { readonly type: 'record' }
  | { readonly type: 'note' }
  | { readonly type: 'crash' }
  | { readonly type: 'emit' }
  | { readonly type: 'raise'; readonly event: InnerType }
  | {
      readonly type: 'later';
      readonly event: InnerType;
      readonly delay: DelayPlan;
      readonly id: string | undefined;
      readonly how: 'raise' | 'sendTo';
    }
  | { readonly type: 'cancel'; readonly id: string }
  | {
      readonly type: 'enqueue';
      readonly guard: ActionGuardPlan;
      readonly actions: readonly ActionPlan[];
    }
  | {
      readonly type: 'spawn';
      readonly child: ChildPlan;
      readonly how: 'assign' | 'spawnChild';
      readonly holder: Holder;
    }
  | { readonly type: 'stop'; readonly at: number }
  | {
      readonly type: 'ping';
      /** `'system'` = whoever has the name `radio`. */
      readonly to: 'id' | 'system' | Holder;
      readonly at: number;
      readonly delay: DelayPlan | undefined;
      /** A delayed one takes the place of the one before with this id. */
      readonly id: string | undefined;
    };

export interface TransitionPlan {
  readonly target: number | undefined;
  readonly reenter: boolean;
  readonly guard: GuardPlan | undefined;
  readonly actions: readonly ActionPlan[];
}

export interface InvokePlan {
  readonly child: ChildPlan;
  readonly onDone: TransitionPlan | undefined;
  readonly onError: TransitionPlan | undefined;
  readonly onSnapshot: TransitionPlan | undefined;
}

/** Wildcards and other listeners for what children say. */
export interface HearPlan {
  readonly what: 'done' | 'error' | 'snapshot' | 'any';
  readonly transition: TransitionPlan;
}

export interface StatePlan {
  readonly type: 'atomic' | 'compound' | 'parallel' | 'final' | 'shallow' | 'deep';
  readonly states: readonly StatePlan[];
  /** In which of its states a compound one begins; where a history leads that remembers nothing. */
  readonly initial: number;
  /** Of a compound state: when it begins so. */
  readonly initially: readonly ActionPlan[];
  readonly tag: boolean;
  readonly entry: readonly ActionPlan[];
  readonly exit: readonly ActionPlan[];
  readonly on: readonly { readonly event: CommandType | InnerType; readonly to: TransitionPlan }[];
  readonly always: TransitionPlan | undefined;
  readonly after: readonly { readonly delay: DelayPlan; readonly to: TransitionPlan }[];
  readonly invoke: readonly InvokePlan[];
  readonly hear: readonly HearPlan[];
  readonly onDone: TransitionPlan | undefined;
}

export interface CommandPlan {
  readonly type: CommandType | 'unknown';
  readonly n: number;
  /** `absent` and `undefined` are not the same to a guard; `date` and `map` cannot be stored. */
  readonly note: 'absent' | 'undefined' | 'text' | 'nested' | 'date' | 'map' | 'nan';
}

export type Outcome = 'done' | 'fail' | 'next' | 'tell';

export type StepPlan =
  | {
      readonly type: 'command';
      readonly command: CommandPlan;
      /** What the journal does to the write. */
      readonly fault: 'none' | 'rejected' | 'lost' | 'stored-but-failed';
    }
  | { readonly type: 'burst'; readonly commands: readonly CommandPlan[] }
  | { readonly type: 'pass'; readonly ms: number }
  | {
      readonly type: 'child';
      readonly at: number;
      readonly does: Outcome;
      readonly value: number;
    }
  /**
   * `loss`: the process lives; another one has taken the entity over, and this one takes it back.
   */
  | {
      readonly type: 'restart';
      readonly how: 'crash' | 'stop' | 'loss';
      readonly downMs: number;
    };

/** The machine, and a child that it has from the beginning, made with its context. */
export interface MachinePlan {
  readonly machine: StatePlan;
  readonly born: { readonly child: ChildPlan; readonly holder: Holder } | undefined;
}

export interface HistoryPlan extends MachinePlan {
  readonly start: number;
  readonly steps: readonly StepPlan[];
}
