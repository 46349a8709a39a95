import { expect } from 'chai';
import { parseConfig } from '../../../../../src/config/hocon/parse/parser.ts';
import { resolveConfig } from '../../../../../src/config/hocon/resolve/resolver.ts';
import { toPlain } from '../../../../../src/config/hocon/values.ts';
import { ConfigError } from '../../../../../src/model/errors.ts';

const parsed = (text: string): unknown => toPlain(resolveConfig(parseConfig(text)));

function lineOf(text: string): number | undefined {
  try {
    parsed(text);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems[0]?.line;
    throw error;
  }
  throw new Error(`${JSON.stringify(text)} should have been refused`);
}

describe('parseConfig', () => {
  it('keeps the line breaks and quotes of a triple-quoted string', () => {
    expect(parsed('a = """x\n"y""""')).to.deep.equal({ a: 'x\n"y"' });
  });

  it('reads escapes of quoted strings as JSON does', () => {
    expect(parsed('a = "\\u00e9\\n\\\\\\"\\/"')).to.deep.equal({ a: 'é\n\\"/' });
  });

  it('keeps the white space between the pieces of a value, not around them', () => {
    expect(parsed('a =  1   two  "3"  # end')).to.deep.equal({ a: '1   two  3' });
  });

  it('takes numbers that 64 bits cannot hold for strings', () => {
    expect(parsed('a = 9223372036854775807, b = 9223372036854775808')).to.deep.equal({
      a: 2 ** 63,
      b: '9223372036854775808',
    });
  });

  it('names the line of the problem', () => {
    expect(lineOf('a = 1\nb = }')).to.equal(2);
    expect(lineOf('a = """\n\n"""\nb = [1,,2]')).to.equal(4);
    expect(lineOf('a = "x\n"')).to.equal(1);
    expect(lineOf('\n\na = ${x')).to.equal(3);
    expect(lineOf('a = 1 {')).to.equal(1);
  });

  it('refuses += and unresolved includes inside lists, which no path leads to', () => {
    expect(lineOf('a = [\n{ b += 1 }]')).to.equal(2);
  });

  it('refuses nesting beyond its bound instead of overflowing the stack', () => {
    expect(lineOf('['.repeat(100_000))).to.equal(1);
    expect(lineOf(`a = ${'{ a = '.repeat(100_000)}`)).to.equal(1);
    expect(lineOf(`${'a.'.repeat(100_000)}a = 1`)).to.equal(1);
    expect(lineOf(`a = ${'${'.repeat(100_000)}`)).to.equal(1);
  });

  it('knows file and line of every value', () => {
    const tree = parseConfig('a = 1\nb = {\n c = 2 }', { file: 'x.conf' });
    const b = tree.fields.get('b');
    const c = b?.kind === 'object' ? b.fields.get('c') : undefined;
    expect(c?.origin).to.deep.equal({ file: 'x.conf', line: 3 });
  });
});
