import { expect } from 'chai';
import { AttemptGuard, UnsafeRetryError } from '../../../src/kafka/driver/attempt-guard.ts';
import type { OutgoingRecord } from '../../../src/kafka/driver/outgoing-record.ts';

const record = (): OutgoingRecord => ({
  key: Buffer.from('k'),
  value: null,
  timestampMs: 1,
  headers: {},
  partition: -1,
});

/** One attempt: record `i` goes to partition `i`; `leaders[i]` leads it. */
function attempt(
  guard: AttemptGuard,
  records: readonly OutgoingRecord[],
  leaders: readonly number[],
): void {
  const partitions = leaders.map((leader, partitionId) => ({ partitionId, leader }));
  for (const [partition, record] of records.entries()) {
    guard.check(record, { topic: 't', partition, partitions });
    record.partition = partition;
  }
}

describe('AttemptGuard', () => {
  let guard: AttemptGuard;
  let records: OutgoingRecord[];
  beforeEach(() => {
    guard = new AttemptGuard();
    records = [record(), record()];
    guard.begin([{ topic: 't', messages: records }]);
  });

  it('lets a send to several brokers be repeated while the leaders stay', () => {
    for (let i = 0; i < 3; i++) attempt(guard, records, [1, 2]);
  });

  it('ends a send to several brokers when a leader moved: kafkajs would send stored records again', () => {
    attempt(guard, records, [1, 2]);
    expect(() => attempt(guard, records, [3, 2])).to.throw(UnsafeRetryError, 'partition 0 of t');
  });

  it('lets a send to one broker follow its leader: it was stored whole or not at all', () => {
    attempt(guard, records, [1, 1]);
    attempt(guard, records, [2, 2]);
  });

  it('looks at the attempt before, not at the first one only', () => {
    attempt(guard, records, [1, 1]);
    attempt(guard, records, [2, 3]);
    expect(() => attempt(guard, records, [2, 2])).to.throw(UnsafeRetryError);
  });

  it('ignores partitions that the send has no records for', () => {
    guard.begin([{ topic: 't', messages: [records[0] as OutgoingRecord] }]);
    attempt(guard, records.slice(0, 1), [1, 2]);
    attempt(guard, records.slice(0, 1), [3, 9]);
  });

  it('ends a send when the key moves to another partition', () => {
    attempt(guard, records, [1, 1]);
    const partitions = [1, 1, 2].map((leader, partitionId) => ({ partitionId, leader }));
    expect(() =>
      guard.check(records[0] as OutgoingRecord, { topic: 't', partition: 2, partitions }),
    ).to.throw(UnsafeRetryError);
  });

  it('forgets one send at the next', () => {
    attempt(guard, records, [1, 2]);
    guard.begin([{ topic: 't', messages: records }]);
    attempt(guard, records, [2, 1]);
  });
});
