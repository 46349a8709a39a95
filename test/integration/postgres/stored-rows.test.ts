import { expect } from 'chai';
import { parseJson, printJson } from '../../../src/codec/json/json.ts';
import { CodecError, StoreUnavailableError } from '../../../src/model/errors.ts';
import type { Payload } from '../../../src/model/payload.ts';
import { openPostgresSession } from '../../../src/stores/postgres/session.ts';
import { segmentSize } from '../../../src/stores/postgres/tables/metajournal-table.ts';
import { storeTables } from '../../../src/stores/postgres/tables/store-tables.ts';
import * as given from '../../contract/replicated-store.ts';
import { openedStore } from './opened-store.ts';
import { deps, postgresSettings } from './postgres-server.ts';

describe('what PostgreSQL stores', function () {
  this.timeout(30_000);
  const store = openedStore();
  const storedAndRead = async (
    details: given.EventDetails,
    id = given.newKey(given.randomTopic()).id,
  ) => {
    const key = { topic: given.randomTopic(), id };
    const event = given.eventRecord(1, 7, details);
    await (await store().replicated.open(key)).append(given.recordOf(event), given.nowMs);
    const [row] = await given.storedRows(store(), key, { to: 9 });
    return { key, event, row };
  };

  const jsonTexts = [
    '{"amount":12345678901234567890.000000000000000001}',
    '[1E+400,-0.0,1.0,9007199254740993]',
    '{"b":1,"a":{"\\u0000":"\\\\ \\" \'"},"":null}',
    '"\\u0000 and \\\\u0000"',
  ];
  for (const text of jsonTexts) {
    it(`gives ${text} back digit for digit`, async () => {
      const value = parseJson(text);
      const { row } = await storedAndRead({ payload: { type: 'json', value } });
      const read = row?.event.payload;
      expect(read?.type).to.equal('json');
      expect(read?.type === 'json' && printJson(read.value)).to.equal(printJson(value));
    });
  }

  const payloads: Readonly<Record<string, Payload | undefined>> = {
    none: undefined,
    'an empty text': { type: 'text', value: '' },
    'a text with U+0000, quotes and backslashes': { type: 'text', value: 'a\0b"\\"\\0{},NULL' },
    'the text NULL': { type: 'text', value: 'NULL' },
    'every plane of Unicode': { type: 'text', value: 'ä-😀-\u{10ffff}-\u0001' },
    'no bytes': { type: 'binary', value: Buffer.alloc(0) },
    'all bytes': { type: 'binary', value: Buffer.from(Array.from({ length: 256 }, (_, n) => n)) },
  };
  for (const [name, payload] of Object.entries(payloads)) {
    it(`gives a payload back: ${name}`, async () => {
      const { row } = await storedAndRead({ payload });
      const read = row?.event.payload;
      expect(read?.type).to.equal(payload?.type);
      if (payload?.type === 'binary') {
        expect(Buffer.compare(read?.value as Buffer, payload.value as Buffer)).to.equal(0);
      } else expect(read).to.deep.equal(payload);
    });
  }

  it('gives back what the record says, and what a driver might trip over', async () => {
    const record = {
      origin: 'h\0st\\0',
      version: '\\',
      timestampMs: -1,
      headers: { __proto__x: 'a"b', 'k\0': '\0' },
      metadata: { header: { data: { n: 1 } }, payload: {} },
    };
    const { event, row } = await storedAndRead({ record, tags: ['b', 'a,{}', '\0'] });
    expect(row?.record).to.deep.equal(event.record);
    expect(row?.event.tags).to.deep.equal(event.event.tags);
  });

  for (const id of ['', 'a\0b', '\\', '\\0', "'; DROP TABLE event", 'Ünïcödé-😀']) {
    it(`keeps the id ${JSON.stringify(id)} apart and lists it`, async () => {
      const { key, row } = await storedAndRead({}, id);
      expect(row?.event.seqNr).to.equal(1);
      const ids: string[] = [];
      for await (const listed of store().eventual.ids(key.topic)) ids.push(listed);
      expect(ids).to.deep.equal([id]);
    });
  }

  it('keeps the first of two events with one number in one record (ADR 17)', async () => {
    const key = given.newKey(given.randomTopic());
    const eventOf = (value: string) =>
      given.eventRecord(1, 7, { payload: { type: 'text', value } });
    const record = given.recordOf(eventOf('first'), eventOf('second'));
    await (await store().replicated.open(key)).append(record, given.nowMs);
    const rows = await given.storedRows(store(), key, { to: 9 });
    expect(rows.map(({ event }) => event.payload)).to.deep.equal([
      { type: 'text', value: 'first' },
    ]);
  });

  it('keeps both of two conflicting records, also when they have one timestamp', async () => {
    const key = given.newKey(given.randomTopic());
    const journal = await store().replicated.open(key);
    for (const offset of [7, 8]) {
      const event = given.eventRecord(1, offset, { record: { timestampMs: 5 } });
      await journal.append(given.recordOf(event), given.nowMs);
    }
    const rows = await given.storedRows(store(), key, { to: 9 });
    expect(rows.map(({ record }) => record.at.offset)).to.deep.equal([7, 8]);
  });

  it('writes nothing over a row that another process has changed meanwhile', async () => {
    const key = given.newKey(given.randomTopic());
    await (await store().replicated.open(key)).append(given.append(1, [1]), given.nowMs);
    const [stale, owner] = [await store().replicated.open(key), await store().replicated.open(key)];
    await owner.append(given.append(3, [2]), given.nowMs);
    for (const write of [
      () => stale.append(given.append(2, [7, 9]), given.nowMs),
      () => stale.delete(given.deletion(2, 1), given.nowMs),
      () => stale.purge(given.purge(2), given.nowMs),
    ]) {
      const error = await write().then(
        () => undefined,
        (cause: unknown) => cause,
      );
      expect(error).to.be.instanceOf(StoreUnavailableError);
    }
    expect(await given.stored(store(), key, { to: 9 })).to.deep.equal([1, 2]);
    expect(await given.state(store(), key)).to.deep.equal({
      seqNr: 2,
      deleteTo: undefined,
      offset: 3,
    });
  });

  it('creates a journal once when two processes do so', async () => {
    const key = given.newKey(given.randomTopic());
    const journals = [await store().replicated.open(key), await store().replicated.open(key)];
    const outcomes = await Promise.allSettled(
      journals.map((journal) => journal.append(given.append(1, [1]), given.nowMs)),
    );
    expect(outcomes.map(({ status }) => status).toSorted()).to.deep.equal([
      'fulfilled',
      'rejected',
    ]);
    expect(await given.stored(store(), key, { to: 9 })).to.deep.equal([1]);
  });

  it('names journal, number, table and column of a row that cannot be decoded', async () => {
    const { key } = await storedAndRead({});
    await store().operator.query(
      `UPDATE ${store().schema}.event SET payload_txt = '{' WHERE journal =
        (SELECT journal FROM ${store().schema}.metajournal WHERE topic = $1)`,
      [key.topic],
    );
    const error = await given.storedRows(store(), key, { to: 9 }).catch((cause: unknown) => cause);
    expect(error).to.be.instanceOf(CodecError);
    expect(error)
      .to.have.property('place')
      .that.deep.equals({ ...key, seqNr: 1, table: 'event', column: 'payload_txt' });
  });

  it('caps a day of expiry that no calendar of four digits can tell', async () => {
    const key = given.newKey(given.randomTopic());
    const batch = given.append(1, [1], given.days(10_000_000));
    await (await store().replicated.open(key)).append(batch, given.nowMs);
    expect((await store().eventual.pointer(key))?.expiry?.on).to.equal('9999-12-31');
  });

  it('reads a page of a long journal among short ones by its index, without the rows after it', async () => {
    const topic = given.randomTopic();
    const long = await store().replicated.open({ topic, id: 'long' });
    await long.append(given.append(1, [1, 10_000]), given.nowMs);
    const short = given
      .numbers(1, 50)
      .map((n) => store().replicated.open({ topic, id: `short-${n}` }));
    for (const journal of await Promise.all(short)) {
      await journal.append(given.append(2, [1]), given.nowMs);
    }
    const session = await openPostgresSession(postgresSettings(store().schema), deps);
    const { name, text } = storeTables(store().schema).events.page;
    const explain = { name: `explain ${name}`, text: `EXPLAIN (ANALYZE, TIMING OFF) ${text}` };
    const params = [topic, 'long', 5_000, 0, 0, 0, 10_000, 100];
    const plan = (await session.read<[string]>(explain, params)).join('\n');
    await session[Symbol.asyncDispose]();
    expect(plan).to.match(/Index Scan using event_pkey on event .*actual rows=100/);
    expect(plan).to.not.contain('Sort');
  });

  it('fetches the next page while the caller works on the current one', async () => {
    const key = given.newKey(given.randomTopic());
    await (await store().replicated.open(key)).append(given.append(1, [1, 250]), given.nowMs);
    const range = { from: given.seqNr(1), to: given.seqNr(250), segmentSize };
    const numbers: number[] = [];
    for await (const page of store().eventual.read(key, range)) {
      numbers.push(...page.map(({ event }) => event.seqNr));
      // Rows that go while the caller works were fetched before.
      if (numbers.length === 100) {
        await new Promise((resolve) => setTimeout(resolve, 200));
        await store().operator.query(
          `DELETE FROM ${store().schema}.event WHERE seq_nr BETWEEN 101 AND 200`,
        );
      }
    }
    expect(numbers).to.deep.equal(given.numbers(1, 250));
  });
});
