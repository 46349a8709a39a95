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

/** Whether a state of the machine has the delayed transition whose events have this type. */
export function hasDelayed(machine: AnyStateMachine, type: string): boolean {
  // A wildcard takes such an event as well, but does not do what the delayed transition did.
  return descriptorsOf(machine.root).includes(type);
}

function descriptorsOf(node: AnyStateMachine['root']): readonly string[] {
  return [...node.transitions.keys(), ...Object.values(node.states).flatMap(descriptorsOf)];
}
