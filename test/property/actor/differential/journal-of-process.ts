import { parseJson } from '../../../../src/codec/json/json.ts';
import {
  NotOwnerError,
  WriteFailedError,
  WriteRejectedError,
} from '../../../../src/model/errors.ts';
import { decodePersistentRepr } from '../../../../src/plugin/persistent-repr.ts';
import { toEvent } from '../../../../src/plugin/repr-to-event.ts';
import type {
  AtomicWrite,
  HeldPlugin,
  JournalPlugin,
  PersistentRepr,
  Recovery,
  ReplayRequest,
  WriteOutcome,
} from '../../../../src/ports/journal-plugin.ts';
import type { SimulatedTime } from './simulated-time.ts';

/** What the journal does to the next write. */
export type Fault = 'none' | 'rejected' | 'lost' | 'stored-but-failed';

interface StoredText {
  /** All but the payload, as JSON. */
  readonly repr: string;
  /** The payload in the bytes of the real serializer. */
  readonly envelope: string;
}

/** What survives a process: texts only. */
export class Shelf {
  readonly stored: StoredText[] = [];
  lastStoredMs = 0;

  get payloads(): readonly string[] {
    return this.stored.map(({ envelope }) => envelope);
  }
}

/** A journal in memory as one process sees it; every payload passes the real serializer. */
export class JournalOfProcess implements JournalPlugin {
  readonly #shelf: Shelf;
  readonly #time: SimulatedTime;
  #isDead = false;
  #tenure = new AbortController();
  fault: Fault = 'none';
  /** Writes are never answered: what was recovered stays as it is. */
  isFrozen = false;

  constructor(shelf: Shelf, time: SimulatedTime) {
    this.#shelf = shelf;
    this.#time = time;
  }

  /** The process is gone: nothing of it is stored any more. */
  die(): void {
    this.#isDead = true;
  }

  /** Another process takes the entity over, and writes nothing. */
  lose(): void {
    this.#tenure.abort(new NotOwnerError('another process has it'));
  }

  async hold(): Promise<HeldPlugin> {
    this.#tenure = new AbortController();
    const { signal } = this.#tenure;
    return {
      signal,
      write: (writes) => {
        if (!signal.aborted) return this.write(writes);
        return Promise.reject(new NotOwnerError('no longer held'));
      },
      deleteTo: () => this.deleteTo(),
      highestSeqNr: () => this.highestSeqNr(),
      replay: (request) => this.replay(request),
      recover: (request) => this.recover(request),
      [Symbol.asyncDispose]: async () => {},
    };
  }

  async write(writes: readonly AtomicWrite[]): Promise<readonly WriteOutcome[]> {
    if (this.isFrozen) return await new Promise(() => {});
    if (this.#isDead) throw new WriteFailedError('a dead process wrote');
    const { fault } = this;
    this.fault = 'none';
    if (fault === 'rejected') throw new WriteRejectedError('the journal refuses this write');
    if (fault === 'lost') throw new WriteFailedError('the write may be stored');
    const texts: StoredText[][] = [];
    for (const { events } of writes) {
      try {
        texts.push(events.map((repr) => this.#textOf(repr)));
      } catch (cause) {
        if (!(cause instanceof WriteRejectedError)) throw cause;
        this.#store(texts.flat());
        return writes.map((_, i) =>
          i < texts.length ? { type: 'stored' } : { type: 'rejected', cause },
        );
      }
    }
    this.#store(texts.flat());
    if (fault === 'stored-but-failed') throw new WriteFailedError('the write may be stored');
    return [];
  }

  async deleteTo(): Promise<void> {}

  async highestSeqNr(): Promise<number> {
    return this.#shelf.stored.length;
  }

  async *replay(request: ReplayRequest): AsyncIterable<readonly PersistentRepr[]> {
    const { events } = await this.recover(request);
    yield* events;
  }

  async recover({ from, to }: ReplayRequest): Promise<Recovery> {
    const reprs = this.#shelf.stored.map(reprOf);
    const wanted = reprs.filter(({ seqNr }) => seqNr >= from && seqNr <= to);
    const events = (async function* () {
      if (wanted.length > 0) yield wanted;
    })();
    return { highestSeqNr: async () => reprs.length, events };
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  #store(texts: readonly StoredText[]): void {
    this.#shelf.stored.push(...texts);
    const isInit = texts.every(({ envelope }) => envelope.includes('"xstate.init"'));
    if (texts.length > 0 && !isInit) this.#shelf.lastStoredMs = this.#time.nowMs();
  }

  #textOf(repr: PersistentRepr): StoredText {
    const event = toEvent(repr);
    if (event.payload?.type !== 'printed-json') throw new Error('a payload that is no JSON');
    return {
      repr: JSON.stringify({ ...repr, payload: undefined, timestampMs: this.#time.nowMs() }),
      envelope: event.payload.text,
    };
  }
}

function reprOf({ repr, envelope }: StoredText): PersistentRepr {
  const { payload } = decodePersistentRepr({ type: 'json', value: parseJson(envelope) });
  return { ...(JSON.parse(repr) as PersistentRepr), payload };
}
