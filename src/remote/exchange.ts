import type { ClientRequest, IncomingMessage } from 'node:http';
import type { CallEnd } from './judge-call.ts';
import { askFirstAboveBytes, versionHeader } from './protocol.ts';

/** The caller gave up. */
interface Aborted {
  readonly type: 'aborted';
  readonly reason: unknown;
}

/** What one call sends, and how much it reads. */
export interface ExchangeContent {
  readonly body: string;
  readonly bytes: number;
  readonly maxAnswerBytes: number;
  /** Told how many bytes of the answer have come. */
  readonly onBytes: (bytes: number) => void;
}

/**
 * One call on the wire.
 *
 * A connection that was made just now proves nothing: the kernel accepts for a process that stands
 * still, and with TLS the server may reject our certificate after the connection is ready here. So
 * the first call of a connection sends its headers alone (`Expect: 100-continue`), and its body
 * once the server agrees. What goes wrong before has certainly stored nothing.
 */
export class Exchange {
  readonly #outgoing: ClientRequest;
  readonly #content: ExchangeContent;
  readonly #ended = Promise.withResolvers<CallEnd | Aborted>();
  #isSent = false;
  #isOver = false;

  /** @param outgoing a request of which nothing was sent yet */
  constructor(outgoing: ClientRequest, content: ExchangeContent) {
    this.#outgoing = outgoing;
    this.#content = content;
    outgoing.on('error', (error) => this.end({ type: 'broken', error }));
    outgoing.on('response', (incoming) => this.#read(incoming));
    if (outgoing.reusedSocket && content.bytes <= askFirstAboveBytes) {
      this.#send();
    } else {
      outgoing.once('continue', () => this.#send());
      outgoing.setHeader('expect', '100-continue');
      outgoing.flushHeaders();
    }
  }

  /** Whether the body went out. */
  get isSent(): boolean {
    return this.#isSent;
  }

  /** Resolves with the first end. */
  get ended(): Promise<CallEnd | Aborted> {
    return this.#ended.promise;
  }

  /** Ends the call, unless it has ended. The server sees that its caller has gone. */
  end(end: CallEnd | Aborted): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#ended.resolve(end);
    // After a complete answer to a complete request the connection serves the next call.
    if (end.type !== 'answer' || !this.#isSent) this.#outgoing.destroy();
  }

  #send(): void {
    if (this.#isOver) return;
    this.#isSent = true;
    this.#outgoing.end(this.#content.body);
  }

  #read(incoming: IncomingMessage): void {
    const { maxAnswerBytes, onBytes } = this.#content;
    const chunks: Buffer[] = [];
    let bytes = 0;
    incoming.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      onBytes(chunk.length);
      if (bytes > maxAnswerBytes) this.end({ type: 'too-large', limit: maxAnswerBytes });
      else chunks.push(chunk);
    });
    incoming.on('error', (error) => this.end({ type: 'broken', error }));
    incoming.on('end', () => {
      const version = incoming.headers[versionHeader];
      this.end({
        type: 'answer',
        status: incoming.statusCode ?? 0,
        version: typeof version === 'string' ? version : undefined,
        body: chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks),
      });
    });
  }
}
