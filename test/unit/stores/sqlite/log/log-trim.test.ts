import { expect } from 'chai';
import { Key } from '../../../../../src/model/key.ts';
import type { Offset, Partition } from '../../../../../src/model/position.ts';
import { Topic } from '../../../../../src/model/position.ts';
import { silentLogger } from '../../../../../src/observability/logger.ts';
import { systemClock } from '../../../../../src/runtime/clock.ts';
import { keepReplicatedMs } from '../../../../../src/stores/sqlite/log/log-trim.ts';
import { openSqliteParts } from '../../../../../src/stores/sqlite/store.ts';
import { temporaryFile } from '../temporary-file.ts';

const topic = Topic.of('journal');
const partition = 0 as Partition;

/** A clock for what lasts, and how far the time of day has been set forward from it. */
interface Time {
  nowMs: number;
  setMs?: number;
}

async function opened(time: Time, file = ':memory:') {
  const nowMs = () => time.nowMs + (time.setMs ?? 0);
  const clock = { ...systemClock, nowMs, steadyMs: () => time.nowMs };
  const settings = { file, partitions: 1, segmentSize: 100 };
  const parts = await openSqliteParts(settings, { log: silentLogger, clock });
  const { store, partitions, database } = parts;
  return {
    ...parts,
    async produce(count: number) {
      const header = { type: 'mark', id: 'm', origin: undefined, version: undefined } as const;
      const mark = { key: Key.of(topic, 'id'), timestampMs: 1, header };
      // One at a time: every record is a row of its own, so rows can be deleted one by one.
      for (let i = 0; i < count; i++) await store.producer.produce(mark);
    },
    async replicated(offset: number) {
      const after = await store.replicated.claim(topic, partition, { nowMs: nowMs() });
      const move = { topic, partition, offset: offset as Offset, after };
      await store.replicated.saveOffset(move, nowMs());
    },
    first: () => partitions.find(topic, partition)?.firstOffset,
    rows: () => database.prepare<{ n: number }>('SELECT count(*) AS n FROM log_body').get()?.n,
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  };
}

describe('trimming the log', () => {
  it('deletes what has been replicated for long enough, and nothing above', async () => {
    const time = { nowMs: 1_000_000 };
    await using log = await opened(time);
    await log.produce(10);
    await log.replicated(4);
    time.nowMs += keepReplicatedMs - 1;
    await log.replicated(6);
    expect([log.first(), log.rows()]).to.deep.equal([0, 10]);
    time.nowMs += 1;
    await log.replicated(7);
    expect([log.first(), log.rows()]).to.deep.equal([5, 5]);
    time.nowMs += keepReplicatedMs;
    await log.replicated(8);
    expect([log.first(), log.rows()]).to.deep.equal([7, 3]);
  });

  it('counts no time that the time of day was set forward, and all that passes after it was set back', async () => {
    const time = { nowMs: 10_000_000, setMs: 0 };
    await using log = await opened(time);
    await log.produce(10);
    await log.replicated(4);
    time.setMs = 3_600_000;
    await log.replicated(5);
    expect(log.first()).to.equal(0);
    time.setMs = -3_600_000;
    time.nowMs += keepReplicatedMs;
    await log.replicated(6);
    expect(log.first()).to.equal(5);
    time.nowMs += keepReplicatedMs;
    await log.replicated(7);
    expect(log.first()).to.equal(7);
  });

  it('keeps what a running read of this process still wants', async () => {
    const time = { nowMs: 1_000_000 };
    await using log = await opened(time);
    await log.produce(10);
    await log.replicated(8);
    const pin = log.trim.pin(topic, partition, 3 as Offset);
    time.nowMs += keepReplicatedMs;
    await log.replicated(8);
    expect(log.first()).to.equal(3);
    pin.release();
    await log.replicated(8);
    expect(log.first()).to.equal(9);
  });

  it('counts the time across a restart', async () => {
    await using temporary = await temporaryFile();
    const time = { nowMs: 1_000_000 };
    {
      await using log = await opened(time, temporary.file);
      await log.produce(5);
      await log.replicated(2);
    }
    time.nowMs += keepReplicatedMs;
    await using log = await opened(time, temporary.file);
    await log.produce(1);
    await log.replicated(3);
    expect([log.first(), log.rows()]).to.deep.equal([3, 3]);
  });

  it('counts the time from a restart when the time of day was set back before it', async () => {
    await using temporary = await temporaryFile();
    const time: Time = { nowMs: 10_000_000 };
    {
      await using log = await opened(time, temporary.file);
      await log.produce(5);
      await log.replicated(2);
    }
    time.setMs = -3_600_000;
    await using log = await opened(time, temporary.file);
    time.nowMs += keepReplicatedMs - 1;
    await log.replicated(3);
    expect(log.first()).to.equal(0);
    time.nowMs += 1;
    await log.replicated(4);
    expect(log.first()).to.equal(3);
  });

  it('deletes at most 4,000 records in one step', async () => {
    const time = { nowMs: 1_000_000 };
    await using log = await opened(time);
    const record = { key: Buffer.from('id'), value: undefined, timestampMs: 1, headers: [] };
    await log.queue.write(() => {
      for (let i = 0; i < 10_000; i++) log.writer.appendTo(topic, partition, record);
    });
    await log.replicated(9_999);
    time.nowMs += keepReplicatedMs;
    const firsts: unknown[] = [];
    for (let i = 0; i < 4; i++) {
      await log.replicated(9_999);
      firsts.push(log.first());
    }
    expect(firsts).to.deep.equal([4_000, 8_000, 10_000, 10_000]);
    expect(log.rows()).to.equal(0);
  });
});
