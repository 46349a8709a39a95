import { expect } from 'chai';
import { Occasion } from '../../../../../src/runtime/occasion.ts';
import { ForeignWrites } from '../../../../../src/stores/sqlite/log/foreign-writes.ts';
import { type Database, openDatabase } from '../../../../../src/stores/sqlite/session.ts';
import { temporaryFile } from '../temporary-file.ts';

describe('writes of other processes', () => {
  it('are noticed by the next look when one fails, which does not end the process', async () => {
    await using temporary = await temporaryFile();
    const [mine, others] = [openDatabase(temporary.file), openDatabase(temporary.file)];
    others.exec('CREATE TABLE item (value TEXT)');
    let failures = 0;
    const failed = new Occasion();
    const failing: Database = Object.create(mine, {
      prepare: {
        value: (sql: string) => ({
          get() {
            if (failures++ > 0) return mine.prepare(sql).get();
            failed.fire();
            throw Object.assign(new Error('disk I/O error'), { errcode: 10 });
          },
        }),
      },
    });
    const noticed = new Occasion();
    const [fails, notices] = [failed.wait(), noticed.wait()];
    const forget = new ForeignWrites(failing).listen(() => noticed.fire());
    await fails;
    others.exec(`INSERT INTO item VALUES ('x')`);
    await notices;
    forget();
    expect(failures).to.equal(2);
    for (const database of [mine, others]) database.close();
  });
});
