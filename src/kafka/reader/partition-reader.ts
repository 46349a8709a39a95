import { DataIntegrityError } from '../../model/errors.ts';
import type { Topic } from '../../model/position.ts';
import { decompress } from '../driver/wire/compression.ts';
import type { LogCluster } from '../log-cluster.ts';
import { type RecordBatch, RecordCursor } from '../record-batches.ts';
import { type FetchedChunk, PartitionFetcher } from './partition-fetcher.ts';
import type { ReadRequest } from './read-request.ts';

/** Passes over one partition at a time; what comes beyond them waits for the end of one. */
const maxPasses = 2;
/** A read that begins so far ahead of a pass does not wait for it. */
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

  constructor(
    cluster: LogCluster,
    place: { readonly topic: Topic; readonly partition: number },
    onIdle: () => void,
  ) {
    this.#cluster = cluster;
    this.#topic = place.topic;
    this.#partition = place.partition;
    this.#onIdle = onIdle;
  }

  add(request: ReadRequest): void {
    request.inPass = true;
    const joined = [...this.#passes].find((pass) => pass.joins(request));
    if (joined !== undefined) joined.add(request);
    else if (this.#passes.size < maxPasses) this.#start([request]);
    else this.#waiting.push(request);
  }

  failAll(error: unknown): void {
    for (const request of this.#waiting.splice(0)) request.fail(error);
    for (const pass of this.#passes) pass.failAll(error);
  }

  #start(requests: readonly ReadRequest[]): void {
    const fetcher = new PartitionFetcher(this.#cluster, this.#topic, this.#partition);
    const pass = new Pass(fetcher, requests);
    this.#passes.add(pass);
    // `run` never rejects; the reads of the pass are told.
    pass.run().then(
      () => this.#passed(pass),
      () => undefined,
    );
  }

  #passed(pass: Pass): void {
    this.#passes.delete(pass);
    const waiting = this.#waiting.splice(0).filter((request) => !request.isSettled);
    if (waiting.length > 0) this.#start(waiting);
    else if (this.#passes.size === 0) this.#onIdle();
  }
}

class Pass {
  readonly #fetcher: PartitionFetcher;
  #requests: ReadRequest[];
  /** Everything below was offered to the reads of this pass. */
  #position: number;
  #behindEndSinceMs: number | undefined;

  constructor(fetcher: PartitionFetcher, requests: readonly ReadRequest[]) {
    this.#fetcher = fetcher;
    this.#requests = [...requests];
    this.#position = lowest(requests);
  }

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

  /** Ends when no read is left; never rejects, its reads do. */
  async run(): Promise<void> {
    const isWanted = (): boolean => this.#requests.some(({ isSettled }) => !isSettled);
    try {
      for (;;) {
        this.#drop();
        if (this.#requests.length === 0) return;
        this.#position = Math.max(this.#position, lowest(this.#requests));
        const chunk = await this.#fetcher.next(this.#position, highest(this.#requests), isWanted);
        if (chunk === undefined) continue;
        if (chunk.type === 'outside') this.#failOutside(chunk);
        else await this.#dispatch(chunk);
      }
    } catch (error) {
      this.failAll(error);
      this.#requests = [];
    }
  }

  /** Settled reads are done; one whose caller is slow comes back when it has taken what waits. */
  #drop(): void {
    this.#requests = this.#requests.filter((request) => {
      request.inPass = !request.isSettled && !request.isFull;
      return request.inPass;
    });
  }

  async #dispatch(chunk: Extract<FetchedChunk, { type: 'records' }>): Promise<void> {
    for (const batch of chunk.batches) {
      const interested = this.#requests.filter(
        (request) =>
          !request.isSettled && request.next <= batch.lastOffset && request.to > batch.baseOffset,
      );
      if (interested.length === 0 || batch.control) continue;
      this.#fetcher.locating(batch, () => offer(batch, byKey(interested)));
    }
    this.#position = Math.max(this.#position, chunk.nextOffset);
    for (const request of this.#requests) {
      if (request.next <= this.#position) request.reached(Math.min(this.#position, request.to));
    }
    this.#checkEnd(chunk);
  }

  /** The log ends below what was asked for, and stays so: acknowledged records are gone. */
  #checkEnd({ batches, endOffset }: Extract<FetchedChunk, { type: 'records' }>): void {
    if (batches.length > 0 || this.#position < endOffset) {
      this.#behindEndSinceMs = undefined;
      return;
    }
    this.#behindEndSinceMs ??= Date.now();
    if (Date.now() - this.#behindEndSinceMs < endGraceMs) return;
    for (const request of this.#requests) {
      if (request.to > endOffset)
        request.fail(this.#missing(request, `the log ends at ${endOffset}`));
    }
  }

  #failOutside({ start, end }: Extract<FetchedChunk, { type: 'outside' }>): void {
    for (const request of this.#requests) {
      if (request.next < start) request.fail(this.#missing(request, `the log begins at ${start}`));
      else if (request.next > end) request.fail(this.#missing(request, `the log ends at ${end}`));
    }
  }

  #missing({ next, to }: ReadRequest, fact: string): DataIntegrityError {
    const { topic, partition } = this.#fetcher;
    return new DataIntegrityError(
      `records are missing: offsets ${next} to ${to - 1} were wanted, but ${fact}`,
      {
        place: { topic, partition, offset: next },
      },
    );
  }
}

function lowest(requests: readonly ReadRequest[]): number {
  return requests.reduce((least, { next }) => Math.min(least, next), Number.MAX_SAFE_INTEGER);
}

function highest(requests: readonly ReadRequest[]): number {
  return requests.reduce((most, { to }) => Math.max(most, to), 0);
}

function byKey(requests: readonly ReadRequest[]): Map<string, ReadRequest[]> {
  const map = new Map<string, ReadRequest[]>();
  for (const request of requests) {
    const same = map.get(request.keyText);
    if (same === undefined) map.set(request.keyText, [request]);
    else same.push(request);
  }
  return map;
}

/** Gives each record to the reads of its key. Of all other records only the key is looked at. */
function offer(batch: RecordBatch, requests: ReadonlyMap<string, readonly ReadRequest[]>): void {
  const cursor = new RecordCursor(batch, decompress(batch.compression, batch.body));
  while (cursor.next()) {
    const key = cursor.keyText();
    const interested = key === undefined ? undefined : requests.get(key);
    if (interested === undefined) continue;
    for (const request of interested) request.accept(cursor);
  }
}
