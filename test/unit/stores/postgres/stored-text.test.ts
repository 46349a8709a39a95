import { expect } from 'chai';
import fc from 'fast-check';
import { ofStoredText, toStoredText } from '../../../../src/stores/postgres/tables/stored-text.ts';

describe('a text in a column of PostgreSQL', () => {
  it('is itself unless it has U+0000 or a backslash (docs/format.md#relational-tables)', () => {
    expect(toStoredText("id-1 'ä' 😀")).to.equal("id-1 'ä' 😀");
    expect(toStoredText('a\0b')).to.equal('a\\0b');
    expect(toStoredText('a\\0b')).to.equal('a\\\\0b');
  });

  it('comes back whatever it is, and never holds U+0000', () => {
    const text = fc
      .array(fc.constantFrom('\0', '\\', '0', 'a', '\n', '😀'))
      .map((it) => it.join(''));
    fc.assert(
      fc.property(text, (written) => {
        const stored = toStoredText(written);
        expect(stored).to.not.contain('\0');
        expect(ofStoredText(stored)).to.equal(written);
      }),
    );
  });
});
