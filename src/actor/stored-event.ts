import type { EventObject } from 'xstate';

/** The first record of a journal: what the entity was started with. */
export const initEventType = 'xstate.init';

const donePrefix = 'xstate.done.actor.';
const errorPrefix = 'xstate.error.actor.';
const snapshotPrefix = 'xstate.snapshot.';

/** Causes of an error that are stored with it. */
const longestCauseChain = 8;

/** An error of a child, as it comes back from the journal: the same fields live and in replay. */
export class RemoteError extends Error {
  readonly code: unknown;

  constructor(stored: StoredError) {
    super(stored.message, stored.cause && { cause: new RemoteError(stored.cause) });
    this.name = stored.name;
    if (stored.code !== undefined) this.code = stored.code;
  }
}

interface StoredError {
  readonly name: string;
  readonly message: string;
  readonly code?: string | number;
  readonly cause?: StoredError;
}

/** What xstate itself sends: results, failures and states of children, and delayed transitions. */
export function isXstateEvent(event: EventObject): boolean {
  return event.type.startsWith('xstate.');
}

/** A child that has ended: its result, or its failure. */
export function endedChildId(event: EventObject): string | undefined {
  const { type } = event;
  if (type.startsWith(donePrefix)) return type.slice(donePrefix.length);
  if (type.startsWith(errorPrefix)) return type.slice(errorPrefix.length);
  return undefined;
}

export function isChildError(event: EventObject): boolean {
  return event.type.startsWith(errorPrefix);
}

/** The payload to store for an event of xstate's own: plain data only. */
export function toStored(event: EventObject): EventObject {
  const fields = event as unknown as Record<string, unknown>;
  const { type } = event;
  if (type.startsWith(donePrefix)) {
    const { output, actorId } = fields;
    return withoutAbsent({ type, output, actorId });
  }
  if (type.startsWith(errorPrefix)) {
    return withoutAbsent({ type, error: errorToStored(fields.error), actorId: fields.actorId });
  }
  if (type.startsWith(snapshotPrefix)) {
    return { type, snapshot: snapshotToStored(fields.snapshot) } as EventObject;
  }
  return event;
}

/**
 * The event that a stored payload stands for. A commit uses this form too, or live and replay
 * differ.
 */
export function fromStored(payload: EventObject): EventObject {
  if (!payload.type.startsWith(errorPrefix)) return payload;
  const { error } = payload as unknown as { readonly error: unknown };
  return isStoredError(error)
    ? ({ ...payload, error: new RemoteError(error) } as EventObject)
    : payload;
}

export function initEvent(input: unknown): EventObject {
  return withoutAbsent({ type: initEventType, input });
}

function errorToStored(error: unknown, depth = 0): unknown {
  if (!(error instanceof Error)) return error;
  const { code } = error as { readonly code?: unknown };
  const cause = depth < longestCauseChain ? error.cause : undefined;
  return withoutAbsent({
    name: error.name,
    message: error.message,
    code: typeof code === 'string' || typeof code === 'number' ? code : undefined,
    cause: cause instanceof Error ? errorToStored(cause, depth + 1) : undefined,
  });
}

function isStoredError(value: unknown): value is StoredError {
  return typeof value === 'object' && value !== null && 'name' in value && 'message' in value;
}

/** A child's snapshot has methods and actor references; what a parent reads of it is data. */
function snapshotToStored(snapshot: unknown): unknown {
  const { status, value, context, output, error } = snapshot as Record<string, unknown>;
  return withoutAbsent({ status, value, context, output, error: errorToStored(error) });
}

function withoutAbsent(fields: Record<string, unknown>): EventObject {
  for (const name of Object.keys(fields)) if (fields[name] === undefined) delete fields[name];
  return fields as unknown as EventObject;
}
