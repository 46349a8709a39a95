import { expect } from 'chai';
import type { PurgeExpiredSettings } from '../../../../src/config/settings/purge-expired-settings.ts';
import type { Action } from '../../../../src/model/action.ts';
import { WriteFailedError } from '../../../../src/model/errors.ts';
import { Offset, Partition, type PartitionOffset } from '../../../../src/model/position.ts';
import { SeqNr } from '../../../../src/model/seq-nr.ts';
import type { ActionProducer } from '../../../../src/ports/action-producer.ts';
import { settle } from '../../../support/replicator/manual-clock.ts';
import type { MemoryReplicatedJournal } from '../../../support/replicator/memory-replicated-journal.ts';
import { append, logRecord, partition0, purgeOnlyAt } from '../../../support/replicator/records.ts';
import { gate, testReplicator } from '../../../support/replicator/test-replicator.ts';

const minuteMs = 60_000;
const dayMs = 24 * 60 * minuteMs;

/** No other timers while days pass. */
const calm = { topicDiscoveryIntervalMs: 100 * dayMs };

const purgeSettings: PurgeExpiredSettings = {
  intervalMs: minuteMs,
  graceMs: dayMs,
  lookBackDays: 7,
  perSecond: 1_000,
  parallelism: 2,
};

/** Tests start at 2024-01-01 00:00 UTC. */
class RecordingProducer implements ActionProducer {
  readonly actions: Action[] = [];
  /** Ids, also of what was not acknowledged. */
  readonly attempted: string[] = [];
  before: (action: Action) => void | Promise<void> = () => {};
  inFlight = 0;
  mostInFlight = 0;

  async produce(action: Action): Promise<PartitionOffset> {
    this.attempted.push(action.key.id);
    this.mostInFlight = Math.max(this.mostInFlight, ++this.inFlight);
    try {
      await this.before(action);
    } finally {
      this.inFlight--;
    }
    this.actions.push(action);
    return { partition: Partition.of(0), offset: Offset.of(1_000 + this.actions.length) };
  }

