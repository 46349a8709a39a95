import { expect } from 'chai';
import type { Action, ActionRecord } from '../../src/model/action.ts';
import { CodecError, DataIntegrityError, WriteRejectedError } from '../../src/model/errors.ts';
import type { Offset, Partition } from '../../src/model/position.ts';
import {
  type ActionLogUnderTest,
  appendOf,
  failureOf,
  keyOf,
  markOf,
  type OpenActionLog,
  openingOf,
  readAll,
  seqNrsOf,
} from './action-log.fixture.ts';
import { followingContract } from './action-log-following.contract.ts';
import { topicConsumerContract } from './topic-consumer.contract.ts';

/** What every action log does: `ActionProducer`, `ActionConsumer` and `TopicConsumers`. */
export function actionLogContract(name: string, open: OpenActionLog): void {
  describe(`action log contract: ${name}`, function () {
    this.timeout(180_000);
    let log: ActionLogUnderTest;
    before(async () => {
      log = await open();
    });
    after(async () => {
      await log[Symbol.asyncDispose]();
    });
    describe('producing', () => producing(() => log));
    describe('reading a range', () => reading(() => log));
    describe('reading what cannot be read', () => refusing(() => log));
    describe('following a partition', () => followingContract(() => log));
    topicConsumerContract(() => log);
  });
}

const first = 0 as Partition;

function producing(log: () => ActionLogUnderTest): void {
  it('answers with the place where the record is, and keeps every kind of action as it was', async () => {
    const key = keyOf(await log().createTopic('kinds', 3));
    const by = { origin: 'host-2', version: '7' };
    const actions: Action[] = [
      appendOf(key, 1, 3),
      { key, timestampMs: 1_700_000_000_001, header: { type: 'delete', to: 2 as never, ...by } },
      { key, timestampMs: 1_700_000_000_002, header: { type: 'mark', id: 'mark-1', ...by } },
      { key, timestampMs: 1_700_000_000_003, header: { type: 'purge', ...by } },
    ];
    for (const action of actions) {
      const at = await log().producer.produce(action);
      const read = await readAll(log().consumer, {
        ...at,
        key,
        from: at.offset,
        to: at.offset + 1,
      });
      expect(read.map((record) => record.at)).to.deep.equal([at]);
      expect(read.map((record) => plain(record.action))).to.deep.equal([plain(action)]);
    }
  });

  it('keeps the order of calls of each key under 1000 concurrent produces', async () => {
    const topic = await log().createTopic('order', 3);
    const keys = Array.from({ length: 10 }, (_, i) => keyOf(topic, `key-${i}`));
    const places = await Promise.all(
      Array.from({ length: 1000 }, (_, i) =>
        log().producer.produce(appendOf(keys[i % 10] as never, 1 + Math.floor(i / 10))),
      ),
    );
    for (const [k, key] of keys.entries()) {
      const own = places.filter((_, i) => i % 10 === k);
      const { partition } = own[0] as never as { partition: Partition };
      expect(own.every((at) => at.partition === partition)).to.equal(true);
      expect(own.map((at) => at.offset)).to.deep.equal(
        own.map((at) => at.offset).sort((a, b) => a - b),
      );
      const to = await log().consumer.endOffset(topic, partition);
      const read = await readAll(log().consumer, { key, partition, from: 0, to });
      expect(seqNrsOf(read)).to.deep.equal(Array.from({ length: 100 }, (_, i) => i + 1));
      expect(read.map((record) => record.at.offset)).to.deep.equal(own.map((at) => at.offset));
    }
  });

  // docs/format.md#partition: murmur2 of the UTF-8 key, modulo the number of partitions.
  const partitionsOfTwelve = [
    ['', 9],
    ['21', 0],
    ['foobar', 6],
    ['abc', 3],
    ['a-little-bit-long-string', 8],
    ['persistenceId', 10],
    ['Straße', 1],
    ['user-😀', 1],
  ] as const;
  it('puts all records of a key into the partition that a Java producer chooses', async () => {
    const topic = await log().createTopic('murmur2', 12);
    for (const [id, partition] of partitionsOfTwelve) {
      const key = keyOf(topic, id);
      const [one, two] = await Promise.all([
        log().producer.produce(appendOf(key, 1)),
        log().producer.produce(markOf(key)),
      ]);
      expect([id, one.partition, two.partition]).to.deep.equal([id, partition, partition]);
    }
  });

  it('stores a record in the partition that it has to land in, or certainly nowhere; others go on', async () => {
    const topic = await log().createTopic('named', 12);
    const [key, others] = [keyOf(topic, 'foobar'), Array.from({ length: 20 }, () => keyOf(topic))];
    const to = (partition: number) =>
      log().producer.produce(appendOf(key, 1), { partition: partition as Partition });
    expect((await to(6)).partition).to.equal(6);
    const wrong = [5, 7, 11, 12, 6 + 12].map((partition) => failureOf(to(partition)));
    const right = others.map((other) => log().producer.produce(appendOf(other, 1)));
    const abc = appendOf(keyOf(topic, 'abc'), 1);
    right.push(log().producer.produce(abc, { partition: 3 as Partition }));
    for (const failure of await Promise.all(wrong)) {
      expect(failure).to.be.instanceOf(WriteRejectedError);
      expect((failure as Error).message)
        .to.contain(topic)
        .and.to.match(/keeps its number of part/);
    }
    expect(await Promise.all(right)).to.have.length(others.length + 1);
    const ends = Array.from({ length: 12 }, (_, partition) =>
      log().consumer.endOffset(topic, partition as Partition),
    );
    const stored = (await Promise.all(ends)).reduce((sum, end) => sum + end, 0);
    expect(stored).to.equal(1 + others.length + 1);
    expect(await to(6)).to.deep.equal({ partition: 6, offset: (await ends[6]) ?? 0 });
  });

  it('stores nothing when the signal fired before the call, and rejects with its reason', async () => {
    const topic = await log().createTopic('aborted', 1);
    const reason = new Error('changed my mind');
    const call = log().producer.produce(appendOf(keyOf(topic), 1), {
      signal: AbortSignal.abort(reason),
    });
    expect(await failureOf(call)).to.equal(reason);
    expect(await log().consumer.endOffset(topic, first)).to.equal(0);
  });
}

