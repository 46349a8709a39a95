import type { AnyStateMachine } from 'xstate';

/** What xstate calls a machine without an id. */
const machineWithoutId = '(machine)';

type StateNode = AnyStateMachine['root'];

/**
 * The ids of a machine that are stored in its journal though nobody gave them: xstate makes them
 * from the place of a state, so they change with it, and entities that were stored before are not
 * recovered any more.
 */
export function automaticIds(machine: AnyStateMachine): readonly string[] {
  const invokes = automaticInvokes(machine.root);
  const isStored = invokes.length > 0 || hasDelays(machine.root);
  return machine.id === machineWithoutId && isStored ? [machine.id, ...invokes] : invokes;
}

function automaticInvokes(node: StateNode): readonly string[] {
  const own = node.invoke.filter(({ id }, index) => id === `${index}.${node.id}`);
  return [...own.map(({ id }) => id), ...Object.values(node.states).flatMap(automaticInvokes)];
}

/** A delayed transition is stored with the id of its state. */
function hasDelays(node: StateNode): boolean {
  return node.after.length > 0 || Object.values(node.states).some(hasDelays);
}
