import { createRequire } from 'node:module';

const fetchApiKey = 1;

const require = createRequire(import.meta.url);
type Send = (request: { readonly request: { readonly apiKey: number } }) => Promise<unknown>;
const Connection = require('kafkajs/src/network/connection') as { readonly prototype: object };

/** Counts the Fetch requests that this process sends to Kafka, whoever sends them, until `stop`. */
function countFetches(): { readonly count: number; stop(): void } {
  const original = Reflect.get(Connection.prototype, 'send') as Send;
  let count = 0;
  function send(this: object, request: Parameters<Send>[0]): Promise<unknown> {
    if (request.request.apiKey === fetchApiKey) count++;
    return Reflect.apply(original, this, [request]);
  }
  Object.assign(Connection.prototype, { send });
  return {
    get count() {
      return count;
    },
    stop() {
      Object.assign(Connection.prototype, { send: original });
    },
  };
}

/** Runs it, and answers how long it took and how many Fetch requests were sent meanwhile. */
export async function withFetches(
  run: () => Promise<unknown>,
): Promise<{ readonly ms: number; readonly fetches: number }> {
  const counter = countFetches();
  const startMs = performance.now();
  try {
    await run();
    return { ms: performance.now() - startMs, fetches: counter.count };
  } finally {
    counter.stop();
  }
}
