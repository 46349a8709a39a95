import type { AnyActorRef, AnyMachineSnapshot, EventObject } from 'xstate';
import type { Lab } from './lab.ts';
import { errorParts } from './machine-context.ts';
import { commandTypes } from './plan.ts';

/** What can be seen of an entity at rest; the same in every process, so without session ids. */
export interface View {
  readonly status: string;
  readonly value: unknown;
  readonly context: unknown;
  readonly tags: readonly string[];
  readonly output: unknown;
  readonly error: unknown;
  readonly can: Readonly<Record<string, boolean>>;
  readonly children: readonly ChildView[];
  readonly systemIds: Readonly<Record<string, string>>;
  readonly pending: readonly string[];
  readonly works: readonly string[];
}

interface ChildView {
  readonly name: string;
  readonly status: string;
  readonly value: unknown;
  readonly context: unknown;
  readonly output: unknown;
  readonly error: unknown;
}

export interface PendingEvent {
  readonly source: AnyActorRef;
  readonly target: AnyActorRef;
  readonly event: EventObject;
  readonly dueMs: number;
  readonly alarm: number;
  readonly id: string | undefined;
}

export interface ViewOf {
  readonly actor: AnyActorRef;
  readonly lab: Lab;
  readonly pending: readonly PendingEvent[];
  /** What an actor that is no child any more shows; its status unless given. */
  readonly goneAs?: (ref: AnyActorRef) => string;
}

export function viewOf({ actor, lab, pending, goneAs = statusOf }: ViewOf): View {
  const snapshot = actor.getSnapshot() as AnyMachineSnapshot;
  const { status, value, tags, output, error } = snapshot;
  const isOver = status !== 'active';
  const names = { of: namesOf(snapshot), goneAs };
  return {
    status,
    value: isOver && status !== 'done' ? 'over' : value,
    context: isOver && status !== 'done' ? 'over' : plainOf(snapshot.context, names),
    tags: isOver ? [] : [...tags].sort(),
    output: plainOf(output, names),
    error: errorParts(error),
    can: isOver ? {} : whatItCan(snapshot),
    children: isOver ? [] : childrenOf(snapshot, names),
    systemIds: isOver ? {} : systemIdsOf(actor, names),
    pending: isOver ? [] : pendingOf(pending, actor, names),
    works: lab.works.map(({ site }) => site),
  };
}

interface Names {
  readonly of: ReadonlyMap<unknown, string>;
  readonly goneAs: (ref: AnyActorRef) => string;
}

export function statusOf(ref: AnyActorRef): string {
  return (ref.getSnapshot() as { readonly status: string }).status;
}

/** A child is named after the place that made it, and its turn among those of that place. */
function namesOf({ children }: AnyMachineSnapshot): Names['of'] {
  const names = new Map<unknown, string>();
  const turns = new Map<unknown, number>();
  // An actor whose first state threw has none.
  for (const child of Object.values(children ?? {}) as AnyActorRef[]) {
    const turn = turns.get(child.src) ?? 0;
    turns.set(child.src, turn + 1);
    names.set(child, `${siteOf(child)}#${turn}`);
  }
  return names;
}

/** The place in the machine that made the child: every one has a logic of its own. */
export function siteOf({ src }: AnyActorRef): string {
  return typeof src === 'string' ? src : '?';
}

function whatItCan(snapshot: AnyMachineSnapshot): Readonly<Record<string, boolean>> {
  return Object.fromEntries(
    commandTypes.map((type) => [type, snapshot.can({ type, n: 1 } as never)]),
  );
}

function childrenOf({ children }: AnyMachineSnapshot, names: Names): readonly ChildView[] {
  return (Object.values(children) as AnyActorRef[]).map((child) => {
    const name = names.of.get(child) ?? '?';
    const snapshot = child.getSnapshot() as Record<string, unknown>;
    const { status, value, context, output, error } = snapshot;
    return {
      name,
      status: String(status),
      value,
      context: plainOf(context, names),
      output: plainOf(output, names),
      error: errorParts(error),
    };
  });
}

function systemIdsOf(actor: AnyActorRef, names: Names): Readonly<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const systemId of ['radio', 'tv']) {
    const ref: unknown = actor.system.get(systemId as never);
    if (ref !== undefined) found[systemId] = names.of.get(ref) ?? 'another';
  }
  return found;
}

function pendingOf(
  pending: readonly PendingEvent[],
  actor: AnyActorRef,
  names: Names,
): readonly string[] {
  const own = pending.filter(({ source }) => source === actor);
  return own
    .map(({ target, event, dueMs }) => {
      const to = target === actor ? 'self' : (names.of.get(target) ?? 'another');
      return `${dueMs} ${event.type} to ${to}`;
    })
    .sort();
}

/** Data without actors: each is replaced by its name. */
function plainOf(value: unknown, names: Names): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (isRef(value)) {
    return `→ ${names.of.get(value) ?? `no child, ${names.goneAs(value)}`}`;
  }
  if (value instanceof Map) {
    return { map: [...value].map(([key, item]) => [key, plainOf(item, names)]) };
  }
  if (value instanceof Set) return { set: [...value].map((item) => plainOf(item, names)) };
  if (Array.isArray(value)) return value.map((item) => plainOf(item, names));
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, plainOf(item, names)]),
  );
}

function isRef(value: object): value is AnyActorRef {
  return 'sessionId' in value && 'send' in value && 'getSnapshot' in value;
}
