/**
 * The bank: opens thousands of wallets, moves money between them, kills its own worker process in
 * mid-flight, waits until the savers have woken by themselves in a new one, recovers every wallet, and
 * checks that nothing was lost or doubled.
 *
 *   npm start                                          embedded, one SQLite file
 *   npm start -- --config examples/bank/kafka.conf     Kafka and Cassandra, replicator beside it
 *   npm start -- --instances 3                         three workers share the wallets, one is
 *                                                      killed, the others go on
 */
import { fork } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { type BankRun, checkBooks } from './books.ts';
import { type JournalPlace, openJournalPlace } from './journal-place.ts';
import type { AcknowledgedTransfer, Audit } from './protocol.ts';
import { startReplicatorProcess } from './replicator-process.ts';
import { printReport, progress } from './report.ts';
import { startWorker, type Worker } from './worker-process.ts';

const { values: options } = parseArgs({
  options: {
    config: { type: 'string', default: 'examples/bank/embedded.conf' },
    wallets: { type: 'string', default: '2000' },
    instances: { type: 'string', default: '1' },
    seed: { type: 'string', default: String(randomInt(1_000_000)) },
  },
});

const wallets = Number(options.wallets);
const instances = Number(options.instances);
const savers = Math.ceil(wallets / 100);
const seed = Number(options.seed);
const centsEach = 100_000;
const inFlight = 64;
/** How long the instances that are left go on trading. */
const tradeOnMs = 2_000;

process.exitCode = (await main()) ? 0 : 1;

async function main(): Promise<boolean> {
  const place = await openJournalPlace(options.config);
  const replicator = place.isEmbedded ? undefined : startReplicatorProcess(options.config);
  try {
    return await run(place);
  } finally {
    await replicator?.stop();
  }
}

async function run(place: JournalPlace): Promise<boolean> {
  const acknowledged: AcknowledgedTransfer[] = [];
  const workers = await Promise.all(Array.from({ length: instances }, () => launch(acknowledged)));
  const [first, ...others] = workers as [Worker, ...Worker[]];
  progress(`opening ${wallets} wallets`);
  await first.request({ type: 'open', wallets, cents: centsEach }, 'opened');
  await first.request({ type: 'save', savers }, 'saving');

  progress(`moving money, ${inFlight} transfers at a time`);
  const tradingSince = performance.now();
  for (const [instance, worker] of workers.entries()) {
    const market = {
      wallets,
      savers,
      inFlight: Math.ceil(inFlight / instances),
      seed: seed + instance,
    };
    worker.tell({ type: 'trade', name: `i${instance}`, ...market });
  }
  await passed(1_500 + (seed % 1_000));
  await first.kill();
  progress(`killed the worker (SIGKILL) after ${acknowledged.length} acknowledged transfers`);
  const left = others.length === 0 ? [] : await tradeOn(others);
  const tradingMs = performance.now() - tradingSince;

  const auditor = left[0] ?? (await launch(acknowledged));
  progress(`nobody wakes the ${savers} savers; then recovering ${wallets} wallets`);
  const { audit } = await auditor.request({ type: 'audit', wallets, savers }, 'audited');
  await Promise.all([auditor, ...left.slice(1)].map((worker) => worker.stop()));
  const journal = place.describe();
  return conclude(
    { wallets, savers, centsEach, seed, instances, tradingMs, acknowledged, journal },
    audit,
  );
}

/** The instances that are left take over the wallets of the one that was killed. */
async function tradeOn(left: readonly Worker[]): Promise<readonly Worker[]> {
  await passed(tradeOnMs);
  await Promise.all(left.map((worker) => worker.request({ type: 'rest' }, 'resting')));
  progress('the others have answered all that was asked of them');
  return left;
}

function launch(acknowledged: AcknowledgedTransfer[]): Promise<Worker> {
  const env = { ...process.env, BANK_FLEET: instances > 1 ? 'on' : 'off' };
  const child = fork(new URL('worker.ts', import.meta.url), [options.config, `r${seed}-`], { env });
  return startWorker(child, (transfers) => acknowledged.push(...transfers));
}

function conclude(run: BankRun, audit: Audit): boolean {
  const findings = checkBooks(run, audit);
  printReport(run, audit, findings);
  return findings.every(({ right }) => right);
}

function passed(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
