import type {
  AnyActorLogic,
  AnyActorRef,
  AnyMachineSnapshot,
  AnyStateMachine,
  EventObject,
} from 'xstate';
import { createActor, StateMachine } from 'xstate';
import { CodecError } from '../../model/errors.ts';
import { readArray, readChoice, readObject, readText } from '../../model/plain-members.ts';
import { fromLossless, type Standing } from '../entity/lossless-form.ts';
import type { Timers } from '../entity/timers.ts';
import { hasDelayed } from './known-events.ts';
import type { ActorStand, StoredChild, StoredDelay, StoredMachine } from './machine-snapshot.ts';
import { type StateNode, sameValue, stateNodeOf } from './snapshot-parts.ts';

/** A state that was made from a snapshot, with children that have not been started. */
export interface RestoredMachine {
  readonly state: AnyMachineSnapshot;
  /** Children, and actors that only the context holds, with what they were made from. */
  readonly made: ReadonlyMap<AnyActorRef, StoredChild>;
}

/**
 * The state again that `persistMachine` gave, with children under `root`. Nothing is made when
 * anything is missing.
 *
 * @throws {CodecError} the machine has not such a state, or not such a child; names it
 */
export function restoreMachine(
  machine: AnyStateMachine,
  given: unknown,
  root: AnyActorRef,
): RestoredMachine {
  const stored = checkMachine(machine, given, 'state');
  const early = actorFinder(root, {}, []);
  const made = new Map<AnyActorRef, StoredChild>();
  const make = (child: StoredChild): AnyActorRef => {
    const actor = makeChild(logicOf(machine, child.src), child, root, early);
    const { status, error: cause } = actor.getSnapshot() as AnyMachineSnapshot;
    // xstate keeps what a logic throws, and shows it as the state of the child.
    if (status === 'error' && child.end === undefined) {
      throw new CodecError(`the child "${child.id}" cannot be made again`, { cause });
    }
    made.set(actor, child);
    return actor;
  };
  const children = Object.fromEntries(
    Object.entries(stored.children).map(([key, child]) => {
      return [key, make(child.end === undefined ? child : withoutName(child))];
    }),
  );
  const gone = (stored.gone ?? []).map((child) => make(withoutName(child)));
  const standing = actorFinder(root, children, gone);
  for (const [actor, child] of made) fillContexts(actor, child, standing);
  const context = fromLossless(stored.context, standing);
  const { value, historyValue } = resolve(machine, stored, 'state');
  const resolved = machine.resolveState({ value, context: context as object, historyValue });
  // xstate derives a status of its own from the value.
  const state = { ...resolved, children, status: stored.status, output: undefined };
  return { state: state as unknown as AnyMachineSnapshot, made };
}

/** A child that has ended or was stopped has given its `systemId` back: another may have it. */
function withoutName(child: StoredChild): StoredChild {
  const { systemId: _, ...nameless } = child;
  return nameless;
}

/**
 * A delayed transition whose name is gone would never be taken: the entity would stay for ever in
 * a state that it was to leave.
 *
 * @throws {CodecError} the machine has no such delayed transition; names it
 */
export function checkDelayed(machine: AnyStateMachine, timers: Timers): void {
  for (const { event, target } of timers.pending()) {
    if (target.type === 'self') checkAfter(machine, event);
  }
}

function checkAfter(machine: AnyStateMachine, { type }: EventObject): void {
  if (!type.startsWith('xstate.after.') || hasDelayed(machine, type)) return;
  throw unknown(machine, `the delayed transition "${type}"`);
}

/**
 * One child, not started, from what a snapshot holds of it. What its contexts hold of other actors
 * is filled in by `fillContexts`, once they all exist.
 */
export function makeChild(
  logic: AnyActorLogic,
  { id, src, systemId, syncSnapshot, ...stored }: StoredChild,
  parent: AnyActorRef,
  standing: Standing,
): AnyActorRef {
  const input = stored.input === undefined ? undefined : fromLossless(stored.input, standing);
  const options = { id, src, systemId, syncSnapshot, parent, input };
  const snapshot = stored.end === undefined ? snapshotOf(stored, standing) : undefined;
  if (snapshot === undefined) return createActor(logic, options as never);
  return createActor(logic, { ...options, snapshot } as never);
}

