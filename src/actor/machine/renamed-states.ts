import type { AnyStateMachine } from 'xstate';
import { CodecError } from '../../model/errors.ts';
import type { FormerNames } from '../entity/entity-logic.ts';
import type { StoredMachine } from './machine-snapshot.ts';
import { type StateNode, stateNodeOf } from './snapshot-parts.ts';

/**
 * The state of a snapshot with the names of today for the states in its value and in its histories.
 * A state that the machine no longer has keeps its name; `restoreMachine` refuses it.
 *
 * @throws {CodecError} another state has an old name today
 */
export function withNewStates(
  { root }: AnyStateMachine,
  stored: StoredMachine,
  { machineId, stateOf }: FormerNames,
): StoredMachine {
  const { value, history } = stored;
  const nameOf = (id: string): string => {
    const name = stateOf(id);
    if (name === id || nodeNamed(root, id) === undefined) return name;
    // The snapshot does not say whether it was taken before the state was renamed, or after.
    throw new CodecError(`"${id}" is an old name of "${name}", and another state has it today`);
  };
  const idOf = (id: string): string => nodeNamed(root, nameOf(id))?.id ?? nameOf(id);
  const nodes = leavesOf(value, [machineId]).map((path) => nodeNamed(root, nameOf(path.join('.'))));
  const active = new Set<StateNode>();
  for (const leaf of nodes) {
    for (let node = leaf; node !== undefined; node = node.parent) active.add(node);
  }
  const histories = Object.entries(history ?? {}).map(([id, ids]) => {
    return [idOf(id), ids.map(idOf)] as const;
  });
  return {
    ...stored,
    value: nodes.includes(undefined) ? value : stateValueOf(root, active),
    ...(histories.length > 0 && { history: Object.fromEntries(histories) }),
  };
}

/** The state at a path of keys that begins with the machine's id; or else the one with that id. */
function nodeNamed(root: StateNode, name: string): StateNode | undefined {
  return nodeAt(root, root.id, name) ?? stateNodeOf(root, name);
}

function nodeAt(node: StateNode, path: string, wanted: string): StateNode | undefined {
  if (path === wanted) return node;
  if (!wanted.startsWith(`${path}.`)) return undefined;
  for (const child of Object.values(node.states)) {
    const found = nodeAt(child, `${path}.${child.key}`, wanted);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The path of keys to each innermost state of a value. */
function leavesOf(value: unknown, path: readonly string[]): readonly (readonly string[])[] {
  if (typeof value === 'string') return [[...path, value]];
  const regions = Object.entries(Object(value));
  if (regions.length === 0) return [path];
  return regions.flatMap(([key, inner]) => leavesOf(inner, [...path, key]));
}

/** The state value of `node` when these states are active, in the form that xstate gives it. */
function stateValueOf(node: StateNode, active: ReadonlySet<StateNode>): StoredMachine['value'] {
  const inner = Object.values(node.states).filter((child) => active.has(child));
  const [only] = inner;
  const isLeaf = only !== undefined && Object.keys(only.states).length === 0;
  if (node.type === 'compound' && isLeaf) return only.key;
  return Object.fromEntries(inner.map((child) => [child.key, stateValueOf(child, active)]));
}
