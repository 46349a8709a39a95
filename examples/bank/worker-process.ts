import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { AcknowledgedTransfer, FromWorker, ToWorker } from './protocol.ts';

type Answer<T extends FromWorker['type']> = Extract<FromWorker, { type: T }>;

/** The bank's worker process as its client sees it. */
export interface Worker {
  tell(message: ToWorker): void;
  /** Sends a message and waits for the answer of the given type. */
  request<T extends FromWorker['type']>(message: ToWorker, answer: T): Promise<Answer<T>>;
  /** SIGKILL: no handler runs, nothing is flushed. */
  kill(): Promise<void>;
  stop(): Promise<void>;
}

/** Resolves when the worker has opened its journal. */
export async function startWorker(
  child: ChildProcess,
  onAcknowledged: (transfers: readonly AcknowledgedTransfer[]) => void,
): Promise<Worker> {
  const exit = once(child, 'exit');
  child.on('message', (message: FromWorker) => {
    if (message.type === 'acknowledged') onAcknowledged(message.transfers);
  });
  const answer = <T extends FromWorker['type']>(type: T): Promise<Answer<T>> =>
    new Promise((resolve, reject) => {
      const listen = (message: FromWorker): void => {
        if (message.type !== type) return;
        child.off('message', listen);
        resolve(message as Answer<T>);
      };
      child.on('message', listen);
      child.once('exit', (code) => reject(new Error(`the worker ended with code ${code}`)));
    });
  const worker: Worker = {
    tell: (message) => void child.send(message),
    request(message, type) {
      const reply = answer(type);
      child.send(message);
      return reply;
    },
    async kill() {
      child.kill('SIGKILL');
      await exit;
    },
    async stop() {
      child.send({ type: 'stop' } satisfies ToWorker);
      await exit;
    },
  };
  await answer('ready');
  return worker;
}
