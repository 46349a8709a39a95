/** The bank's worker process: wallets as persistent actors, told what to do over IPC. */
import { setTimeout as sleep } from 'node:timers/promises';
import { fromPromise } from 'xstate';
import { createPersistence } from '../../src/index.ts';
import { Clerk } from './clerk.ts';
import { type Audit, type FromWorker, type ToWorker, walletId } from './protocol.ts';
import { decide, type Transfer, type WalletCommand, wallet } from './wallet.ts';

/** A wallet that has not come to rest is looked at again after this time, and no longer than that. */
const lookAgainMs = 50;
const restLimitMs = 60_000;
/** The same for savings, whose journals are read. */
const peekAgainMs = 200;
const maturingLimitMs = 30_000;

const [config = '', prefix = ''] = process.argv.slice(2);
const startedMs = performance.now();
const persistence = await createPersistence({ file: config });

/** Pays by crediting the receiver; started again after a crash, and counted once. */
const pay = fromPromise<void, Transfer>(async ({ input: { to, transferId, cents } }) => {
  await wallets.ask(to, { type: 'credit', transferId, cents });
});

const logic = persistence.persistent(wallet.provide({ actors: { pay } }), {
  types: { commands: {} as WalletCommand },
  persistenceId: ({ input }) => `wallet-${prefix}${input.id}`,
  decide,
  onPersistFailure: { minBackoff: '100ms', maxBackoff: '5s' },
});
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
      return clerk.trade(message);
    case 'rest':
      await clerk.rest();
      return tell({ type: 'resting' });
    case 'audit':
      return tell({ type: 'audited', audit: await audit(message) });
    case 'stop':
      await persistence.shutdown();
      process.disconnect();
  }
}

/**
 * Waits for the savers, which nobody wakes. Then asks every wallet, which recovers those that are not
 * live, waits until payments have come to rest, and adds up. It looks at the wallets of all instances,
 * and only the owner of a wallet has it in its memory: so it asks.
 */
async function audit(request: {
  readonly wallets: number;
  readonly savers: number;
}): Promise<Audit> {
  const ids = Array.from({ length: request.wallets }, (_, index) => walletId(index));
  const matured = await Promise.all(ids.slice(0, request.savers).map(matures));
  const sinceMs = performance.now();
  const recoveryMs = await Promise.all(ids.map(recover));
  const recoverAllMs = performance.now() - sinceMs;
  const looks = await Promise.all(ids.map(atRest));
  const snapshots = looks.map(({ snapshot }) => snapshot);
  return {
    totalCents: snapshots.reduce((sum, { context }) => sum + context.cents, 0),
    events: looks.reduce((sum, { sequenceNr }) => sum + sequenceNr, 0),
    received: Object.fromEntries(
      ids.map((id, index) => [id, snapshots[index]?.context.received ?? []]),
    ),
    recoveryMs,
    recoverAllMs,
    matured: matured.filter(Boolean).length,
  };
}

/** Reads the journal of a saver again and again. That starts no wallet, so its timer has to. */
async function matures(id: string): Promise<boolean> {
  const deadlineMs = performance.now() + maturingLimitMs;
  for (;;) {
    const snapshot = await wallets.peek(id);
    if (snapshot.matches({ savings: 'matured' })) return true;
    if (performance.now() > deadlineMs) return false;
    await sleep(peekAgainMs);
  }
}

async function recover(id: string): Promise<number> {
  const sinceMs = performance.now();
  await wallets.ask(id, { type: 'look' });
  return performance.now() - sinceMs;
}

async function atRest(id: string) {
  const deadlineMs = performance.now() + restLimitMs;
  for (;;) {
    const look = await wallets.ask(id, { type: 'look' });
    const { snapshot } = look;
    if (snapshot.matches({ payments: 'idle' })) return look;
    if (performance.now() > deadlineMs) throw new Error(`${id} does not come to rest`);
    await sleep(lookAgainMs);
  }
}

function tell(message: FromWorker): void {
  process.send?.(message);
}
