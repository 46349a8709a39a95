import type { AcknowledgedTransfer, Audit } from './protocol.ts';

/** What the client knows when the worker is dead. */
export interface BankRun {
  readonly wallets: number;
  readonly savers: number;
  readonly centsEach: number;
  readonly seed: number;
  readonly instances: number;
  readonly tradingMs: number;
  readonly acknowledged: readonly AcknowledgedTransfer[];
  /** Where the events are. */
  readonly journal: string;
}

export interface Finding {
  readonly right: boolean;
  readonly text: string;
}

/** Compares the client's record of acknowledged transfers with what the wallets recovered to. */
export function checkBooks(run: BankRun, audit: Audit): readonly Finding[] {
  const expected = run.wallets * run.centsEach;
  const { missing, repeated } = countTransfers(run.acknowledged, audit.received);
  const count = run.acknowledged.length;
  return [
    {
      right: audit.totalCents === expected,
      text: `the sum is ${audit.totalCents} of ${expected} cents`,
    },
    {
      right: count > 0 && missing === 0,
      text: `${count} acknowledged transfers, ${missing} missing`,
    },
    { right: repeated === 0, text: `${repeated} transfers booked more than once` },
    {
      right: audit.matured === run.savers,
      text: `${audit.matured} of ${run.savers} timers armed before the kill fired after it, and nobody asked`,
    },
  ];
}

function countTransfers(
  acknowledged: readonly AcknowledgedTransfer[],
  received: Audit['received'],
): { missing: number; repeated: number } {
  const booked = new Map<string, number>();
  for (const [wallet, transferIds] of Object.entries(received)) {
    for (const transferId of transferIds) {
      const booking = `${wallet} ${transferId}`;
      booked.set(booking, (booked.get(booking) ?? 0) + 1);
    }
  }
  const missing = acknowledged.filter(({ to, transferId }) => !booked.has(`${to} ${transferId}`));
  const repeated = [...booked.values()].filter((times) => times > 1);
  return { missing: missing.length, repeated: repeated.length };
}
