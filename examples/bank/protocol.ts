/** What the bank's client process and its worker process tell each other. */
export type ToWorker =
  | { readonly type: 'open'; readonly wallets: number; readonly cents: number }
  | {
      readonly type: 'trade';
      /** Begins the ids of the transfers. */
      readonly name: string;
      readonly wallets: number;
      readonly savers: number;
      readonly inFlight: number;
      readonly seed: number;
    }
  /** No more transfers. */
  | { readonly type: 'rest' }
  | { readonly type: 'audit'; readonly wallets: number; readonly savers: number }
  | { readonly type: 'save'; readonly savers: number }
  | { readonly type: 'stop' };

export type FromWorker =
  | { readonly type: 'ready'; readonly startMs: number }
  | { readonly type: 'opened'; readonly wallets: number }
  | { readonly type: 'saving'; readonly savers: number }
  /** All transfers are answered, and those acknowledged were told. */
  | { readonly type: 'resting' }
  /** Transfers whose debit was acknowledged. */
  | { readonly type: 'acknowledged'; readonly transfers: readonly AcknowledgedTransfer[] }
  | { readonly type: 'audited'; readonly audit: Audit };

export interface AcknowledgedTransfer {
  readonly transferId: string;
  readonly from: string;
  readonly to: string;
  readonly cents: number;
}

/** The state of all wallets after their recovery, when no payment is under way any more. */
export interface Audit {
  readonly totalCents: number;
  readonly events: number;
  /** Per wallet: the transfers credited to it. */
  readonly received: Readonly<Record<string, readonly string[]>>;
  /** Time each wallet took to recover, ms. */
  readonly recoveryMs: readonly number[];
  readonly recoverAllMs: number;
  /** Wallets whose savings have matured although nobody spoke to them. */
  readonly matured: number;
}

export const walletId = (index: number): string => `w${index}`;