/** Gives the machines among a child and its own children their contexts. */
export function fillContexts(actor: AnyActorRef, stored: StoredChild, standing: Standing): void {
  const { machine } = stored;
  if (machine === undefined || stored.end !== undefined) return;
  const snapshot = actor.getSnapshot() as { context: unknown } & AnyMachineSnapshot;
  snapshot.context = fromLossless(machine.context, standing);
  for (const [key, child] of Object.entries(machine.children)) {
    const own = (snapshot.children as Record<string, AnyActorRef>)[key];
    if (own !== undefined) fillContexts(own, child, standing);
  }
}

/** Arms the delayed events of a child and of its own children, once they run. */
export function armDelays(
  actor: AnyActorRef,
  { machine }: StoredChild,
  standing: Standing,
  leftMs: (delay: StoredDelay) => number,
): void {
  const snapshot = actor.getSnapshot() as Partial<AnyMachineSnapshot>;
  if (machine === undefined || snapshot.status !== 'active') return;
  const due = (machine.delayed ?? []).map((delay) => ({ ...delay, leftMs: leftMs(delay) }));
  for (const { id, event, target, leftMs: ms } of due.sort((a, b) => a.leftMs - b.leftMs)) {
    const to = fromLossless(target, standing) as AnyActorRef | undefined;
    const what = fromLossless(event, standing) as EventObject;
    if (to !== undefined) actor.system.scheduler.schedule(actor, to, what, ms, id);
  }
  for (const [key, child] of Object.entries(machine.children)) {
    const own = (snapshot.children as Record<string, AnyActorRef>)[key];
    if (own !== undefined) armDelays(own, child, standing, leftMs);
  }
}

/** Finds the actor that something in a snapshot stands for; `undefined` = it is gone by now. */
export function actorFinder(
  root: AnyActorRef,
  children: Readonly<Record<string, AnyActorRef>>,
  gone: readonly AnyActorRef[],
): Standing {
  return (stand) => {
    const of = stand as ActorStand;
    if ('parent' in of) return root._parent;
    if ('systemId' in of) return root.system.get(of.systemId);
    if ('gone' in of) return gone[of.gone];
    const [first, ...rest] = of.path;
    if (first === undefined) return root;
    let actor = children[first];
    for (const key of rest) {
      const within = actor?.getSnapshot() as Partial<AnyMachineSnapshot> | undefined;
      actor = (within?.children as Readonly<Record<string, AnyActorRef>> | undefined)?.[key];
    }
    return actor;
  };
}

/**
 * The logic that a machine has under a name, as xstate finds it.
 *
 * @throws {CodecError} it has none
 */
export function logicOf(machine: AnyStateMachine, src: string): AnyActorLogic {
  const inline = /^xstate\.invoke\.(\d+)\.(.*)/.exec(src);
  let logic: unknown = machine.implementations.actors[src];
  if (inline !== null) {
    const [, index, nodeId = ''] = inline;
    const { invoke } = stateOf(machine, nodeId).config as { readonly invoke?: unknown };
    const invokes = (Array.isArray(invoke) ? invoke : [invoke]) as readonly unknown[];
    logic = (invokes[Number(index)] as { readonly src?: unknown } | undefined)?.src;
  }
  if (typeof logic === 'object' && logic !== null) return logic as AnyActorLogic;
  throw unknown(machine, `the actor "${src}"`);
}

/** What a logic restores, of a child that runs. */
function snapshotOf(
  { machine, state }: Pick<StoredChild, 'machine' | 'state'>,
  standing: Standing,
): unknown {
  if (machine === undefined) {
    return state === undefined ? undefined : fromLossless(state, standing);
  }
  const children = Object.entries(machine.children).map(([key, child]) => {
    const { src, systemId, syncSnapshot } = child;
    return [key, { src, systemId, syncSnapshot, snapshot: snapshotOf(child, standing) }];
  });
  const history = Object.entries(machine.history ?? {}).map(([id, nodes]) => {
    return [id, nodes.map((node) => ({ id: node }))];
  });
  const { status, value, output, error } = machine;
  return {
    status,
    value,
    context: {},
    output: output === undefined ? undefined : fromLossless(output, standing),
    error: error === undefined ? undefined : fromLossless(error, standing),
    historyValue: Object.fromEntries(history),
    children: Object.fromEntries(children),
  };
}

