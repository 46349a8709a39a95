import type { HeldJournal } from '../journal/holding/held-journal.ts';
import {
  ClosedError,
  InvalidInputError,
  NotOwnerError,
  WriteFailedError,
  WriteRejectedError,
} from '../model/errors.ts';
import type { PrintedEvent } from '../model/event.ts';
import type { SeqNr } from '../model/seq-nr.ts';
import type { CallOptions } from '../ports/call-options.ts';
import type {
  AtomicWrite,
  BegunRecovery,
  JournalPlugin,
  PersistenceId,
  PersistentRepr,
  Recovery,
  ReplayRequest,
  WriteOutcome,
} from '../ports/journal-plugin.ts';
import { onAbort } from '../runtime/on-abort.ts';
import { batchesOf } from './batching.ts';
import { factsMetadata, ofEventRecord, toEvent } from './repr-to-event.ts';

/** What a plugin needs of a journal, whether that is held or not. */
export type WrittenJournal = Pick<HeldJournal, 'append' | 'delete' | 'purge' | 'pointer' | 'read'>;

type Calls = Omit<JournalPlugin, 'hold' | typeof Symbol.asyncDispose>;

/** How writes become appends. */
export interface JournalCallsOptions {
  /** At most 0 = no limit. */
  readonly maxEventsInBatch: number;
  /** The appends say what their entity waits for. */
  readonly saysWakeUps: boolean;
}

/** The calls of a journal plugin over journals: atomic writes become appends, replays reads. */
export class JournalCalls implements Calls {
  readonly #journalOf: (id: PersistenceId) => WrittenJournal;
  readonly #maxEventsInBatch: number;
  readonly #saysWakeUps: boolean;

  constructor(
    journalOf: (id: PersistenceId) => WrittenJournal,
    { maxEventsInBatch, saysWakeUps }: JournalCallsOptions,
  ) {
    this.#journalOf = journalOf;
    this.#maxEventsInBatch = maxEventsInBatch;
    this.#saysWakeUps = saysWakeUps;
  }

  /**
   * Appends group by group: a failure in the middle leaves the groups before it stored. A write
   * that cannot be encoded, or whose group the log rejects, is rejected, and with it those after
   * it, since their numbers follow on. So are groups that came after the loss of the journal.
   */
  async write(
    writes: readonly AtomicWrite[],
    options?: CallOptions,
  ): Promise<readonly WriteOutcome[]> {
    const { encoded, rejected } = encodable(writes);
    const batches = batchesOf(encoded, this.#maxEventsInBatch);
    let before = 0;
    for (const batch of batches) {
      try {
        await this.#append(batch, options);
      } catch (cause) {
        const error = asRejection(cause);
        if (before === 0) throw error;
        if (!(error instanceof WriteRejectedError || error instanceof NotOwnerError)) {
          // Whatever the later group met, groups before it are stored.
          const text = 'the first part of the write was stored, the rest was not';
          throw new WriteFailedError(text, { cause: error });
        }
        return writes.map((_, index) => (index < before ? stored : rejection(error)));
      }
      before += batch.length;
    }
    return rejected.length === 0 ? [] : [...encoded.map(() => stored), ...rejected];
  }

  async deleteTo(id: PersistenceId, to: SeqNr, options?: CallOptions): Promise<void> {
    await this.#journalOf(id).delete(to, options);
  }

  async purge(id: PersistenceId, options?: CallOptions): Promise<void> {
    await this.#journalOf(id).purge(options);
  }

  async highestSeqNr(id: PersistenceId, from: number, options?: CallOptions): Promise<number> {
    const last = await this.#journalOf(id).pointer(options);
    return Math.max(last ?? 0, from);
  }

  async *replay(
    request: ReplayRequest,
    options?: CallOptions,
  ): AsyncGenerator<readonly PersistentRepr[], void> {
    const { events } = await this.recover(request, options);
    yield* events;
  }

  /** One marker, one cut: the highest number is known when the events have ended. */
  async recover(request: ReplayRequest, options?: CallOptions): Promise<Recovery> {
    const read = this.#journalOf(request.persistenceId).read(request.from, options);
    return recovery(read, request);
  }

  /** The end of the log, R, the head and the journal's row are looked up at once. */
  beginRecovery(id: PersistenceId, options?: CallOptions): BegunRecovery {
    const from = Promise.withResolvers<SeqNr>();
    const ended = new AbortController();
    const stopListening = onAbort(options?.signal, (reason) => ended.abort(reason));
    const read = this.#journalOf(id).read(from.promise, { signal: ended.signal });
    const first = read.next();
    first.catch(() => {}); // whoever goes on sees the failure in the events
    return {
      recover: async (request) => {
        from.resolve(request.from);
        return recovery(read, request, first);
      },
      [Symbol.asyncDispose]: async () => {
        stopListening();
        ended.abort(leftEarly());
        await read.return(undefined);
      },
    };
  }

  #append(batch: readonly [EncodedWrite, ...EncodedWrite[]], options?: CallOptions) {
    const [first] = batch;
    const isOne = batch.length === 1;
    const reprs = isOne ? first.events : batch.flatMap((write) => [...write.events]);
    const events = isOne ? first.encoded : batch.flatMap((write) => write.encoded);
    const { metadata: data, headers, expireAfter } = first.beside ?? {};
    const payload = {
      ...(data !== undefined && { data }),
      ...(expireAfter !== undefined && { expireAfter }),
    };
    const metadata = { header: factsMetadata(reprs), payload };
    // A write that says nothing leaves what those before it have said.
    const last = this.#saysWakeUps ? batch.findLast(({ wake }) => wake !== undefined) : undefined;
    return this.#journalOf(first.persistenceId).append(events, {
      signal: options?.signal,
      metadata,
      headers,
      wake: last?.wake,
    });
  }
}

