import { expect } from 'chai';
import type { QuarantineRules } from '../../../../replicator/apply/quarantine.ts';
import { CodecError, DataIntegrityError } from '../../../../src/model/errors.ts';
import type { LogHeader, LogRecord } from '../../../../src/model/log-record.ts';
import { Offset } from '../../../../src/model/position.ts';
import { settle } from '../../../support/replicator/manual-clock.ts';
import { MemoryQuarantine } from '../../../support/replicator/memory-quarantine.ts';
import {
  append,
  contradictingEvents,
  logRecord,
  mark,
  partition0,
  partition1,
  purge,
  type Step,
  timestampMs,
  unreadableEvents,
  unreadableHeader,
} from '../../../support/replicator/records.ts';
import { testReplicator } from '../../../support/replicator/test-replicator.ts';

async function replicatorWith(rules: Partial<QuarantineRules>) {
  const file = new MemoryQuarantine();
  const quarantine = { policy: 'fail' as const, skip: [], ...rules };
  const parts = await testReplicator({ quarantine }, { quarantineFile: file });
  await parts.member().assign(partition0);
  return { ...parts, file };
}

const action = 'journal.action';
const onlyAt = 'journal.purge-only-at';
const malformed = Buffer.from([0xff]);
const noBytes = new Uint8Array(0);
const zeros = new Uint8Array(9);

/** A record with these headers after its own, or instead of them. */
function withHeaders(
  offset: number,
  odd: readonly (string | readonly [string, Uint8Array])[],
  what: Step = append(1),
): LogRecord {
  const record = logRecord('a', offset, what);
  const others = odd.map((header): LogHeader => {
    return typeof header === 'string' ? [header, undefined] : header;
  });
  const own = record.headers.filter(([name]) => others.every(([other]) => other !== name));
  return { ...record, headers: [...own, ...others] };
}

const skipping: QuarantineRules = { policy: 'skip-and-record', skip: [] };

for (const [what, unreadable] of [
  ['a header', unreadableHeader],
  ['events', unreadableEvents],
  ['numbers', contradictingEvents],
] as const) {
  describe(`quarantine = skip-and-record, when ${what} cannot be decoded`, () => {
    it('goes on after it: records of the same key and of others are applied', async () => {
      const { member, store, file, stop } = await replicatorWith(skipping);
      await member().deliver(partition0, [
        logRecord('a', 0, append(1)),
        unreadable('a', 1),
        logRecord('a', 2, append(3)),
        logRecord('b', 3, append(1)),
      ]);
      expect(store.seqNrs('journal:a')).to.deep.equal([1, 3]);
      expect(store.seqNrs('journal:b')).to.deep.equal([1]);
      expect(store.offsets.get('journal/0')).to.equal(3);
      expect(file.offsets).to.deep.equal([1]);
      await stop();
    });

    it('writes it down whole, so that it can be written again, and says so', async () => {
      const { member, file, errors, clock, stop } = await replicatorWith(skipping);
      const record = unreadable('a', 5);
      await member().deliver(partition0, [record]);
      const [entry] = file.entries;
      expect(entry).to.deep.include({
        at: new Date(clock.nowMs()).toISOString(),
        topic: 'journal',
        partition: 0,
        offset: 5,
        nextOffset: 6,
        reason: 'skip-and-record',
        key: 'a',
        code: 'CODEC',
        timestampMs,
      });
      expect(Buffer.from(entry?.value ?? '', 'base64')).to.deep.equal(record.value);
      const headers = entry?.headers?.map(([name, value]) => [
        name,
        Buffer.from(value ?? '', 'base64'),
      ]);
      expect(headers).to.deep.equal(record.headers);
      const place = { topic: 'journal', partition: 0, offset: 5, key: 'a' };
      expect(errors()[0]?.fields).to.deep.include(place);
      expect(errors()[0]?.fields['err']).to.be.instanceOf(CodecError);
      await stop();
    });

    it('writes it down before the offset moves', async () => {
      const { member, store, file, stop } = await replicatorWith(skipping);
      file.before = ({ offset }) => {
        expect(store.offsets.get('journal/0') ?? -1).to.be.below(offset);
      };
      await member().deliver(partition0, [logRecord('a', 0, append(1)), unreadable('a', 1)]);
      expect(store.offsets.get('journal/0')).to.equal(1);
      await stop();
    });

    it('holds the partition while it cannot be written down', async () => {
      const { member, store, file, clock, errors, stop } = await replicatorWith(skipping);
      file.before = () => {
        throw new Error('disk full');
      };
      member().send(partition0, [logRecord('a', 0, append(1)), unreadable('a', 1)]);
      await clock.advance(60_000);
      expect(store.offsets.get('journal/0')).to.equal(0);
      expect(errors().at(-1)?.message).to.include('quarantine file');
      expect(errors().at(-1)?.fields).to.deep.include({ offset: 1 });
      file.before = () => {};
      await clock.advance(30_000);
      expect(store.offsets.get('journal/0')).to.equal(1);
      await stop();
    });

    it('takes many, one after the other, without a pause', async () => {
      const { member, store, file, stop } = await replicatorWith(skipping);
      await member().deliver(partition0, [
        unreadable('a', 0),
        unreadable('b', 1),
        unreadable('a', 2),
        logRecord('a', 3, append(3)),
        unreadable('a', 4),
      ]);
      expect(file.offsets).to.have.members([0, 1, 2, 4]);
      expect(store.offsets.get('journal/0')).to.equal(4);
      await stop();
    });
  });
}

