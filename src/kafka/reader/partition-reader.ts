import { actionHeaderName, isOpeningHeader } from '../../codec/record/action-record-codec.ts';
import { DataIntegrityError } from '../../model/errors.ts';
import type { LogRecord } from '../../model/log-record.ts';
import type { Topic } from '../../model/position.ts';
import { decompress } from '../driver/wire/compression.ts';
import type { LogCluster } from '../log-cluster.ts';
import { type RecordBatch, RecordCursor } from '../record-batches.ts';
import { type FetchedRecords, PartitionFetcher } from './partition-fetcher.ts';
import type { ReadRequest } from './read-request.ts';

/** Passes over one partition at the same time; a read for which there is none waits for an end. */
const maxPasses = 2;
/** A read that begins more offsets after the position of a pass does not join it. */
const joinAheadOffsets = 20_000;
/** A broker that became leader a moment ago may not yet show what was acknowledged. */
const endGraceMs = 2_000;

/**
 * Serves all reads of one partition that run at the moment. A pass fetches upwards from the lowest
 * offset that its reads want; each record goes to the reads of its key whose range holds it. A read
 * that begins below a pass starts another one, or waits: a pass never goes back, so that new
 * reads cannot keep older ones from their end.
 */
export class PartitionReader {
  readonly #cluster: LogCluster;
  readonly #topic: Topic;
  readonly #partition: number;
  readonly #passes = new Set<Pass>();
  readonly #onIdle: () => void;
  #waiting: ReadRequest[] = [];

  /** @param onIdle no read is left; the next one may have another reader */
  constructor(cluster: LogCluster, topic: Topic, partition: number, onIdle: () => void) {
    this.#cluster = cluster;
    this.#topic = topic;
    this.#partition = partition;
    this.#onIdle = onIdle;
  }

