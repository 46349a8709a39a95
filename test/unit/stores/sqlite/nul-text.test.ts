import { expect } from 'chai';
import { type NulText, nulText, textOfNul } from '../../../../src/stores/sqlite/nul-text.ts';
import { openDatabase } from '../../../../src/stores/sqlite/session.ts';

describe('a column whose text may hold NUL', () => {
  it('gives every text whole: with NUL as bytes, since Node 22 would cut it off', () => {
    const database = openDatabase(':memory:');
    try {
      database.exec('CREATE TABLE t (text TEXT, kind INTEGER)');
      const insert = database.prepare('INSERT INTO t VALUES (?, 1)');
      const texts = ['', 'plain', '\0', 'a\0b', 'ü\0\0', '€'];
      for (const text of texts) insert.run(text);
      const cellsOf = (column: string): readonly NulText[] =>
        database
          .prepare<{ text: NulText }>(`SELECT ${column} FROM t ORDER BY t.rowid`)
          .all()
          .map(({ text }) => text);
      const cells = cellsOf(nulText('text'));
      expect(cells.map(textOfNul)).to.deep.equal(texts);
      const areBytes = cells.map((cell) => typeof cell !== 'string');
      expect(areBytes).to.deep.equal(texts.map((text) => text.includes('\0')));
      const others = cellsOf(nulText('text', 'kind = 2'));
      expect(others.every((cell) => typeof cell === 'string')).to.equal(true);
    } finally {
      database.close();
    }
  });
});
