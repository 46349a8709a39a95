/** The bank's worker process: wallets as persistent actors, told what to do over IPC. */
import { setTimeout as sleep } from 'node:timers/promises';
import { fromPromise, waitFor } from 'xstate';
import { createPersistence, isReady } from '../../src/index.ts';
import { Clerk } from './clerk.ts';
import { type Audit, type FromWorker, type ToWorker, walletId } from './protocol.ts';
import { decide, type Transfer, type WalletCommand, wallet } from './wallet.ts';

const [config = '', prefix = ''] = process.argv.slice(2);
const startedMs = performance.now();
const persistence = await createPersistence({ file: config });

/** Pays by crediting the receiver; started again after a crash, and counted once. */
const pay = fromPromise<void, Transfer>(async ({ input: { to, transferId, cents } }) => {
  await wallets.ask(to, { type: 'credit', transferId, cents });
});

const logic = persistence.persistent<typeof wallet, WalletCommand>(
  wallet.provide({ actors: { pay } }),
  {
    persistenceId: ({ input }) => `wallet-${prefix}${input.id}`,
    decide,
    onPersistFailure: { minBackoff: '100ms', maxBackoff: '5s' },
  },
);
const wallets = persistence.entities('wallet', logic);
const clerk = new Clerk(wallets, (transfers) => tell({ type: 'acknowledged', transfers }));

// The client is gone: nobody is left to work for.
process.on('disconnect', () => process.exit());
process.on('message', (message: ToWorker) => void handle(message));
tell({ type: 'ready', startMs: performance.now() - startedMs });

async function handle(message: ToWorker): Promise<void> {
  switch (message.type) {
    case 'open':
      await clerk.openAll(message.wallets, message.cents);
      return tell({ type: 'opened', wallets: message.wallets });
    case 'save':
      await clerk.saveAll(message.savers);
      return tell({ type: 'saving', savers: message.savers });
    case 'trade':
      return await clerk.trade(message);
    case 'audit':
      return tell({ type: 'audited', audit: await audit(message) });
    case 'stop':
      await persistence.shutdown();
      process.disconnect();
  }
}

/** Recovers every wallet, waits until payments and savings have come to rest, and adds up. */
async function audit(request: {
  readonly wallets: number;
  readonly savers: number;
}): Promise<Audit> {
  const sinceMs = performance.now();
  const ids = Array.from({ length: request.wallets }, (_, index) => walletId(index));
  const recoveryMs = await Promise.all(ids.map(recover));
  const recoverAllMs = performance.now() - sinceMs;
  await Promise.all(ids.map(atRest));
  const snapshots = ids.map((id) => wallets.ref(id).getSnapshot());
  return {
    totalCents: snapshots.reduce((sum, { context }) => sum + context.cents, 0),
    events: snapshots.reduce((sum, snapshot) => sum + snapshot.persistence.sequenceNr, 0),
    received: Object.fromEntries(
      ids.map((id, index) => [id, snapshots[index]?.context.received ?? []]),
    ),
    recoveryMs,
    recoverAllMs,
    matured: snapshots.filter((snapshot) => snapshot.matches({ savings: 'matured' })).length,
  };
}

async function recover(id: string): Promise<number> {
  const sinceMs = performance.now();
  await waitFor(wallets.ref(id), isReady);
  return performance.now() - sinceMs;
}

async function atRest(id: string): Promise<void> {
  await waitFor(
    wallets.ref(id),
    (snapshot) =>
      snapshot.matches({ payments: 'idle' }) && !snapshot.matches({ savings: 'growing' }),
    { timeout: 60_000 },
  );
  await sleep(0);
}

function tell(message: FromWorker): void {
  process.send?.(message);
}
