/** A call as the bank has noted it. */
export interface BankCall {
  readonly idempotencyKey: string;
  readonly attempt: number;
  readonly input: unknown;
  readonly atMs: number;
}

/** From the failure of the first attempt to the second one. */
export const backoffMs = 3_000;
