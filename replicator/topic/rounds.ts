import { Offset } from '../../src/model/position.ts';
import type { PartitionBatch } from '../../src/ports/topic-consumer.ts';

/** Records of a round at most: they are decoded at once, and then the replicated offset moves. */
export const maxRecordsInRound = 10_000;

/** What is replicated; the partition is the flow's own. */
export type FlowBatch = Omit<PartitionBatch, 'partition'>;

/** The rounds of a batch. The very first one of a partition has one record: see `PartitionFlow`. */
export function* roundsOf(batch: FlowBatch, isNothingReplicated: boolean): Generator<FlowBatch> {
  const { records, nextOffset } = batch;
  const [first] = records;
  let from = 0;
  if (isNothingReplicated && first !== undefined) {
    const after = Offset.next(first.offset);
    yield { ...batch, records: [first], nextOffset: after };
    // Offsets after a single record that hold no record of ours, such as transaction markers.
    if (records.length === 1 && nextOffset > after) yield { ...batch, records: [] };
    from = 1;
  }
  for (; from < records.length; from += maxRecordsInRound) {
    const to = from + maxRecordsInRound;
    yield {
      ...batch,
      records: records.slice(from, to),
      nextOffset: records[to]?.offset ?? nextOffset,
    };
  }
}
