import type { Client } from 'cassandra-driver';
import { expect } from 'chai';
import type { ExpireAfter } from '../../../src/model/expire-after.ts';
import { Key } from '../../../src/model/key.ts';
import { SegmentNr } from '../../../src/stores/cassandra/segment.ts';
import { openCassandraSession } from '../../../src/stores/cassandra/session.ts';
import { EventRowWriter } from '../../../src/stores/cassandra/tables/journal-table.ts';
import { storeTables } from '../../../src/stores/cassandra/tables/store-tables.ts';
import * as given from '../../contract/replicated-store.ts';
import { cassandraSettings, deps } from './cassandra-server.ts';
import { type OpenedStore, openedStore } from './opened-store.ts';

describe('rows in Cassandra', function () {
  this.timeout(60_000);
  const store = openedStore(3);
  describe('journal', () => describeJournal(store));
  describe('metajournal', () => describeMetaJournal(store));
  describe('metajournal that others wrote', () => describeForeignRows(store));
  describe('pointer2', () => describePointer(store));
});

/** Cells as text, nulls left out. */
async function cells(
  client: Client,
  cql: string,
  params: unknown[],
): Promise<Record<string, unknown>[]> {
  const { rows } = await client.execute(cql, params, { prepare: true });
  return rows.map((row) =>
    Object.fromEntries(row.keys().flatMap((name) => cell(name, row.get(name)))),
  );
}

function cell(name: string, value: unknown): [string, unknown][] {
  if (value === null) return [];
  if (value instanceof Map) return [[name, Object.fromEntries(value)]];
  if (value instanceof Date) return [[name, value.toISOString()]];
  if (Buffer.isBuffer(value)) return [[name, value.toString('hex')]];
  if (typeof value === 'object' && !Array.isArray(value))
    return [[name, (value as { toString(): string }).toString()]];
  return [[name, value]];
}

const journalRows = ({ client, keyspace }: OpenedStore, { topic, id }: Key, segment: number) =>
  cells(client, `SELECT * FROM ${keyspace}.journal WHERE id = ? AND topic = ? AND segment = ?`, [
    id,
    topic,
    segment,
  ]);

const metaRows = ({ client, keyspace }: OpenedStore, { topic, id }: Key, segment: number) =>
  cells(
    client,
    `SELECT * FROM ${keyspace}.metajournal WHERE topic = ? AND segment = ? AND id = ?`,
    [topic, segment, id],
  );

function describeJournal(store: () => OpenedStore): void {
  it('hold an event in the columns of the JVM system, in the segment of its number', async () => {
    const { replicated } = store();
    const key = Key.of(given.randomTopic(), 'Ä id');
    const journal = await replicated.open(key);
    const payload = { type: 'json', value: { b: 1.5, a: ['ä'] } } as const;
    const record = {
      headers: { h: '1' },
      metadata: { header: { data: 1 }, payload: {} },
      timestampMs: 1_700_000_000_123,
    };
    const event = given.eventRecord(4, 9, { payload, tags: ['y', 'x'], record });
    await journal.append(given.recordOf(event), given.nowMs);
    expect(await journalRows(store(), key, 1)).to.deep.equal([
      {
        id: 'Ä id',
        topic: key.topic,
        segment: '1',
        seq_nr: '4',
        timestamp: '2023-11-14T22:13:20.123Z',
        partition: 0,
        offset: '9',
        origin: 'host',
        version: '1.2.3',
        meta_record_id: journal.pointer?.recordId,
        tags: ['x', 'y'],
        metadata: '{"header":{"data":1},"payload":{}}',
        payload_type: 'json',
        payload_txt: '{"b":1.5,"a":["ä"]}',
        headers: { h: '1' },
      },
    ]);
  });

  it('take one unlogged batch of half a megabyte, ten times batch_size_fail_threshold (ADR 9)', async () => {
    const key = given.newKey(given.randomTopic());
    const payload = { type: 'text', value: 'x'.repeat(5_000) } as const;
    const writer = new EventRowWriter(key, undefined);
    const rows = given
      .numbers(1, 100)
      .map(
        (number) =>
          writer.row(given.eventRecord(number, 1, { payload }), SegmentNr.of(1, 1)).params,
      );
    const settings = cassandraSettings(store().keyspace);
    const session = await openCassandraSession(settings, deps);
    await session.writeBatch(storeTables(settings.schema).journal.insert, rows);
    await session[Symbol.asyncDispose]();
    expect(await journalRows(store(), key, 0)).to.have.length(100);
  });

  const payloads = {
    text: [
      { type: 'text', value: 'ä' },
      { payload_type: 'text', payload_txt: 'ä' },
    ],
    binary: [
      { type: 'binary', value: Uint8Array.of(1, 255) },
      { payload_type: 'binary', payload_bin: '01ff' },
    ],
    no: [undefined, {}],
  } as const;
  for (const [kind, [payload, expected]] of Object.entries(payloads)) {
    it(`hold ${kind} payload in its columns alone, and the empty metadata as text`, async () => {
      const { replicated } = store();
      const key = given.newKey(given.randomTopic());
      const event = given.eventRecord(1, 0, { payload });
      const journal = await replicated.open(key);
      await journal.append(given.recordOf(event), given.nowMs);
      const [row = {}] = await journalRows(store(), key, 0);
      const { payload_type, payload_txt, payload_bin, metadata } = row;
      expect(metadata).to.equal('{"header":{},"payload":{}}');
      const present = Object.entries({ payload_type, payload_txt, payload_bin }).filter(
        ([, value]) => value !== undefined,
      );
      expect(Object.fromEntries(present)).to.deep.equal(expected);
    });
  }

  it('leave what an absent value does not set: unset, not null', async () => {
    const { client, replicated } = store();
    const key = given.newKey(given.randomTopic());
    const { record } = given.eventRecord(1, 0);
    const insert = `INSERT INTO ${store().keyspace}.journal (id, topic, segment, seq_nr, timestamp, origin, payload_txt)
      VALUES (?, ?, 0, 1, ?, 'before', 'before') USING TIMESTAMP 1`;
    await client.execute(insert, [key.id, key.topic, record.timestampMs], { prepare: true });
    const event = given.eventRecord(1, 0, { payload: undefined, record: { origin: undefined } });
    const journal = await replicated.open(key);
    await journal.append(given.recordOf(event), given.nowMs);
    const [row = {}] = await journalRows(store(), key, 0);
    expect([row['origin'], row['payload_txt'], row['offset']]).to.deep.equal([
      'before',
      'before',
      '0',
    ]);
  });
}

