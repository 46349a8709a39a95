import { type AcknowledgedTransfer, walletId } from './protocol.ts';
import type { WalletCommand } from './wallet.ts';

/** How often acknowledged transfers are told. */
const tellEveryMs = 5;
/** Commands under way while wallets are opened. */
const opening = 256;

interface Wallets {
  ask(id: string, command: WalletCommand): Promise<unknown>;
}

/** Gives the wallets something to do. */
export class Clerk {
  readonly #wallets: Wallets;
  readonly #tell: (transfers: readonly AcknowledgedTransfer[]) => void;
  #untold: AcknowledgedTransfer[] = [];

  constructor(wallets: Wallets, tell: (transfers: readonly AcknowledgedTransfer[]) => void) {
    this.#wallets = wallets;
    this.#tell = tell;
  }

  async openAll(count: number, cents: number): Promise<void> {
    let next = 0;
    const lane = async (): Promise<void> => {
      while (next < count) await this.#wallets.ask(walletId(next++), { type: 'open', cents });
    };
    await Promise.all(Array.from({ length: opening }, lane));
  }

  async saveAll(savers: number): Promise<void> {
    const ids = Array.from({ length: savers }, (_, index) => walletId(index));
    await Promise.all(ids.map((id) => this.#wallets.ask(id, { type: 'save' })));
  }

  /** Random transfers, so many at a time, until the process ends. */
  async trade(market: {
    readonly wallets: number;
    readonly inFlight: number;
    readonly seed: number;
  }): Promise<void> {
    setInterval(() => this.#tellAll(), tellEveryMs).unref();
    const lanes = Array.from({ length: market.inFlight }, (_, lane) => this.#lane(market, lane));
    await Promise.all(lanes);
  }

  async #lane({ wallets, seed }: { wallets: number; seed: number }, lane: number): Promise<void> {
    let state = seed * 1_000 + lane;
    const random = (below: number): number => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return Math.floor((state / 2 ** 32) * below);
    };
    for (let count = 0; ; count++) {
      const from = walletId(random(wallets));
      const to = walletId(random(wallets));
      const transfer = { transferId: `${lane}-${count}`, to, cents: 1 + random(500) };
      if (from !== to) await this.#move(from, transfer);
    }
  }

  /** A wallet that is paying, or has too little, refuses; nobody has lost anything then. */
  async #move(from: string, transfer: Omit<AcknowledgedTransfer, 'from'>): Promise<void> {
    try {
      await this.#wallets.ask(from, { type: 'transfer', ...transfer });
      this.#untold.push({ from, ...transfer });
    } catch {
      // refused: the next transfer tries its luck
    }
  }

  #tellAll(): void {
    if (this.#untold.length > 0) this.#tell(this.#untold);
    this.#untold = [];
  }
}
