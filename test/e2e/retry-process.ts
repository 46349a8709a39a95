import { appendFileSync } from 'node:fs';
import { fromPromise, setup } from 'xstate';
import { attemptOf, createPersistence } from '../../src/index.ts';
import { type BankCall, backoffMs } from './retry-protocol.ts';

/**
 * One process of a service whose payments call a bank. The bank notes each call in a file; it
 * refuses the first attempt, never answers the second, and takes the third.
 *
 *     node retry-process.ts CONFIG-FILE CALLS-FILE
 */
const [file = '', callsFile = ''] = process.argv.slice(2);

const bank = fromPromise<string, { readonly cents: number }>(async ({ input, self }) => {
  const { idempotencyKey, attempt } = attemptOf(self);
  const call: BankCall = { idempotencyKey, attempt, input, atMs: Date.now() };
  appendFileSync(callsFile, `${JSON.stringify(call)}\n`);
  if (attempt === 1) throw new Error('busy');
  if (attempt === 2) return await new Promise<string>(() => {});
  return 'receipt';
});
const payment = setup({
  types: { events: {} as { type: 'pay' }, input: {} as { readonly id: string } },
  actors: { bank },
}).createMachine({
  id: 'payment',
  initial: 'idle',
  states: {
    idle: { on: { pay: 'paying' } },
    paying: { invoke: { id: 'call', src: 'bank', input: { cents: 5 }, onDone: 'paid' } },
    paid: {},
  },
});
const persistence = await createPersistence({ file });
const payments = persistence.entities(
  'payment',
  persistence.persistent(payment, {
    persistenceId: ({ input }) => `payment-${input.id}`,
    retry: {
      bank: { attempts: 3, minBackoff: backoffMs, maxBackoff: backoffMs, randomFactor: 0 },
    },
  }),
);
process.on('message', (message) => {
  const work = message === 'stop' ? stop() : payments.ask('1', { type: 'pay' });
  work.catch((error: unknown) => {
    process.stderr.write(`${String(error)}\n`);
    process.exit(1);
  });
});
process.send?.('ready');

async function stop(): Promise<void> {
  await persistence.shutdown();
  process.disconnect();
}
