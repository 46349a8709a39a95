import type { AnyActorRef, AnyMachineSnapshot, EventObject } from 'xstate';
import { type Holder, theYoungest } from './plan.ts';

/** What every generated machine remembers. */
export interface Context {
  readonly n: number;
  /** Inner transitions that are left. */
  readonly fuel: number;
  readonly made: number;
  readonly ids: readonly string[];
  readonly seen: readonly unknown[];
  readonly one: AnyActorRef | undefined;
  readonly deep: { readonly inside: { readonly ref: AnyActorRef | undefined } };
  readonly list: readonly (AnyActorRef | undefined)[];
  readonly map: ReadonlyMap<string, AnyActorRef | undefined>;
  readonly set: ReadonlySet<AnyActorRef | undefined>;
}

/** An event as the parts of a generated machine read it. */
export interface AnyEvent extends EventObject {
  readonly n?: number;
  readonly note?: unknown;
  readonly error?: unknown;
  readonly output?: unknown;
  readonly snapshot?: unknown;
}

/** What guards and assignments are given. */
export interface Args {
  readonly context: Context;
  readonly event: AnyEvent;
}

/** Inner transitions that a machine may take in all. */
const fullTank = 24;

/** The memory of a machine that has just begun. */
export function blank(start: number): Context {
  return {
    n: start,
    fuel: fullTank,
    made: 0,
    ids: [],
    seen: [],
    one: undefined,
    deep: { inside: { ref: undefined } },
    list: [],
    map: new Map(),
    set: new Set(),
  };
}

/** What changes when the holder takes a child. */
export function held(context: Context, holder: Holder, ref: AnyActorRef): Partial<Context> {
  switch (holder) {
    case 'none':
      return {};
    case 'one':
      return { one: ref };
    case 'deep':
      return { deep: { inside: { ref } } };
    case 'list':
      return { list: [...context.list, ref] };
    case 'map':
      return { map: new Map([...context.map, [`k${context.made}`, ref]]) };
    case 'set':
      return { set: new Set([...context.set, ref]) };
  }
}

/** The children that a holder has taken. */
export function refsIn(context: Context, holder: Holder): readonly (AnyActorRef | undefined)[] {
  switch (holder) {
    case 'none':
      return [];
    case 'one':
      return [context.one];
    case 'deep':
      return [context.deep.inside.ref];
    case 'list':
      return context.list;
    case 'map':
      return [...context.map.values()];
    case 'set':
      return [...context.set];
  }
}

/** The id of a child; the last number stands for the youngest. */
export function named({ ids }: Context, at: number): string | undefined {
  return at === theYoungest ? ids.at(-1) : chosen(ids, at);
}

/** The one that the number `at` chooses; `undefined` among none. */
export function chosen<T>(among: readonly T[], at: number): T | undefined {
  return among.length === 0 ? undefined : among[at % among.length];
}

/** What a machine may keep of an event: nothing that names a process. */
export function recorded({ type, n, note, error, output, snapshot }: AnyEvent): unknown {
  if (type.startsWith('xstate.done.actor.')) return { done: output };
  if (type.startsWith('xstate.error.actor.')) return { failed: errorParts(error) };
  if (type.startsWith('xstate.snapshot.')) {
    const { status, value, context, output: result } = snapshot as Record<string, unknown>;
    const { matches } = snapshot as Partial<AnyMachineSnapshot>;
    const isInA = matches?.call(snapshot as AnyMachineSnapshot, 'a' as never);
    return { snapshot: { status, value, context, output: result, isInA } };
  }
  return { type, n, note, minus: Object.is(n, -0) };
}

/** What code reads of an error. */
export function errorParts(error: unknown): unknown {
  if (typeof error !== 'object' || error === null) return error;
  const { name, message, status, code, cause } = error as Record<string, unknown>;
  return {
    name,
    message,
    status,
    code,
    cause: cause === undefined ? undefined : errorParts(cause),
  };
}
