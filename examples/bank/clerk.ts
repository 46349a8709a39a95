import { type AcknowledgedTransfer, walletId } from './protocol.ts';
import type { WalletCommand } from './wallet.ts';

/** How often acknowledged transfers are told. */
const tellEveryMs = 5;
/** Commands under way while wallets are opened. */
const opening = 256;

/** Of a command that may be repeated. */
const mostTries = 5;

interface Wallets {
  ask(id: string, command: WalletCommand): Promise<unknown>;
}

interface Market {
  readonly name: string;
  /** The first wallets save: nobody trades with them. */
  readonly savers: number;
  readonly wallets: number;
  readonly inFlight: number;
  readonly seed: number;
}

/** Gives the wallets something to do. */
export class Clerk {
  readonly #wallets: Wallets;
  readonly #tell: (transfers: readonly AcknowledgedTransfer[]) => void;
  #lanes: readonly Promise<void>[] = [];
  #isResting = false;
  #untold: AcknowledgedTransfer[] = [];

  constructor(wallets: Wallets, tell: (transfers: readonly AcknowledgedTransfer[]) => void) {
    this.#wallets = wallets;
    this.#tell = tell;
  }

  async openAll(count: number, cents: number): Promise<void> {
    let next = 0;
    const lane = async (): Promise<void> => {
      while (next < count) await this.#surely(walletId(next++), { type: 'open', cents });
    };
    await Promise.all(Array.from({ length: opening }, lane));
  }

  async saveAll(savers: number): Promise<void> {
    const ids = Array.from({ length: savers }, (_, index) => walletId(index));
    await Promise.all(ids.map((id) => this.#surely(id, { type: 'save' })));
  }

  /** Instances that have just come may take a wallet while it is asked; these commands count once. */
  async #surely(id: string, command: WalletCommand): Promise<void> {
    for (let tries = 1; ; tries++) {
      try {
        await this.#wallets.ask(id, command);
        return;
      } catch (error) {
        if (tries === mostTries) throw error;
      }
    }
  }

  /** Random transfers, `inFlight` at a time, until `rest` or the end of the process. */
  trade(market: Market): void {
    setInterval(() => this.#tellAll(), tellEveryMs).unref();
    this.#lanes = Array.from({ length: market.inFlight }, (_, lane) => this.#lane(market, lane));
  }

  /** Resolves when all transfers are answered, and those acknowledged were told. */
  async rest(): Promise<void> {
    this.#isResting = true;
    await Promise.all(this.#lanes);
    this.#tellAll();
  }

  async #lane({ name, wallets, savers, seed }: Market, lane: number): Promise<void> {
    let state = seed * 1_000 + lane;
    const random = (below: number): number => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return Math.floor((state / 2 ** 32) * below);
    };
    for (let count = 0; !this.#isResting; count++) {
      const from = walletId(savers + random(wallets - savers));
      const to = walletId(savers + random(wallets - savers));
      const transfer = { transferId: `${name}-${lane}-${count}`, to, cents: 1 + random(500) };
      if (from !== to) await this.#move(from, transfer);
    }
  }

  /**
   * A wallet that is paying, or has too little, refuses; nobody has lost anything then. What became of
   * a transfer whose answer was lost with its instance is not known: it may be booked, once.
   */
  async #move(from: string, transfer: Omit<AcknowledgedTransfer, 'from'>): Promise<void> {
    try {
      await this.#wallets.ask(from, { type: 'transfer', ...transfer });
      this.#untold.push({ from, ...transfer });
    } catch {
      // not acknowledged: the next transfer tries its luck
    }
  }

  #tellAll(): void {
    if (this.#untold.length > 0) this.#tell(this.#untold);
    this.#untold = [];
  }
}
