/** One line of a replicator's log. */
export interface LogLine {
  readonly level: number | string;
  readonly msg: string;
  readonly [field: string]: unknown;
}

const errorLevel = 50;

/** What a replicator process has logged, as far as it concerns a scenario. */
export class ReplicatorLog {
  /** Times that it had reached its servers: before that, one that does not answer ends it. */
  starts = 0;
  /** Times that it joined its group: at its start, then once for each rebalance. */
  joins = 0;
  /** Partitions of its last time with the group. */
  partitions: readonly number[] = [];
  /** Partitions that had gone to another, as the group told it. */
  lost = 0;
  /** Partitions whose offset the store refused to move: another had claimed them. */
  fenced = 0;
  readonly errors: LogLine[] = [];

  readonly accept = (text: string): void => {
    const line = parse(text);
    if (line === undefined) return;
    if (line.msg === 'the replicator runs') this.starts++;
    if (line.msg === 'joined the consumer group') {
      this.joins++;
      this.partitions = line['partitions'] as readonly number[];
    }
    if (line.msg === 'partition lost') this.lost++;
    if (line.msg.startsWith('partition dropped')) this.fenced++;
    if (Number(line.level) >= errorLevel || line.level === 'error') this.errors.push(line);
  };

  /** An error that refuses lost records of a partition. */
  refusalOf(partition: number): LogLine | undefined {
    return this.errors.find((line) => {
      const text = JSON.stringify(line);
      if (!text.includes('DATA_INTEGRITY')) return false;
      return line['partition'] === partition || text.includes(`partition ${partition},`);
    });
  }
}

function parse(text: string): LogLine | undefined {
  try {
    return JSON.parse(text) as LogLine;
  } catch {
    return undefined;
  }
}
