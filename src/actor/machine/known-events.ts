import type { AnyStateMachine } from 'xstate';

/** Whether a transition of any state of the machine takes events of a type. */
export function knowsEvents(machine: AnyStateMachine): (type: string) => boolean {
  const descriptors = new Set(descriptorsOf(machine.root));
  const prefixes = [...descriptors].filter((name) => name.endsWith('.*'));
  return (type) =>
    descriptors.has(type) ||
    descriptors.has('*') ||
    // As in xstate, `order.*` takes `order` as well.
    prefixes.some((name) => type === name.slice(0, -2) || type.startsWith(name.slice(0, -1)));
}

/** Whether a state of the machine is left by a delayed transition with events of a type. */
export function hasDelayed(machine: AnyStateMachine, type: string): boolean {
  // A wildcard would take such an event, too, and the state would never be left.
  return descriptorsOf(machine.root).includes(type);
}

function descriptorsOf(node: AnyStateMachine['root']): readonly string[] {
  return [...node.transitions.keys(), ...Object.values(node.states).flatMap(descriptorsOf)];
}