  get ids(): readonly string[] {
    return this.actions.map(({ key }) => key.id);
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

async function purging(changes: Partial<PurgeExpiredSettings> = {}) {
  const producer = new RecordingProducer();
  const purgeExpired = { ...purgeSettings, ...changes };
  const parts = await testReplicator({ purgeExpired, ...calm }, { producer });
  return { ...parts, producer };
}

function expiring(
  store: MemoryReplicatedJournal,
  id: string,
  { on, offset = 5 }: { readonly on: string; readonly offset?: number },
): void {
  store.journals.set(`journal:${id}`, {
    events: new Map([[`1@${offset}`, { seqNr: 1, offset }]]),
    pointer: {
      at: { partition: partition0, offset: Offset.of(offset) },
      segmentSize: 10,
      seqNr: SeqNr.min,
      deleteTo: undefined,
      expiry: { after: { length: 1n, unit: 'day' }, on },
      recordId: 'generation',
    },
  });
}

describe('purging expired journals', () => {
  it('produces, for each, a purge that counts only while nothing else happens to it', async () => {
    const { member, store, producer, clock, stop } = await purging();
    expiring(store, 'over', { on: '2023-12-30', offset: 17 });
    expiring(store, 'later', { on: '2024-01-03' });
    await member().assign(partition0);
    await clock.advance(minuteMs);
    expect(producer.actions).to.have.length(1);
    expect(producer.actions[0]?.key.id).to.equal('over');
    expect(producer.actions[0]?.header).to.deep.include({ type: 'purge', onlyAt: 17 });
    await stop();
  });

  it('waits until the day of expiry is over, or for as long as is set', async () => {
    for (const [graceMs, ids] of [
      [dayMs, ['yesterday']],
      [0, ['yesterday', 'today']],
      [2 * dayMs, []],
    ] as const) {
      const { member, store, producer, clock, stop } = await purging({ graceMs });
      expiring(store, 'yesterday', { on: '2023-12-31' });
      expiring(store, 'today', { on: '2024-01-01' });
      await member().assign(partition0);
      await clock.advance(minuteMs);
      expect(producer.ids).to.deep.equal(ids);
      await stop();
    }
  });

  it('looks at all days first, then from a week before the last day purged', async () => {
    const { member, store, clock, stop } = await purging({ intervalMs: dayMs / 4 });
    await member().assign(partition0);
    await clock.advance(dayMs / 4);
    await clock.advance(2 * dayMs);
    expect(store.ranges[0]).to.equal('1970-01-01..2023-12-31');
    expect(store.ranges[1]).to.equal('2023-12-25..2023-12-31');
    expect(store.ranges.at(-1)).to.equal('2023-12-26..2024-01-02');
    expect(store.expiredDays.get('journal/0')).to.equal('2024-01-02');
    await stop();
  });

  it('goes on where another owner stopped, however long ago', async () => {
    const { member, store, clock, stop } = await purging();
    store.expiredDays.set('journal/0', '2023-06-30');
    await member().assign(partition0);
    await clock.advance(minuteMs);
    expect(store.ranges[0]).to.equal('2023-06-24..2023-12-31');
    await stop();
  });

  it('remembers the day only when the log has acknowledged every purge of the share', async () => {
    const { member, store, producer, clock, errors, stop } = await purging();
    for (const id of ['a', 'b', 'c']) expiring(store, id, { on: '2023-12-30' });
    producer.before = ({ key }) => {
      expect(store.expiredDays.size).to.equal(0);
      if (key.id === 'b') throw new WriteFailedError('no answer');
    };
    await member().assign(partition0);
    await clock.advance(minuteMs);
    expect(store.expiredDays.size).to.equal(0);
    expect(errors()).to.have.length(1);
    producer.before = () => {};
    await clock.advance(minuteMs);
    expect(store.expiredDays.get('journal/0')).to.equal('2023-12-31');
    expect(new Set(producer.ids)).to.deep.equal(new Set(['a', 'b', 'c']));
    await stop();
  });

  it('starts no further purge after one that failed, and waits for those under way', async () => {
    const { member, store, producer, clock, errors, stop } = await purging();
    for (const id of ['a', 'b', 'c', 'd']) expiring(store, id, { on: '2023-12-30' });
    const slow = gate();
    producer.before = async ({ key }) => {
      if (key.id === 'a') await slow.opened;
      else throw new WriteFailedError(`no answer for ${key.id}`);
    };
    await member().assign(partition0);
    await clock.advance(minuteMs);
    expect(errors()).to.deep.equal([]);
    slow.open();
    await settle();
    expect(producer.ids).to.deep.equal(['a']);
    const messages = errors().map(({ fields }) => (fields['err'] as Error).message);
    expect(messages).to.deep.equal(['no answer for b']);
    expect(producer.attempted).to.deep.equal(['a', 'b']);
    await stop();
  });

  it('asks for the share of each partition that is ours', async () => {
    const { member, store, clock, stop } = await purging();
    await member().assign(Partition.of(1));
    await clock.advance(minuteMs);
    expect(store.shares).to.deep.equal([{ index: 1, of: 2 }]);
    await stop();
  });

  it('keeps to its rate and to so many at a time', async () => {
    const { member, store, producer, clock, stop } = await purging({ perSecond: 2 });
    for (let id = 0; id < 10; id++) expiring(store, `key-${id}`, { on: '2023-12-30' });
    producer.before = () => new Promise((resolve) => setImmediate(resolve));
    await member().assign(partition0);
    await clock.advance(minuteMs);
    const before = producer.actions.length;
    expect(before).to.be.below(3);
    await clock.advance(2_000);
    expect(producer.actions.length - before).to.be.within(3, 4);
    await clock.advance(30_000);
    expect(producer.actions).to.have.length(10);
    expect(producer.mostInFlight).to.be.at.most(2);
    await stop();
  });

  it('ends with the partition: waits for the purge in hand, starts no other, remembers nothing', async () => {
    const { member, store, producer, clock, stop } = await purging({ parallelism: 1 });
    for (const id of ['a', 'b']) expiring(store, id, { on: '2023-12-30' });
    const slow = gate();
    producer.before = () => slow.opened;
    await member().assign(partition0);
    await clock.advance(minuteMs);
    let isRevoked = false;
    const revoked = member()
      .revoke(partition0)
      .then(() => (isRevoked = true));
    await settle();
    expect(isRevoked).to.equal(false);
    slow.open();
    await revoked;
    await clock.advance(10 * minuteMs);
    expect(producer.actions).to.have.length(1);
    expect(store.expiredDays.size).to.equal(0);
    await stop();
    expect(clock.sleeping).to.equal(0);
  });

  it('does nothing unless it is switched on', async () => {
    const { member, store, clock, stop } = await testReplicator(calm);
    expiring(store, 'over', { on: '2023-12-30' });
    await member().assign(partition0);
    await clock.advance(dayMs);
    expect(store.ranges).to.deep.equal([]);
    await stop();
  });
});

describe('a purge of an expired journal that races with an append (I19)', () => {
  for (const [when, polls] of [
    ['in the same poll', [[append(2), purgeOnlyAt(5)]]],
    ['in a poll before', [[append(2)], [purgeOnlyAt(5)]]],
  ] as const) {
    it(`leaves the journal that was extended (${when})`, async () => {
      const { member, store, stop } = await testReplicator();
      expiring(store, 'a', { on: '2023-12-30', offset: 5 });
      store.offsets.set('journal/0', 5);
      await member().assign(partition0);
      let offset = 6;
      for (const steps of polls) {
        await member().deliver(
          partition0,
          steps.map((step) => logRecord('a', offset++, step)),
        );
      }
      expect(store.seqNrs('journal:a')).to.deep.equal([1, 2]);
      await stop();
    });
  }

  it('purges the journal that was left alone, and a later append begins a new one', async () => {
    const { member, store, stop } = await testReplicator();
    expiring(store, 'a', { on: '2023-12-30', offset: 5 });
    store.offsets.set('journal/0', 5);
    await member().assign(partition0);
    await member().deliver(partition0, [
      logRecord('a', 6, purgeOnlyAt(5)),
      logRecord('a', 7, append(1)),
    ]);
    expect([...(store.journals.get('journal:a')?.events.keys() ?? [])]).to.deep.equal(['1@7']);
    await stop();
  });
});
