import { DatabaseSync } from 'node:sqlite';
import { expect } from 'chai';
import { CodecError } from '../../../../src/model/errors.ts';
import { silentLogger } from '../../../../src/observability/logger.ts';
import { systemClock } from '../../../../src/runtime/clock.ts';
import { openSqliteStore } from '../../../../src/stores/sqlite/store.ts';
import { describeDamagedRows, relationalDamages } from '../../../contract/damaged-rows.ts';
import * as given from '../../../contract/replicated-store.ts';
import { temporaryFile } from './temporary-file.ts';

const deps = { log: silentLogger, clock: systemClock };
const segmentSize = 100;

describe('a row in SQLite that cannot be decoded is named by key, table and column, and is no outage', () => {
  describeDamagedRows(relationalDamages, async () => {
    const temporary = await temporaryFile();
    const settings = { file: temporary.file, partitions: 1, segmentSize };
    const store = await openSqliteStore(settings, deps);
    return {
      ...store,
      segmentSize,
      async spoil(_key, { table, set }) {
        using operator = new DatabaseSync(temporary.file);
        operator.exec(`UPDATE ${table} SET ${set}`);
      },
      async [Symbol.asyncDispose]() {
        await store[Symbol.asyncDispose]();
        await temporary[Symbol.asyncDispose]();
      },
    };
  });

  it('pointer: an offset that is none', async () => {
    await using temporary = await temporaryFile();
    await using store = await openSqliteStore(
      { file: temporary.file, partitions: 1, segmentSize },
      deps,
    );
    const topic = given.randomTopic();
    await given.moveTo(store.replicated, topic, given.place(7));
    using operator = new DatabaseSync(temporary.file);
    operator.exec('UPDATE pointer SET "offset" = 9223372036854770002');
    const partition = given.place(0).partition;
    for (const read of [
      () => store.eventual.offset(topic, partition),
      () => store.replicated.claim(topic, partition, { nowMs: given.nowMs }),
    ]) {
      const error: unknown = await read().catch((failure: unknown) => failure);
      expect(error).to.be.instanceOf(CodecError);
      const place = { topic, partition, table: 'pointer', column: 'offset' };
      expect((error as CodecError).place).to.deep.equal(place);
    }
  });
});