function describeMetaJournal(store: () => OpenedStore): void {
  it('hold what an append creates, in the segment of the lower-cased id', async () => {
    const { replicated } = store();
    const key = Key.of(given.randomTopic(), 'ID');
    const journal = await replicated.open(key);
    const hours36: ExpireAfter = { length: 36n, unit: 'hour' };
    await journal.append(given.append(7, [5, 6], hours36), given.nowMs);
    expect(await metaRows(store(), key, 3355)).to.deep.equal([
      {
        topic: key.topic,
        segment: '3355',
        id: 'ID',
        partition: 0,
        offset: '7',
        segment_size: 3,
        seq_nr: '6',
        delete_to: '4',
        created: '2024-02-28T23:59:00.000Z',
        created_date: '2024-02-28',
        updated: '2024-02-28T23:59:00.000Z',
        expire_after: '1d12h',
        expire_on: '2024-03-01',
        record_id: journal.pointer?.recordId,
        origin: 'host',
      },
    ]);
  });

  it('keep when and by whom they were created, and their size, while appends change the rest', async () => {
    const { replicated } = store();
    const key = Key.of(given.randomTopic(), 'a');
    const journal = await replicated.open(key);
    await journal.append(given.append(1, [1], given.days(1)), given.nowMs);
    const [before = {}] = await metaRows(store(), key, 97);
    await journal.append(given.append(2, [2]), given.nowMs + 1000);
    const { expire_after: _, expire_on: __, ...rest } = before;
    expect(await metaRows(store(), key, 97)).to.deep.equal([
      { ...rest, offset: '2', seq_nr: '2', updated: '2024-02-28T23:59:01.000Z' },
    ]);
  });
}

