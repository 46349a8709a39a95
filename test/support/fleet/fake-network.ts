import { ClosedError, RemoteCallError } from '../../../src/model/errors.ts';
import type {
  RemoteCallOptions,
  RemoteCalls,
  RemoteHandler,
  RemoteRequest,
  RemoteResponse,
} from '../../../src/ports/remote-calls.ts';
import type { ProcessClock, VirtualTime } from './virtual-time.ts';

interface Listening {
  readonly handler: RemoteHandler;
  readonly clock: ProcessClock;
}

/** Loses, delays and refuses calls between processes; no call arrives twice. */
export class FakeNetwork {
  readonly #time: VirtualTime;
  readonly #random: () => number;
  readonly #listening = new Map<string, Listening>();
  /** Of each call: its request is lost, its answer is lost, it is refused before it is taken. */
  rates = { request: 0, answer: 0, refused: 0 };
  longestDelayMs = 5;
  /** A call goes out at once. On a new connection it is sent when the other process agrees. */
  hasConnections = true;
  /** What every call is answered with from now on. */
  failure: RemoteCallError | undefined;
  /** As many calls are under way as may be: none is sent, unless it is urgent. */
  isFull = false;
  /** All calls, as `name from → to`. */
  readonly calls: string[] = [];

  constructor(time: VirtualTime, random: () => number) {
    this.#time = time;
    this.#random = random;
  }

  open(address: string, handler: RemoteHandler, clock: ProcessClock): RemoteCalls {
    this.#listening.set(address, { handler, clock });
    const closing = new AbortController();
    return {
      address,
      call: async (to, request, options) => {
        if (closing.signal.aborted) throw new ClosedError('the calls are closed');
        this.calls.push(`${request.name} ${address} → ${to}`);
        if (this.isFull && options.isUrgent !== true) {
          throw new RemoteCallError('as many calls are under way as may be', { stored: 'no' });
        }
        const signals = options.signal === undefined ? [] : [options.signal];
        const signal = AbortSignal.any([closing.signal, ...signals]);
        return await this.#call({ to, request, options, signal, clock });
      },
      [Symbol.asyncDispose]: async () => {
        if (this.#listening.get(address)?.handler === handler) this.#listening.delete(address);
        closing.abort(new RemoteCallError('closed while under way', { stored: 'unknown' }));
      },
    };
  }

  #call(call: {
    readonly to: string;
    readonly request: RemoteRequest;
    readonly options: RemoteCallOptions;
    readonly signal: AbortSignal;
    readonly clock: ProcessClock;
  }): Promise<RemoteResponse> {
    const { to, request, options, signal, clock } = call;
    const there = new AbortController();
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      let [isTaken, isGone] = [false, false];
      options.peerGone?.addEventListener('abort', () => {
        isGone = true;
        there.abort(options.peerGone?.reason);
        fail(isTaken ? 'unknown' : 'no', 'the process there has left');
      });
      signal.addEventListener('abort', () => {
        there.abort(signal.reason);
        reject(signal.reason);
      });
      const fail = (stored: 'no' | 'unknown', why: string): void =>
        clock.run(() =>
          reject(new RemoteCallError(`${request.name} to ${to}: ${why}`, { stored })),
        );
      this.#time.after(options.timeoutMs, () => {
        there.abort(new Error('the deadline has passed'));
        fail(isTaken || this.hasConnections ? 'unknown' : 'no', 'no answer in time');
      });
      this.#time.after(this.#delayMs(), () => {
        const target = this.#listening.get(to);
        if (this.failure !== undefined) return reject(this.failure);
        if (target === undefined || target.clock.hasCrashed) return fail('no', 'refused');
        if (this.#random() < this.rates.refused) return fail('no', 'not reachable');
        if (this.#random() < this.rates.request) return;
        target.clock.run(() => {
          if (isGone) return;
          isTaken = true;
          if (this.#listening.get(to) !== target) return fail('unknown', 'closed');
          target.handler(request, there.signal).then((response) => {
            if (target.clock.hasCrashed || this.#random() < this.rates.answer) return;
            this.#time.after(this.#delayMs(), () => clock.run(() => resolve(response)));
          }, reject);
        });
      });
    });
  }

  #delayMs(): number {
    return this.#random() * this.longestDelayMs;
  }
}
