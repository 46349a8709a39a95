import { DeadlineExceededError, LogUnavailableError, WriteFailedError } from '../model/errors.ts';
import type { JournalPointer, Marker } from '../model/journal-pointer.ts';
import type { Key } from '../model/key.ts';
import type { SeqNr } from '../model/seq-nr.ts';
import type { CallOptions } from '../ports/call-options.ts';
import { settleBoth, unlessAborted } from '../runtime/concurrency.ts';
import { ProgressDeadline } from '../runtime/progress-deadline.ts';
import { appendMarker } from './append-marker.ts';
import type { Head } from './head.ts';
import type { JournalParts } from './journal-parts.ts';
import { type Cut, readHead } from './read-head.ts';

/** The state of one journal as of one marker: what the store contributes, and what the log does. */
export interface Snapshot {
  readonly cut: Cut;
  readonly head: Head;
  /** The store's row; `undefined` when the store contributes nothing. */
  readonly pointer: JournalPointer | undefined;
  /** Last number stored as of the cut; `undefined` when only the rows themselves can tell. */
  readonly lastStored: SeqNr | undefined;
}

export function readDeadline(
  parts: JournalParts,
  key: Key,
  options: CallOptions | undefined,
): ProgressDeadline {
  const limitMs = parts.settings.readTimeoutMs;
  const onExpiry = (): Error =>
    new DeadlineExceededError(`reading ${key.topic}:${key.id} made no progress for ${limitMs} ms`);
  return new ProgressDeadline(limitMs, onExpiry, options?.signal);
}

/** Marker, replicated offset, then the log's part and the store's row side by side. */
export async function takeSnapshot(
  parts: JournalParts,
  key: Key,
  deadline: ProgressDeadline,
): Promise<Snapshot> {
  const { signal } = deadline;
  const marker = await markEnd(parts, key, signal);
  const { partition } = marker.at;
  const cut: Cut = {
    end: marker.at,
    replicated: await parts.eventual.offset(key.topic, partition, { signal }),
  };
  const onProgress = (): void => deadline.progress();
  const [head, row] = await settleBoth(
    readHead(parts, { key, cut }, { signal, onProgress }),
    cut.replicated === undefined
      ? Promise.resolve(undefined)
      : parts.eventual.pointer(key, { signal }),
  );
  deadline.progress();
  const pointer = head.purged ? undefined : row;
  return { cut, head, pointer, lastStored: lastStoredAt(cut, pointer, head) };
}

/** A read that ends early leaves a stray mark behind, which harms nobody. */
async function markEnd(parts: JournalParts, key: Key, signal: AbortSignal): Promise<Marker> {
  const mark = { key, id: parts.randomUuid() };
  try {
    return await unlessAborted(appendMarker(parts, mark, { signal }), signal);
  } catch (cause) {
    if (!(cause instanceof WriteFailedError)) throw cause;
    const message = `the end of a read of ${key.topic}:${key.id} could not be marked`;
    throw new LogUnavailableError(message, { cause });
  }
}

/**
 * The row may run ahead of the replicated offset. It still tells the number as of the cut when
 * nothing was appended between the two; otherwise only the rows themselves can.
 */
function lastStoredAt(
  { end, replicated }: Cut,
  pointer: JournalPointer | undefined,
  head: Head,
): SeqNr | undefined {
  if (pointer === undefined || replicated === undefined) return undefined;
  const { at, seqNr } = pointer;
  if (at.partition !== end.partition || at.offset <= replicated) return seqNr;
  return at.offset < end.offset && !head.hasAppendUpTo(at.offset) ? seqNr : undefined;
}