/** An invalid input was certainly not sent: as a rejection, the entity may go on after it. */
function asRejection(cause: unknown): unknown {
  if (!(cause instanceof InvalidInputError)) return cause;
  return new WriteRejectedError(cause.message, { cause });
}

const stored: WriteOutcome = { type: 'stored' };

interface EncodedWrite extends AtomicWrite {
  readonly encoded: readonly PrintedEvent[];
}

function encodable(writes: readonly AtomicWrite[]): {
  readonly encoded: readonly EncodedWrite[];
  readonly rejected: readonly WriteOutcome[];
} {
  const encoded: EncodedWrite[] = [];
  for (const write of writes) {
    try {
      encoded.push({ ...write, encoded: write.events.map(toEvent) });
    } catch (cause) {
      if (!(cause instanceof WriteRejectedError)) throw cause;
      const later = new WriteRejectedError('an event before it in the same write was rejected', {
        cause,
      });
      const rest = writes.slice(encoded.length + 1).map(() => rejection(later));
      return { encoded, rejected: [rejection(cause), ...rest] };
    }
  }
  return { encoded, rejected: [] };
}

function rejection(cause: Error): WriteOutcome {
  return { type: 'rejected', cause };
}

function leftEarly(): Error {
  return new ClosedError('the replay was left before its end, so its highest number is not known');
}

type Read = ReturnType<WrittenJournal['read']>;

/** @param begun the first step of the read, where it was pulled already */
function recovery(read: Read, request: ReplayRequest, begun?: ReturnType<Read['next']>): Recovery {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  promise.catch(() => {}); // a caller that never asks for it sees the failure in the events
  const pages = pagesOf(read, request, { resolve, reject }, begun);
  const events: AsyncGenerator<readonly PersistentRepr[], void> = {
    next: () => pages.next(),
    throw: (error) => pages.throw(error),
    // A generator that was never pulled runs no `finally` of its own.
    return: async () => {
      reject(leftEarly());
      return await pages.return();
    },
    [Symbol.asyncIterator]: () => events,
    [Symbol.asyncDispose]: async () => {
      await events.return();
    },
  };
  return { highestSeqNr: () => promise, events };
}

interface HighestSeqNr {
  readonly resolve: (highest: number) => void;
  readonly reject: (error: unknown) => void;
}

async function* pagesOf(
  read: Read,
  request: ReplayRequest,
  highest: HighestSeqNr,
  begun: ReturnType<Read['next']> | undefined,
): AsyncGenerator<readonly PersistentRepr[], void> {
  let room = request.maxEvents;
  let isLeftEarly = true;
  try {
    let step = await (begun ?? read.next());
    while (!step.done) {
      const { value } = step;
      const last = value.at(-1);
      const isWithin = last === undefined || last.event.seqNr <= request.to;
      const upTo = isWithin ? value : value.filter(({ event }) => event.seqNr <= request.to);
      const page = upTo.length <= room ? upTo : upTo.slice(0, room);
      room -= page.length;
      if (page.length > 0) yield page.map((record) => ofEventRecord(request.persistenceId, record));
      step = await read.next();
    }
    isLeftEarly = false;
    highest.resolve(step.value ?? 0);
  } catch (error) {
    isLeftEarly = false;
    highest.reject(error);
    throw error;
  } finally {
    await read.return(undefined);
    if (isLeftEarly) highest.reject(leftEarly());
  }
}
