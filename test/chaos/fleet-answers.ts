/** One answer as the parent saw it; both times by one clock. */
export interface Answer {
  readonly key: string;
  readonly beganMs: number;
  readonly receivedMs: number;
  readonly seqNr: number;
  /** Which recovery of the entity answered, among those of all instances. */
  readonly life: string;
}

interface Life {
  /** Its first answer was received then. */
  readonly firstMs: number;
  /** When the first answer was received that another life gave to a later call. */
  endedMs: number;
}

interface Shown {
  /** Received so far, in the order of reception; grows in `seqNr`. */
  readonly highest: {
    readonly seqNr: number;
    readonly receivedMs: number;
    readonly life: string;
  }[];
  readonly lives: Map<string, Life>;
}

/** Calls under way at a time: how long a highest number is kept. */
const keptMs = 60_000;

/**
 * Judges that each entity answers from one place at a time. Two rules, for answers of one key:
 *
 * 1. An answer shows no older state than any answer that was received before its call began.
 * 2. Life A answered; a later call (it began after that answer was received) was answered by life
 *   B.
 *    Then no call that begins after B's answer was received is answered by A.
 */
export class Answers {
  /** What broke a rule. */
  readonly broken: string[] = [];
  count = 0;
  readonly #shown = new Map<string, Shown>();

  accept(answer: Answer): void {
    this.count++;
    const { key, beganMs, receivedMs, seqNr, life } = answer;
    const shown: Shown = this.#shown.get(key) ?? { highest: [], lives: new Map() };
    this.#shown.set(key, shown);
    this.#checkState(answer, shown);
    this.#checkLife(answer, shown);
    if (seqNr > (shown.highest.at(-1)?.seqNr ?? -1)) {
      shown.highest.push({ seqNr, receivedMs, life });
    }
    const firstKept = shown.highest.findLastIndex((each) => each.receivedMs < beganMs - keptMs);
    if (firstKept > 0) shown.highest.splice(0, firstKept);
  }

  #checkState({ key, beganMs, seqNr, life }: Answer, { highest }: Shown): void {
    const before = highest.findLast(({ receivedMs }) => receivedMs < beganMs);
    if (before === undefined || before.seqNr <= seqNr) return;
    const ms = (beganMs - before.receivedMs).toFixed(1);
    this.broken.push(
      `${key}: ${life} showed ${seqNr}, ${ms} ms after ${before.life} had shown ${before.seqNr}`,
    );
  }

  #checkLife({ key, beganMs, receivedMs, life }: Answer, { lives }: Shown): void {
    const own = lives.get(life) ?? { firstMs: receivedMs, endedMs: Number.POSITIVE_INFINITY };
    lives.set(life, own);
    if (own.endedMs < beganMs) {
      const ms = (beganMs - own.endedMs).toFixed(1);
      this.broken.push(
        `${key}: ${life} answered a call that began ${ms} ms after its successor's answer`,
      );
    }
    for (const [name, other] of lives) {
      const isBefore = name !== life && other.firstMs < beganMs;
      if (isBefore && receivedMs < own.endedMs) other.endedMs = Math.min(other.endedMs, receivedMs);
    }
  }
}