function describeForeignRows(store: () => OpenedStore): void {
  const stored = async (
    columns: Readonly<Record<string, unknown>>,
    { id = 'a', segment = 97 } = {},
  ) => {
    const key = Key.of(given.randomTopic(), id);
    const row = { topic: key.topic, segment, id, ...columns };
    const names = Object.keys(row);
    const insert = `INSERT INTO ${store().keyspace}.metajournal (${names.join(', ')}) VALUES (${names.map(() => '?').join(', ')})`;
    await store().client.execute(insert, Object.values(row), { prepare: true });
    return key;
  };

  it('are found and updated where old versions put them, and stay there', async () => {
    const { replicated, eventual } = store();
    const key = await stored(
      { partition: 0, offset: 5, segment_size: 3, seq_nr: 2 },
      { id: 'id', segment: 55 },
    );
    expect((await eventual.pointer(key))?.seqNr).to.equal(2);
    await (await replicated.open(key)).append(given.append(6, [3]), given.nowMs);
    expect((await metaRows(store(), key, 55)).map((row) => row['seq_nr'])).to.deep.equal(['3']);
    expect(await metaRows(store(), key, 3355)).to.deep.equal([]);
  });

  it('of a delete of nothing, as old versions made them, stay what they are: all deleted, the numbers go on', async () => {
    const { replicated, eventual } = store();
    const place = { partition: 0, offset: 5, origin: 'deleter' };
    const key = await stored({ ...place, segment_size: 3, seq_nr: 4, delete_to: 4 });
    const journal = await replicated.open(key);
    expect(await journal.delete(given.deletion(6, 9), given.nowMs)).to.equal(true);
    await journal.append(given.append(7, [5]), given.nowMs);
    const { recordId, seqNr, deleteTo } = (await eventual.pointer(key)) ?? {};
    expect({ recordId, seqNr, deleteTo }).to.deep.equal({
      recordId: undefined,
      seqNr: 5,
      deleteTo: 4,
    });
    const [row = {}] = await journalRows(store(), key, 1);
    expect([row['seq_nr'], row['meta_record_id']]).to.deep.equal(['5', undefined]);
  });

  it('yield to a row in the first segment', async () => {
    const { eventual } = store();
    const old = { partition: 0, offset: 5, segment_size: 3 };
    const key = await stored({ ...old, seq_nr: 2 }, { id: 'id', segment: 55 });
    const columns = [key.topic, 3355, key.id, 0, 6, 3, 9];
    const insert = `INSERT INTO ${store().keyspace}.metajournal (topic, segment, id, partition, offset, segment_size, seq_nr)
      VALUES (?, ?, ?, ?, ?, ?, ?)`;
    await store().client.execute(insert, columns, { prepare: true });
    expect((await eventual.pointer(key))?.seqNr).to.equal(9);
  });

  it('without segment size count as segments of 10000, without place as 0', async () => {
    const key = await stored({ seq_nr: 2 });
    expect(await store().eventual.pointer(key)).to.deep.equal({
      at: given.place(0),
      segmentSize: 10_000,
      seqNr: 2,
      deleteTo: undefined,
      expiry: undefined,
      recordId: undefined,
    });
  });

  it('without last number are an error that names the journal', async () => {
    const key = await stored({ offset: 5 });
    const error = await store()
      .eventual.pointer(key)
      .then(
        () => undefined,
        (reason: unknown) => reason,
      );
    expect(error).to.have.property('code', 'CODEC');
    const place = { topic: key.topic, id: key.id, table: 'metajournal', column: 'seq_nr' };
    expect(error).to.have.property('place').that.deep.equals(place);
  });

  it('deleted beyond their last number are brought up to it by a delete and by a purge', async () => {
    const { replicated, eventual, client } = store();
    const row = { partition: 0, offset: 5, segment_size: 3, seq_nr: 100, delete_to: 400 };
    const key = await stored(row);
    await (await replicated.open(key)).delete(given.deletion(6, 200), given.nowMs);
    const pointer = await eventual.pointer(key);
    expect([pointer?.seqNr, pointer?.deleteTo, pointer?.at.offset]).to.deep.equal([400, 400, 6]);

    const purged = await stored(row);
    const insert = `INSERT INTO ${store().keyspace}.journal (id, topic, segment, seq_nr, timestamp) VALUES (?, ?, 133, 400, 0) USING TIMESTAMP 1`;
    await client.execute(insert, [purged.id, purged.topic], { prepare: true });
    expect(await (await replicated.open(purged)).purge(given.purge(6), given.nowMs)).to.equal(true);
    expect(await metaRows(store(), purged, 97)).to.deep.equal([]);
    expect(await journalRows(store(), purged, 133)).to.deep.equal([]);
  });

  it('without record id stay without, and so do events appended to them', async () => {
    const { replicated } = store();
    const key = await stored({ partition: 0, offset: 5, segment_size: 3, seq_nr: 3 });
    await (await replicated.open(key)).append(given.append(6, [4]), given.nowMs);
    expect((await metaRows(store(), key, 97))[0]).to.not.have.property('record_id');
    expect((await journalRows(store(), key, 1))[0]).to.not.have.property('meta_record_id');
  });
}

function describePointer(store: () => OpenedStore): void {
  it('keep when they were created and move their offset', async () => {
    const { client, keyspace, replicated } = store();
    const topic = given.randomTopic();
    await given.moveTo(replicated, topic, given.place(3, 2));
    await replicated.saveOffset(given.move(topic, given.place(8, 2), 3), given.nowMs + 1000);
    expect(
      await cells(client, `SELECT * FROM ${keyspace}.pointer2 WHERE topic = ? AND partition = 2`, [
        topic,
      ]),
    ).to.deep.equal([
      {
        topic,
        partition: 2,
        offset: '8',
        created: '2024-02-28T23:59:00.000Z',
        updated: '2024-02-28T23:59:01.000Z',
      },
    ]);
  });
}