function reading(log: () => ActionLogUnderTest): void {
  it('counts the end offset from 0, one a record', async () => {
    const topic = await log().createTopic('end', 1);
    expect(await log().consumer.endOffset(topic, first)).to.equal(0);
    for (let i = 1; i <= 3; i++) await log().producer.produce(markOf(keyOf(topic)));
    expect(await log().consumer.endOffset(topic, first)).to.equal(3);
  });

  it('gives the records of one key below `to`, with other keys and marks of others between', async () => {
    const topic = await log().createTopic('bounded', 1);
    const [key, other] = [keyOf(topic), keyOf(topic)];
    const produce = (action: Action) => log().producer.produce(action);
    for (let i = 1; i <= 5; i++) {
      await Promise.all([
        produce(appendOf(key, i)),
        produce(appendOf(other, i)),
        produce(markOf(other)),
      ]);
    }
    const marker = await produce(markOf(key));
    await Promise.all([produce(appendOf(key, 6)), produce(appendOf(other, 6))]);
    const range = { key, partition: first, from: 0, to: marker.offset };
    expect(seqNrsOf(await readAll(log().consumer, range))).to.deep.equal([1, 2, 3, 4, 5]);
    expect(seqNrsOf(await readAll(log().consumer, { ...range, from: 3 }))).to.deep.equal([
      2, 3, 4, 5,
    ]);
    expect(seqNrsOf(await readAll(log().consumer, { ...range, to: 6 }))).to.deep.equal([1, 2]);
  });

  it('gives the opening marks of all keys, in their order, and no broken ones of other keys', async () => {
    const topic = await log().createTopic('openings', 1);
    const [key, other] = [keyOf(topic), keyOf(topic)];
    const produce = (action: Action) => log().producer.produce(action);
    await produce(openingOf(other, 'a'));
    await produce(appendOf(other, 1));
    await produce(appendOf(key, 1));
    await produce(markOf(other));
    await produce(openingOf(key, 'b'));
    await log().produceForeign(topic, first, {
      key: Buffer.from(other.id),
      value: null,
      headers: { 'journal.action': Buffer.from('{"mark":{"id":"m","tenure":{"scope":1}}}') },
    });
    await produce(openingOf(other, 'c'));
    const range = { key, partition: first, from: 0, to: 7 };
    const shown = (records: readonly ActionRecord[]): string[] =>
      records.map(({ action: { header, key: of }, at }) => {
        const scope = header.type === 'mark' ? ` ${header.opens?.scope}` : '';
        return `${at.offset} ${header.type}${scope} ${of.id === key.id ? 'own' : 'other'}`;
      });
    const all = ['0 mark a other', '2 append own', '4 mark b own', '6 mark c other'];
    expect(shown(await readAll(log().consumer, range))).to.deep.equal(all);
    const inner = await readAll(log().consumer, { ...range, from: 1, to: 6 });
    expect(shown(inner)).to.deep.equal(all.slice(1, 3));
    // Reads of several keys at the same time, of which one has no record at all.
    const [again, absent] = await Promise.all([
      readAll(log().consumer, range),
      readAll(log().consumer, { ...range, key: keyOf(topic) }),
    ]);
    expect(shown(again)).to.deep.equal(all);
    expect(absent.map(({ at }) => at.offset)).to.deep.equal([0, 4, 6]);
    const broken = await failureOf(readAll(log().consumer, { ...range, key: other }));
    expect(broken).to.be.instanceOf(CodecError);
  });

  it('ends by position when no record of the key is in the range', async () => {
    const topic = await log().createTopic('absent', 1);
    for (let i = 1; i <= 4; i++) await log().producer.produce(appendOf(keyOf(topic), i));
    expect(
      await readAll(log().consumer, { key: keyOf(topic), partition: first, from: 1, to: 4 }),
    ).to.deep.equal([]);
  });

  it('gives nothing for an empty range', async () => {
    const topic = await log().createTopic('empty', 1);
    const key = keyOf(topic);
    const range = { key, partition: first };
    expect(await readAll(log().consumer, { ...range, from: 0, to: 0 })).to.deep.equal([]);
    await log().producer.produce(appendOf(key, 1));
    expect(await readAll(log().consumer, { ...range, from: 1, to: 1 })).to.deep.equal([]);
    expect(await readAll(log().consumer, { ...range, from: 1, to: 0 })).to.deep.equal([]);
  });

  it('gives concurrent readers of one partition, each at its own position, exactly their records', async () => {
    const topic = await log().createTopic('shared', 1);
    const keys = Array.from({ length: 20 }, () => keyOf(topic));
    const appends = keys.flatMap((_, round) => keys.map((key) => appendOf(key, round + 1)));
    const places = await Promise.all(appends.map((action) => log().producer.produce(action)));
    expect(Math.max(...places.map((at) => at.offset))).to.equal(399);
    const reads = keys.map(async (key, i) => {
      const from = (i * 37) % 400;
      const to = Math.min(400, from + 150);
      const read = await readAll(log().consumer, { key, partition: first, from, to });
      const expected = places
        .map((at) => at.offset)
        .filter((offset, n) => n % 20 === i && offset >= from && offset < to);
      expect(read.map((record) => record.at.offset)).to.deep.equal(expected);
    });
    await Promise.all(reads);
  });

  it('releases the reader when the loop is left early', async () => {
    const topic = await log().createTopic('early', 1);
    const key = keyOf(topic);
    await Promise.all(
      Array.from({ length: 3000 }, (_, i) => log().producer.produce(appendOf(key, i + 1))),
    );
    const range = { key, partition: first, from: 0 as Offset, to: 3000 as Offset };
    const leave = async (): Promise<void> => {
      for await (const batch of log().consumer.read(range)) {
        expect(batch[0]?.at.offset).to.equal(0);
        break;
      }
    };
    await Promise.all(Array.from({ length: 50 }, leave));
    expect(await readAll(log().consumer, range)).to.have.length(3000);
  });

  it('rejects with the reason of a signal that fires before or between two batches', async () => {
    const topic = await log().createTopic('signal', 1);
    const key = keyOf(topic);
    await log().producer.produce(appendOf(key, 1));
    const reason = new Error('enough');
    const stop = AbortSignal.abort(reason);
    const range = { key, partition: first, from: 0 as Offset, to: 1 as Offset };
    const next = log().consumer.read(range, { signal: stop })[Symbol.asyncIterator]().next();
    expect(await failureOf(next)).to.equal(reason);
    expect(await failureOf(log().consumer.endOffset(topic, first, { signal: stop }))).to.equal(
      reason,
    );
  });

  it('skips records that are no journal records: without key, without header, an append without value', async () => {
    const topic = await log().createTopic('foreign', 1);
    const key = keyOf(topic);
    const keyBytes = Buffer.from(key.id);
    const header = Buffer.from('{"append":{"range":{"from":1,"to":1},"payloadType":"json"}}');
    const foreign = (record: { key?: null; header?: Buffer }) =>
      log().produceForeign(topic, first, {
        key: record.key === null ? null : keyBytes,
        value: record.header ? null : Buffer.from('x'),
        headers: record.header ? { 'journal.action': record.header } : {},
      });
    await foreign({ key: null });
    await foreign({});
    await foreign({ header });
    await log().producer.produce(appendOf(key, 1));
    await foreign({});
    const read = await readAll(log().consumer, { key, partition: first, from: 0, to: 5 });
    expect(read.map((record) => record.at.offset)).to.deep.equal([3]);
  });

  it('does not decode the records of other keys', async () => {
    const topic = await log().createTopic('others', 1);
    const [key, broken] = [keyOf(topic), keyOf(topic)];
    await log().producer.produce(appendOf(key, 1));
    await produceBroken(log(), broken);
    await log().producer.produce(appendOf(key, 2));
    const read = await readAll(log().consumer, { key, partition: first, from: 0, to: 3 });
    expect(seqNrsOf(read)).to.deep.equal([1, 2]);
  });
}

