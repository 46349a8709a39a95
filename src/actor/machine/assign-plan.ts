import type { AnyActorScope, AnyMachineSnapshot, AnyStateMachine, EventObject } from 'xstate';

/** The one enabled transition of an event, when all it does is assign. */
export interface AssignPlan {
  readonly transitions: readonly unknown[];
  readonly actions: readonly AssignAction[];
  /** One of the assignments has called `spawn`: from then on xstate itself runs the plan. */
  spawns: boolean;
}

/** Plans a step of a machine; `undefined` = xstate itself has to run it. */
export type AssignPlanner = (
  snapshot: AnyMachineSnapshot,
  event: EventObject,
) => AssignPlan | undefined;

interface AssignAction {
  readonly type: 'xstate.assign';
  readonly assignment: Assignment;
  readonly resolve: (...args: unknown[]) => [AnyMachineSnapshot, unknown, unknown];
}

type Assigner = (args: object, params: undefined) => unknown;

/** What was given to `assign`. */
type Assignment = Assigner | Readonly<Record<string, unknown>>;

interface TransitionDefinition {
  readonly target: readonly unknown[] | undefined;
  readonly reenter: boolean;
  readonly actions: readonly unknown[];
}

/**
 * Most events of most journals only assign. For those the general step of xstate computes entry
 * and exit sets that are empty and looks for eventless transitions that do not exist; this keeps
 * guards, selection and assignment as xstate does them and leaves out the rest. The plan is
 * `undefined` whenever the event may do more: a target, another kind of action, parallel regions,
 * eventless transitions.
 */
export function assignPlanner(machine: AnyStateMachine): AssignPlanner {
  const known = planners.get(machine);
  if (known !== undefined) return known;
  const planner = nodeHasEventless(machine.root) ? () => undefined : plannerOf(machine);
  planners.set(machine, planner);
  return planner;
}

function plannerOf(machine: AnyStateMachine): AssignPlanner {
  const plans = new WeakMap<TransitionDefinition, AssignPlan | null>();
  return (snapshot, event) => {
    if (snapshot.status !== 'active' || event.type.startsWith('xstate.')) return undefined;
    const selected = machine.getTransitionData(snapshot, event) as readonly TransitionDefinition[];
    const only = selected.length === 1 ? selected[0] : undefined;
    if (only === undefined) return undefined;
    let plan = plans.get(only);
    if (plan === undefined) {
      plan = planOf(only, machine) ?? null;
      plans.set(only, plan);
    }
    return plan ?? undefined;
  };
}

/** What is known of each machine: all its actors share it. */
const planners = new WeakMap<AnyStateMachine, AssignPlanner>();

function nodeHasEventless(node: AnyStateMachine['root']): boolean {
  return node.always !== undefined || Object.values(node.states).some(nodeHasEventless);
}

function planOf(
  definition: TransitionDefinition,
  machine: AnyStateMachine,
): AssignPlan | undefined {
  if (definition.target !== undefined) return undefined;
  const actions: AssignAction[] = [];
  for (const action of definition.actions) {
    // An action object has parameters, which are computed at each step: it has no `resolve`, and is
    // left to xstate.
    const named = typeof action === 'string' ? machine.implementations.actions[action] : action;
    const candidate = named as Partial<AssignAction> | undefined;
    if (candidate?.type !== 'xstate.assign') return undefined;
    if (candidate.resolve === undefined || candidate.assignment === undefined) return undefined;
    actions.push(candidate as AssignAction);
  }
  return { transitions: [definition], actions, spawns: false };
}

/** What the assignments of a plan are given. */
export interface AssignInput {
  readonly state: AnyMachineSnapshot;
  readonly event: EventObject;
  readonly scope: AnyActorScope;
}

/**
 * Runs the assignments of a plan, in order. For each of them xstate would compute value and tags of
 * the state anew, which takes longer than the rest of the event. Assignments change neither, so
 * here they stay as they are.
 *
 * @throws what an assignment throws
 */
export function runAssigns(plan: AssignPlan, input: AssignInput): AnyMachineSnapshot {
  const { state, event, scope } = input;
  if (plan.spawns || !state.context) return resolveAssigns(plan, input);
  isSpawning = false;
  let { context } = state;
  try {
    for (const { assignment } of plan.actions) {
      const args = { context, event, spawn, self: scope.self, system: scope.system };
      context = { ...context, ...assigned(assignment, args) };
    }
  } catch (error) {
    if (!isSpawning) throw error;
  }
  plan.spawns = isSpawning;
  return isSpawning ? resolveAssigns(plan, input) : { ...state, context };
}

/** An assignment of the run under way has called `spawn`. */
let isSpawning = false;

function spawn(): never {
  isSpawning = true;
  throw new Error('spawn may be called only while the assignment runs');
}

function assigned(assignment: Assignment, args: object): object {
  if (typeof assignment === 'function') return assignment(args, undefined) as object;
  const update: Record<string, unknown> = {};
  for (const key of Object.keys(assignment)) {
    const value = assignment[key];
    update[key] = typeof value === 'function' ? value(args, undefined) : value;
  }
  return update;
}

/** The same by xstate's own code, which can spawn. */
function resolveAssigns(
  plan: AssignPlan,
  { state, event, scope }: AssignInput,
): AnyMachineSnapshot {
  let next = state;
  for (const action of plan.actions) {
    const args = { context: next.context, event, self: scope.self, system: scope.system };
    next = action.resolve(scope, next, args, undefined, action, undefined)[0];
  }
  return next;
}
