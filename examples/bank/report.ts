import type { BankRun, Finding } from './books.ts';
import type { Audit } from './protocol.ts';

const startedMs = performance.now();

/** One line a step, with the time since the start. */
export function progress(text: string): void {
  const seconds = ((performance.now() - startedMs) / 1_000).toFixed(1).padStart(5);
  console.log(`${seconds} s  ${text}`);
}

export function printReport(run: BankRun, audit: Audit, findings: readonly Finding[]): void {
  const sorted = [...audit.recoveryMs].sort((a, b) => a - b);
  const at = (share: number): string =>
    (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0).toFixed(1);
  const perSecond = Math.round(run.acknowledged.length / (run.tradingMs / 1_000));
  console.log('');
  console.log(`events stored      ${audit.events}`);
  console.log(`transfers          ${perSecond} acknowledged a second`);
  if (run.instances > 1) console.log(`instances          ${run.instances}, one was killed`);
  console.log(
    `recovery           ${run.wallets} wallets in ${Math.round(audit.recoverAllMs)} ms; ` +
      `one: p50 ${at(0.5)} ms, p99 ${at(0.99)} ms`,
  );
  console.log(`journal            ${run.journal}`);
  console.log(`seed               ${run.seed}`);
  console.log('');
  for (const { right, text } of findings) console.log(`${right ? 'right' : 'WRONG'}  ${text}`);
}