describe('a record that Kafka allows and a journal does not', () => {
  const odd: readonly (readonly [string, (offset: number) => LogRecord])[] = [
    ['a header journal.action without value', (offset) => withHeaders(offset, ['journal.action'])],
    ['a user header without value', (offset) => withHeaders(offset, ['user'])],
    ['a conditional purge without value', (offset) => withHeaders(offset, [onlyAt], purge)],
    ['a user header that is no UTF-8', (offset) => withHeaders(offset, [['user', malformed]])],
    ['an action that is no UTF-8', (offset) => withHeaders(offset, [[action, malformed]])],
    ['an empty value', (offset) => ({ ...logRecord('a', offset, append(1)), value: noBytes })],
    ['a value of zeros', (offset) => ({ ...logRecord('a', offset, append(1)), value: zeros })],
  ];
  for (const [what, record] of odd) {
    it(`is skipped, however it is odd: ${what}`, async () => {
      const { member, store, file, errors, stop } = await replicatorWith(skipping);
      await member().deliver(partition0, [record(0), logRecord('b', 1, append(1))]);
      expect(store.offsets.get('journal/0')).to.equal(1);
      expect(file.offsets).to.deep.equal([0]);
      expect(errors().map(({ fields }) => fields['err'])[0]).to.be.instanceOf(CodecError);
      await stop();
    });

    it(`is skipped when an operator names it, and else holds the partition: ${what}`, async () => {
      const { member, store, file, clock, errors, stop } = await replicatorWith({
        skip: ['journal:0:1'],
      });
      member().send(partition0, [logRecord('b', 0, append(1)), record(1), record(2)]);
      await clock.advance(60_000);
      expect(file.offsets).to.deep.equal([1]);
      expect(store.offsets.get('journal/0')).to.equal(1);
      expect(errors().at(-1)?.fields['err']).to.be.instanceOf(CodecError);
      await stop();
    });
  }
});

describe('a journal whose row in the store cannot be decoded', () => {
  const place = { topic: 'journal', id: 'a', table: 'metajournal', column: 'seq_nr' };
  const error = new CodecError('a row cannot be decoded', { place });

  async function withBrokenRow(rules: Partial<QuarantineRules>) {
    const parts = await replicatorWith(rules);
    parts.store.before = ({ name, key }) => {
      if (name === 'open' && key === 'journal:a') throw error;
    };
    return parts;
  }

  it('holds its partition, and is not called an outage', async () => {
    const { member, store, clock, errors, stop } = await withBrokenRow({});
    member().send(partition0, [logRecord('b', 0, append(1)), logRecord('a', 1, append(1))]);
    await clock.advance(60_000);
    expect(store.offsets.get('journal/0')).to.equal(0);
    expect(errors().at(-1)?.message).to.include('row of a journal cannot be decoded');
    expect(errors().at(-1)?.fields).to.deep.include({ offset: 1, id: 'a', err: error });
    await stop();
  });

  it('goes by skip-and-record: its records are put aside, the others are applied', async () => {
    const { member, store, file, stop } = await withBrokenRow(skipping);
    await member().deliver(partition0, [
      logRecord('a', 0, mark),
      logRecord('a', 1, append(1)),
      logRecord('b', 2, append(1)),
      logRecord('a', 3, append(2)),
    ]);
    expect(store.seqNrs('journal:b')).to.deep.equal([1]);
    expect(store.offsets.get('journal/0')).to.equal(3);
    expect(file.offsets).to.deep.equal([1, 3]);
    expect(file.entries[0]).to.deep.include({
      key: 'a',
      row: { table: 'metajournal', column: 'seq_nr' },
    });
    await stop();
  });
});

