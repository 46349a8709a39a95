import { expect } from 'chai';
import { printStoredForm, printValue } from '../../../../src/codec/json/json-printer.ts';
import { InvalidInputError } from '../../../../src/model/errors.ts';
import { StoredForm } from '../../../../src/model/stored-form.ts';

const rules = { name: 'event', plainNumbers: true };

describe('printStoredForm', () => {
  const values: Readonly<Record<string, object>> = {
    'texts, numbers, lists': { type: 'added', n: -12.5, on: true, off: null, list: [1, ['a'], {}] },
    'what is left out, and -0': { a: undefined, b: -0 },
    'names that are whole numbers': { b: 1, 10: 2, 9: 3 },
    'the name __proto__': JSON.parse('{"__proto__":{"a":1}}'),
    'numbers that the JVM writes with an exponent': { a: 1e-7, b: [1e20, 1.5e300, -2e-9], c: 1e21 },
    'numbers of 17 digits': { a: 0.1 + 0.2, b: 2 ** 53 - 1, c: 123456789012345680000 },
    DEL: { text: 'a\x7fb' },
    'a lone surrogate': { text: 'a\ud800b', 'c\udc00': 1 },
    'texts that look like the special cases': { a: '\\ud800', b: '1e5', c: '1234567890123456789' },
    'escapes and line separators': { a: '"\\\n\u2028\u0001', b: '😀' },
  };
  for (const [name, value] of Object.entries(values)) {
    it(`prints as the printer does: ${name}`, () => {
      const form = new StoredForm(value);
      expect(printStoredForm(form, rules)).to.equal(printValue(form.value, rules));
    });
  }

  it('prints what was given, whatever becomes of the value', () => {
    const form = new StoredForm<{ at: unknown }>({ at: 1 });
    form.value.at = new Date(0);
    expect(printStoredForm(form, rules)).to.equal('{"at":1}');
  });

  it('refuses a text beyond the limit of the printer', () => {
    const form = new StoredForm({ text: 'x'.repeat(64 * 1024 * 1024) });
    expect(() => printStoredForm(form, rules)).to.throw(
      InvalidInputError,
      'event.text makes the text',
    );
  });
});
