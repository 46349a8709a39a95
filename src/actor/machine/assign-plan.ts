import type { AnyActorScope, AnyMachineSnapshot, AnyStateMachine, EventObject } from 'xstate';

/** The one enabled transition of an event, when all it does is assign. */
export interface AssignPlan {
  readonly transitions: readonly unknown[];
  readonly actions: readonly AssignAction[];
}

interface AssignAction {
  readonly type: 'xstate.assign';
  readonly resolve: (...args: unknown[]) => [AnyMachineSnapshot, unknown, unknown];
}

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
export function assignPlanner(
  machine: AnyStateMachine,
): (snapshot: AnyMachineSnapshot, event: EventObject) => AssignPlan | undefined {
  if (hasEventless(machine)) return () => undefined;
  const plans = planCache(machine);
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

type PlanCache = WeakMap<TransitionDefinition, AssignPlan | null>;
const planCaches = new WeakMap<AnyStateMachine, PlanCache>();

function planCache(machine: AnyStateMachine): PlanCache {
  const existing = planCaches.get(machine);
  if (existing !== undefined) return existing;
  const fresh: PlanCache = new WeakMap();
  planCaches.set(machine, fresh);
  return fresh;
}

const eventless = new WeakMap<AnyStateMachine, boolean>();

function hasEventless(machine: AnyStateMachine): boolean {
  let known = eventless.get(machine);
  if (known === undefined) {
    known = nodeHasEventless(machine.root);
    eventless.set(machine, known);
  }
  return known;
}

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
    if (candidate?.type !== 'xstate.assign' || candidate.resolve === undefined) return undefined;
    actions.push(candidate as AssignAction);
  }
  return { transitions: [definition], actions };
}

/**
 * Runs the assignments of a plan, in order.
 *
 * @throws what an assignment throws
 */
export function runAssigns(
  plan: AssignPlan,
  { state, event, scope }: { state: AnyMachineSnapshot; event: EventObject; scope: AnyActorScope },
): AnyMachineSnapshot {
  let next = state;
  for (const action of plan.actions) {
    const args = { context: next.context, event, self: scope.self, system: scope.system };
    next = action.resolve(scope, next, args, undefined, action, undefined)[0];
  }
  return next;
}