const statuses = ['active', 'done', 'error', 'stopped'] as const;

/** Everything that a machine has to have for a stored state, all the way down. */
function checkMachine(machine: AnyStateMachine, given: unknown, at: string): StoredMachine {
  const stored = readObject(given, at) as unknown as StoredMachine;
  readChoice(stored.status, statuses, `${at}.status`);
  if (stored.context === undefined) throw new CodecError(`${at}.context is missing`);
  const { nodes } = resolve(machine, stored, at);
  const children = Object.entries(readObject(stored.children, `${at}.children`));
  for (const [key, child] of children) checkChild(machine, child, `${at}.children.${key}`);
  checkInvoked(machine, nodes, Object.values(stored.children));
  const gone = stored.gone === undefined ? [] : readArray(stored.gone, `${at}.gone`);
  for (const [i, child] of gone.entries()) checkChild(machine, child, `${at}.gone[${i}]`);
  return stored;
}

/**
 * An invoked child that has another id by now would run, and nobody would hear of its end.
 *
 * @throws {CodecError} an id is gone; names both
 */
function checkInvoked(
  { id: machine }: AnyStateMachine,
  nodes: readonly StateNode[],
  children: readonly StoredChild[],
): void {
  const invoked = nodes.flatMap(({ invoke }) => invoke);
  const others = children.filter(({ id }) => invoked.every((of) => of.id !== id));
  for (const { id, src } of invoked) {
    if (children.some((child) => child.id === id)) continue;
    const other = others.find((child) => child.src === src);
    if (other === undefined) continue; // it was stopped
    throw new CodecError(`the machine "${machine}" invokes "${id}", and no longer "${other.id}"`);
  }
}

function checkChild(parent: AnyStateMachine, given: unknown, at: string): void {
  const stored = readObject(given, at) as unknown as StoredChild;
  readText(stored.id, `${at}.id`);
  const logic = logicOf(parent, readText(stored.src, `${at}.src`));
  const isMachine = logic instanceof StateMachine;
  if (stored.machine !== undefined && !isMachine) {
    throw unknown(parent, `the actor "${stored.src}" as a machine`);
  }
  if (stored.state !== undefined && isMachine) {
    throw unknown(parent, `the actor "${stored.src}" as another logic than a machine`);
  }
  if (!isMachine || stored.machine === undefined) return;
  checkMachine(logic, stored.machine, at);
  for (const { event } of stored.machine.delayed ?? []) checkAfter(logic, event as EventObject);
}

/** @throws {CodecError} the machine has not such a state value, or not such a state in a history */
function resolve(machine: AnyStateMachine, { value, history }: StoredMachine, at: string) {
  const entries = Object.entries(history ?? {}).map(([id, nodes]) => {
    const found = readArray(nodes, `${at}.history`).map((given) => {
      return stateOf(machine, readText(given, `${at}.history`));
    });
    return [id, found] as const;
  });
  const historyValue = Object.fromEntries(entries);
  const what = `the state ${JSON.stringify(value)}`;
  const resolved = known(machine, what, () => {
    return machine.resolveState({ value: value as never, context: {}, historyValue });
  });
  if (!sameValue(resolved.value, value)) throw unknown(machine, what);
  return { value: value as typeof resolved.value, historyValue, nodes: resolved._nodes };
}

function stateOf(machine: AnyStateMachine, id: string): StateNode {
  const node = stateNodeOf(machine.root, id);
  if (node !== undefined) return node;
  throw unknown(machine, `the state "${id}"`);
}

function known<T>(machine: AnyStateMachine, what: string, look: () => T): T {
  try {
    return look();
  } catch (cause) {
    throw unknown(machine, what, cause);
  }
}

function unknown(machine: AnyStateMachine, what: string, cause?: unknown): CodecError {
  return new CodecError(`the machine "${machine.id}" does not have ${what}`, { cause });
}
