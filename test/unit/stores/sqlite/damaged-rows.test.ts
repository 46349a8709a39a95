import { DatabaseSync } from 'node:sqlite';
import { expect } from 'chai';
import { CodecError } from '../../../../src/model/errors.ts';
import { Key } from '../../../../src/model/key.ts';
import { silentLogger } from '../../../../src/observability/logger.ts';
import { systemClock } from '../../../../src/runtime/clock.ts';
import { openSqliteStore } from '../../../../src/stores/sqlite/store.ts';
import { expectNamed, relationalDamages } from '../../../contract/damaged-rows.ts';
import * as given from '../../../contract/replicated-store.ts';
import { rangesOf } from '../../../support/journal/ranges.ts';
import { temporaryFile } from './temporary-file.ts';

const deps = { log: silentLogger, clock: systemClock };
const segmentSize = 100;

describe('a row in SQLite that cannot be decoded is named by key, table and column, and is no outage', () => {
  for (const damaged of relationalDamages) {
    it(`${damaged.table}: ${damaged.set}`, async () => {
      await using temporary = await temporaryFile();
      await using store = await openSqliteStore(
        { file: temporary.file, partitions: 1, segmentSize },
        deps,
      );
      const key = Key.of('journal', 'a');
      const batch = {
        at: given.place(7),
        ranges: rangesOf([given.eventRecord(1, 7)]),
        events: [given.eventRecord(1, 7)] as const,
        expireAfter: undefined,
      };
      await (await store.replicated.open(key)).append(batch, given.nowMs);
      using operator = new DatabaseSync(temporary.file);
      operator.exec(`UPDATE ${damaged.table} SET ${damaged.set}`);
      await expectNamed({ ...store, segmentSize }, key, damaged);
    });
  }

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