function refusing(log: () => ActionLogUnderTest): void {
  it('fails with topic, partition and offset of a record of this key that cannot be decoded', async () => {
    const topic = await log().createTopic('broken', 1);
    const key = keyOf(topic);
    await log().producer.produce(appendOf(key, 1));
    await produceBroken(log(), key);
    const error = await failureOf(
      readAll(log().consumer, { key, partition: first, from: 0, to: 2 }),
    );
    expect(error).to.be.instanceOf(CodecError);
    expect((error as CodecError).place).to.include({ topic, partition: 0, offset: 1 });
  });

  it('fails when the range starts below what the log keeps: records are missing', async () => {
    const topic = await log().createTopic('deleted', 1);
    const key = keyOf(topic);
    for (let i = 1; i <= 6; i++) await log().producer.produce(appendOf(key, i));
    await log().deleteBefore(topic, first, 4 as Offset);
    const range = { key, partition: first, to: 6 };
    const error = await failureOf(readAll(log().consumer, { ...range, from: 3 }));
    expect(error).to.be.instanceOf(DataIntegrityError);
    expect(seqNrsOf(await readAll(log().consumer, { ...range, from: 4 }))).to.deep.equal([5, 6]);
    expect(await log().consumer.endOffset(topic, first)).to.equal(6);
  });

  it('fails when the range ends above the end of the log: records were lost', async () => {
    const topic = await log().createTopic('above', 1);
    const key = keyOf(topic);
    await log().producer.produce(appendOf(key, 1));
    const error = await failureOf(
      readAll(log().consumer, { key, partition: first, from: 0, to: 3 }),
    );
    expect(error).to.be.instanceOf(DataIntegrityError);
  });
}

/** An action with its bytes as plain arrays, so that `Buffer` and `Uint8Array` compare equal. */
function plain(action: Action): unknown {
  return 'value' in action ? { ...action, value: [...action.value] } : action;
}

function produceBroken(log: ActionLogUnderTest, key: ReturnType<typeof keyOf>): Promise<Offset> {
  return log.produceForeign(key.topic, first, {
    key: Buffer.from(key.id),
    value: Buffer.from('{}'),
    headers: { 'journal.action': Buffer.from('this is not JSON') },
  });
}
