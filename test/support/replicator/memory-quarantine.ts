import type { QuarantineEntry, QuarantineFile } from '../../../replicator/apply/quarantine-file.ts';

/** Keeps entries in memory; `before` runs before each and may throw or wait. */
export class MemoryQuarantine implements QuarantineFile {
  readonly entries: QuarantineEntry[] = [];
  before: (entry: QuarantineEntry) => void | Promise<void> = () => {};

  async append(entry: QuarantineEntry): Promise<void> {
    await this.before(entry);
    this.entries.push(entry);
  }

  get offsets(): readonly number[] {
    return this.entries.map(({ offset }) => offset);
  }
}