describe('a wake-up whose row in the store cannot be decoded', () => {
  const place = { topic: 'journal', id: 'a', table: 'wake_up_keys', column: 'due' };
  const error = new CodecError('a row of wake_up_keys cannot be decoded', { place });

  const each = [skipping, { skip: ['journal:0:1'] }].flatMap((rules) =>
    (['loadWakeUp', 'saveWakeUp'] as const).map((call) => ({ rules, call })),
  );
  for (const { rules, call } of each) {
    it(`is a failure of the store, and no record is put aside for it: ${JSON.stringify(rules)}, ${call}`, async () => {
      const { member, store, clock, file, errors, stop } = await replicatorWith(rules);
      store.before = ({ name }) => {
        if (name === call) throw error;
      };
      const waiting = { type: 'append', from: 1, to: 1, wake: 50 } as const;
      member().send(partition0, [logRecord('b', 0, append(1)), logRecord('a', 1, waiting)]);
      await clock.advance(60_000);
      expect(store.offsets.get('journal/0')).to.equal(0);
      expect(file.entries).to.deep.equal([]);
      expect(errors().at(-1)?.fields).to.deep.include({ offset: 1, id: 'a', err: error });
      store.before = () => {};
      await clock.advance(60_000);
      expect(store.offsets.get('journal/0')).to.equal(1);
      await stop();
    });
  }
});

describe('quarantine-skip', () => {
  it('skips the records that it names, whatever the policy, and no others', async () => {
    const { member, store, file, stop } = await replicatorWith({ skip: ['journal:0:1'] });
    member().send(partition0, [
      logRecord('a', 0, append(1)),
      unreadableHeader('a', 1),
      logRecord('b', 2, append(1)),
      unreadableHeader('a', 3),
    ]);
    await settle();
    expect(file.entries.map(({ offset, reason }) => [offset, reason])).to.deep.equal([
      [1, 'quarantine-skip'],
    ]);
    expect(store.offsets.get('journal/0')).to.equal(2);
    await stop();
  });

  it('leaves a record alone that can be decoded', async () => {
    const { member, store, file, stop } = await replicatorWith({ skip: ['journal:0:0'] });
    await member().deliver(partition0, [logRecord('a', 0, append(1))]);
    expect(store.seqNrs('journal:a')).to.deep.equal([1]);
    expect(file.entries).to.deep.equal([]);
    await stop();
  });
});

describe('a stretch that the log cannot give', () => {
  const at = { partition: partition0, offset: Offset.of(5), nextOffset: Offset.of(9) };
  const broken = { ...at, error: new CodecError('no records') };
  const missing = { ...at, error: new DataIntegrityError('records are missing') };

  it('holds its partition, loudly and for ever; the others go on', async () => {
    const { member, store, clock, errors, stop } = await replicatorWith({});
    await member().assign(partition1);
    member()
      .block(broken)
      .catch(() => {});
    await clock.advance(600_000);
    expect(errors().length).to.be.above(20);
    expect(errors()[0]?.fields).to.deep.include({ partition: 0, offset: 5, err: broken.error });
    await member().deliver(partition1, [logRecord('b', 0, append(1))]);
    expect(store.offsets.has('journal/0')).to.equal(false);
    expect(member().subscriber.isHeld?.(partition0)).to.equal(true);
    await stop();
    expect(member().events).to.deep.equal(['joined', 'commit 1:1', 'left', 'closed']);
  });

  it('is written down and passed over by skip-and-record when its bytes are no records', async () => {
    const { member, store, file, stop } = await replicatorWith(skipping);
    await member().block(broken);
    expect(file.entries[0]).to.deep.include({ offset: 5, nextOffset: 9 });
    expect(store.offsets.get('journal/0')).to.equal(8);
    await stop();
  });

  it('is passed over only on an operator’s word when the log has lost it', async () => {
    const { member, store, clock, stop } = await replicatorWith(skipping);
    member()
      .block(missing)
      .catch(() => {});
    await clock.advance(60_000);
    expect(store.offsets.size).to.equal(0);
    await stop();
    const told = await replicatorWith({ skip: ['journal:0:5'] });
    await told.member().block(missing);
    expect(told.store.offsets.get('journal/0')).to.equal(8);
    expect(told.file.entries[0]?.code).to.equal('DATA_INTEGRITY');
    await told.stop();
  });

  it('is never passed over when nobody knows where to go on', async () => {
    const { member, store, clock, stop } = await replicatorWith({
      policy: 'skip-and-record',
      skip: ['journal:0:5'],
    });
    member()
      .block({ ...missing, nextOffset: undefined })
      .catch(() => {});
    await clock.advance(60_000);
    expect(store.offsets.size).to.equal(0);
    await stop();
  });
});