  /** Serves a read, from its `next` on. */
  add(request: ReadRequest): void {
    request.inPass = true;
    const joined = [...this.#passes].find((pass) => pass.joins(request));
    if (joined !== undefined) joined.add(request);
    else if (this.#passes.size < maxPasses) this.#start([request]);
    else this.#waiting.push(request);
  }

  /** All reads fail with this error. */
  failAll(error: unknown): void {
    for (const request of this.#waiting.splice(0)) request.fail(error);
    for (const pass of this.#passes) pass.failAll(error);
  }

  #start(requests: readonly ReadRequest[]): void {
    const fetcher = new PartitionFetcher(this.#cluster, this.#topic, this.#partition);
    const pass = new Pass(fetcher, requests);
    this.#passes.add(pass);
    const passed = (): void => {
      this.#passes.delete(pass);
      const waiting = this.#waiting.splice(0).filter((request) => !request.isSettled);
      if (waiting.length > 0) this.#start(waiting);
      else if (this.#passes.size === 0) this.#onIdle();
    };
    // `run` never rejects: its reads fail instead.
    pass.run().then(passed, () => undefined);
  }
}

/** One walk upwards over the partition, for the reads that joined it. */
class Pass {
  readonly #fetcher: PartitionFetcher;
  #requests: ReadRequest[];
  /** Everything below was offered to the reads of this pass. */
  #position: number;
  /** Since when the log ends before what is wanted; `undefined` = it does not. */
  #atEndSinceMs: number | undefined;

  constructor(fetcher: PartitionFetcher, requests: readonly ReadRequest[]) {
    this.#fetcher = fetcher;
    this.#requests = [...requests];
    this.#position = lowest(requests);
  }

  /** Whether the request begins at the position, or not far after it. */
  joins(request: ReadRequest): boolean {
    const ahead = request.next - this.#position;
    return this.#requests.length > 0 && ahead >= 0 && ahead <= joinAheadOffsets;
  }

  add(request: ReadRequest): void {
    this.#requests.push(request);
  }

  failAll(error: unknown): void {
    for (const request of this.#requests) request.fail(error);
  }

  /** Ends when no read is left; never rejects: its reads fail instead. */
  async run(): Promise<void> {
    const isWanted = (): boolean => this.#requests.some(({ isSettled }) => !isSettled);
    try {
      for (;;) {
        // Settled reads are done. One whose caller is slow leaves; it joins a pass again when its
        // caller has taken what waits.
        this.#requests = this.#requests.filter((request) => {
          request.inPass = !request.isSettled && !request.isFull;
          return request.inPass;
        });
        if (this.#requests.length === 0) return;
        this.#position = Math.max(this.#position, lowest(this.#requests));
        const wantedTo = this.#requests.reduce((most, { to }) => Math.max(most, to), 0);
        const chunk = await this.#fetcher.next(this.#position, wantedTo, isWanted);
        if (chunk?.type === 'records') this.#dispatch(chunk);
        else if (chunk?.type === 'outside') {
          const { start, end } = chunk;
          for (const request of this.#requests) {
            if (request.next < start) this.#failMissing(request, `the log begins at ${start}`);
            else if (request.next > end) this.#failMissing(request, `the log ends at ${end}`);
          }
        }
      }
    } catch (error) {
      this.failAll(error);
      this.#requests = [];
    }
  }

  /** Gives the records of a chunk to the reads that want them, and moves on. */
  #dispatch(chunk: FetchedRecords): void {
    for (const batch of chunk.batches) {
      const interested = this.#requests.filter(
        (request) =>
          !request.isSettled && request.next <= batch.lastOffset && request.to > batch.baseOffset,
      );
      if (interested.length === 0 || batch.control) continue;
      this.#fetcher.locating(batch.baseOffset, () => offer(batch, interested));
    }
    this.#position = Math.max(this.#position, chunk.nextOffset);
    for (const request of this.#requests) {
      if (request.next <= this.#position) request.reached(Math.min(this.#position, request.to));
    }
    this.#checkEnd(chunk);
  }

  /** When the log ends before what is wanted, and stays so, then acknowledged records are gone. */
  #checkEnd({ batches, endOffset }: FetchedRecords): void {
    if (batches.length > 0 || this.#position < endOffset) {
      this.#atEndSinceMs = undefined;
      return;
    }
    this.#atEndSinceMs ??= performance.now();
    if (performance.now() - this.#atEndSinceMs < endGraceMs) return;
    for (const request of this.#requests) {
      if (request.to > endOffset) this.#failMissing(request, `the log ends at ${endOffset}`);
    }
  }

  #failMissing(request: ReadRequest, fact: string): void {
    const { topic, partition } = this.#fetcher;
    const { next, to } = request;
    const text = `records are missing: offsets ${next} to ${to - 1} were wanted, but ${fact}`;
    request.fail(new DataIntegrityError(text, { place: { topic, partition, offset: next } }));
  }
}

function lowest(requests: readonly ReadRequest[]): number {
  return requests.reduce((least, { next }) => Math.min(least, next), Number.MAX_SAFE_INTEGER);
}

/**
 * Gives each record to the reads of its key, and opening marks to all. Of all other records only
 * the key is looked at, and whether there is a value.
 */
function offer(batch: RecordBatch, requests: readonly ReadRequest[]): void {
  const byKey = Map.groupBy(requests, ({ keyText }) => keyText);
  const cursor = new RecordCursor(batch, decompress(batch.compression, batch.body));
  while (cursor.next()) {
    const key = cursor.keyText();
    if (key === undefined) continue;
    const ofKey = byKey.get(key);
    if (ofKey !== undefined) for (const request of ofKey) request.accept(cursor);
    if (ofKey?.length === requests.length) continue;
    const opening = mayOpen(cursor);
    if (opening === undefined) continue;
    for (const request of requests) if (request.keyText !== key) request.acceptOpening(opening);
  }
}

const actionHeader = Buffer.from(actionHeaderName);

/**
 * The record if it may be an opening mark. One whose bytes break the format is none: it fails the
 * reads of its own key only.
 */
function mayOpen(cursor: RecordCursor): LogRecord | undefined {
  try {
    const header = cursor.headerWithoutValue(actionHeader);
    return header !== undefined && isOpeningHeader(header) ? cursor.record() : undefined;
  } catch {
    return undefined;
  }
}
