import { expect } from 'chai';
import { parseConfig } from '../../../../src/config/hocon/parser.ts';
import { resolveConfig } from '../../../../src/config/hocon/resolver.ts';
import { toPlain } from '../../../../src/config/hocon/values.ts';
import { ConfigError } from '../../../../src/model/errors.ts';

function resolved(text: string, env: Record<string, string> = {}): unknown {
  return toPlain(resolveConfig(parseConfig(text), { env }));
}

function problemOf(text: string): { readonly line: number | undefined; readonly message: string } {
  try {
    resolved(text);
  } catch (error) {
    if (error instanceof ConfigError && error.problems[0] !== undefined) return error.problems[0];
    throw error;
  }
  throw new Error(`"${text}" should have been refused`);
}

describe('resolveConfig', () => {
  it('lets a reference see what is defined later', () => {
    expect(resolved(`a = \${b}, b = 1`)).to.deep.equal({ a: 1, b: 1 });
  });

  it('lets a value that refers to its own path look back to what it overrides', () => {
    expect(resolved(`path = a, path = \${path}":b", path = \${path}":c"`)).to.deep.equal({
      path: 'a:b:c',
    });
    expect(resolved(`foo : { a : { c : 1 } }, foo : \${foo.a}, foo : { a : 2 }`)).to.deep.equal({
      foo: { a: 2, c: 1 },
    });
  });

  it('lets a reference inside an object see the final object', () => {
    expect(resolved(`bar : { foo : 42, baz : \${bar.foo} }, bar : { foo : 43 }`)).to.deep.equal({
      bar: { foo: 43, baz: 43 },
    });
  });

  it('finds fields that are known while their object still holds references', () => {
    expect(resolved(`bar = 101, bar = { foo = 42, baz = \${bar.foo} }`)).to.deep.equal({
      bar: { foo: 42, baz: 42 },
    });
  });

  it('appends with += to what is there, and to nothing', () => {
    expect(resolved('a = [1], a += 2, b += x')).to.deep.equal({ a: [1, 2], b: ['x'] });
  });

  it('removes what an optional reference to nothing would have set', () => {
    expect(
      resolved(`a = \${?no}, b = [1, \${?no}], c = x\${?no}, d = 1, d = \${?no}`),
    ).to.deep.equal({
      b: [1],
      c: 'x',
      d: 1,
    });
  });

  it('falls back to the environment, for lists with [] as well', () => {
    const env = { HOST: 'h', P_0: 'a', P_1: 'b' };
    expect(resolved(`a = \${HOST}, b = \${?NONE}, c = \${P[]}`, env)).to.deep.equal({
      a: 'h',
      c: ['a', 'b'],
    });
    expect(resolved(`HOST = mine, a = \${HOST}`, env)).to.include({ a: 'mine' });
  });

  it('takes an object with numeric keys for a list where it meets one', () => {
    expect(resolved(`a = { "1" : y, "0" : x }, b = \${a} [z]`)).to.deep.include({
      b: ['x', 'y', 'z'],
    });
  });

  it('refuses cycles and references to nothing with the line of the reference', () => {
    expect(problemOf(`a = \${b}\nb = \${c}\nc = \${a}`).message).to.contain('cycle');
    expect(problemOf(`x = 1\n\na = \${b}`)).to.include({ line: 3 });
    expect(problemOf(`a = 1, a = [\${a}]`).message).to.contain('cycle');
  });

  it('refuses what would nest or grow without end, with a typed error', () => {
    const chain = Array.from({ length: 5_000 }, (_, i) => `k${i} = \${k${i + 1}}`).join('\n');
    expect(problemOf(`${chain}\nk5000 = 1`).message).to.contain('nest deeper');
    const doubling = Array.from({ length: 60 }, (_, i) => `k${i} = \${k${i + 1}}\${k${i + 1}}`);
    expect(problemOf(`${doubling.join('\n')}\nk60 = xx`).message).to.contain('longer than');
    const grows = Array.from({ length: 3_000 }, () => 'a += 1').join('\n');
    expect(problemOf(grows).message).to.contain('nest deeper');
    expect(resolved(Array.from({ length: 300 }, () => 'a += 1').join('\n')))
      .to.have.property('a')
      .with.lengthOf(300);
  });
});
