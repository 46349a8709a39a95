import { expect } from 'chai';
import { parseJson, printJson } from '../../../../src/codec/json/json.ts';
import { printStoredForm } from '../../../../src/codec/json/json-printer.ts';
import { hasEscapedName } from '../../../../src/codec/json/json-text.ts';
import { parsePlainJson } from '../../../../src/codec/json/plain-json.ts';
import { StoredForm } from '../../../../src/model/stored-form.ts';

/** Two names: once the engine has met the first, it may read the second as the first. */
const pairs = [
  ['\\', '\n'],
  ['\\', '"'],
  ['C:\\', 'C:"'],
  ['\\\\', '\\$'],
  ['\\n', '\n1'],
] as const;

describe('names that are spelt with an escape', () => {
  it('are read and printed as what they are, whatever names the engine has met', () => {
    for (const [index, [met, name]] of pairs.entries()) {
      // A shape that no other test has.
      const first = `before-${index}`;
      JSON.parse(JSON.stringify({ [first]: 1, [met]: 2 }));
      const value = { [first]: 1, [name]: 'é\u0001' };
      const text = JSON.stringify(value);
      expect(Object.keys(parseJson(text) as object), text).to.deep.equal([first, name]);
      expect(Object.keys(parsePlainJson(text) as object), text).to.deep.equal([first, name]);
      const printed = printStoredForm(new StoredForm(value), { name: 'event' });
      expect(printed, text).to.equal(printJson(parseJson(text)));
      expect(printed, text).to.include(JSON.stringify(name));
    }
  });

  it('are found in a text, and nothing else is', () => {
    const names = [
      '{"\\n":1}',
      '{"a":"\\"","b\\u0041" \n:1}',
      '[{"x":[{"\\\\":0}]}]',
      '{"a\\"":{}}',
    ];
    for (const text of names) expect(hasEscapedName(text), text).to.equal(true);
    const none = [
      '{}',
      '{"a":"\\n"}',
      '["\\\\",":"]',
      '{"a":"\\":"}',
      '{"a":"b\\\\","c":1}',
      '"\\',
    ];
    for (const text of none) expect(hasEscapedName(text), text).to.equal(false);
  });
});
