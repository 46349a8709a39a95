import { expect } from 'chai';
import { parseConfig } from '../../../../../src/config/hocon/parse/parser.ts';
import { resolveConfig } from '../../../../../src/config/hocon/resolve/resolver.ts';
import { toPlain } from '../../../../../src/config/hocon/values.ts';
import { ConfigError, type ConfigProblem } from '../../../../../src/model/errors.ts';

function resolved(text: string, env: Record<string, string> = {}): unknown {
  return toPlain(resolveConfig(parseConfig(text), { env }));
}

function refusedWith(text: string): ConfigError {
  try {
    resolveConfig(parseConfig(text, { file: 'x.conf' }));
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  throw new Error(`"${text.slice(0, 1_000)}" should have been refused`);
}

function problemOf(text: string): ConfigProblem {
  const [problem] = refusedWith(text).problems;
  if (problem === undefined) throw new Error('there is no problem in the error');
  return problem;
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
  });

  it('refuses many cycles in one list as soon as one', () => {
    const began = process.cpuUsage();
    expect(problemOf(`a = [${`\${a},`.repeat(8_000)}]`).message).to.contain('cycle');
    expect(process.cpuUsage(began).user / 1_000).to.be.below(4_000);
  });

  it('appends however often it is asked to', () => {
    const appended = resolved(Array.from({ length: 3_000 }, (_, i) => `a += ${i}`).join('\n'));
    expect(appended).to.deep.equal({ a: Array.from({ length: 3_000 }, (_, i) => i) });
    expect(resolved(`${'a += x\n'.repeat(40)}a += \${a}`))
      .to.have.nested.property('a[40]')
      .with.lengthOf(40);
  });

  it('reports all references to nothing at once, each with its path, file and line', () => {
    const text = `a = \${x}\nb { c = [1, \${y}z] }\nd = \${a}\ne = \${h} [2]\nh.f = 1\ng = \${?a}`;
    const { problems } = refusedWith(text);
    expect(problems.map(({ path, file, line }) => ({ path, file, line }))).to.have.deep.members([
      { path: 'x', file: 'x.conf', line: 1 },
      { path: 'y', file: 'x.conf', line: 2 },
      { path: 'e', file: 'x.conf', line: 5 },
    ]);
    const many = Array.from({ length: 1_000 }, (_, i) => `k${i} = \${no${i}}`).join('\n');
    expect(refusedWith(many).problems).to.have.lengthOf(100);
  });

  it('says what to do about a reference to nothing', () => {
    expect(problemOf(`a = \${some.thing}`).message).to.equal(
      `\${some.thing} refers to nothing; set some.thing in the configuration or the environment, or write \${?some.thing} if it may be absent`,
    );
    expect(problemOf(`a = \${java.home}`).message).to.contain('the JVM has and Node has not');
  });

  it('names the path of a concatenation that is impossible or too long', () => {
    expect(problemOf(`a.b = x \${c}\nc = [1]`)).to.include({ path: 'a.b', line: 1 });
    const doubling = Array.from({ length: 60 }, () => `a = \${a}\${a}`).join('\n');
    expect(problemOf(`a = x\n${doubling}`)).to.include({ path: 'a' });
  });

  it('looks back through a merge from inside an object that the merge brings in', () => {
    const through = (item: string, defaults: string): unknown =>
      resolved(
        `${item}.b.c = 100, ${defaults} { a = \${${item}.b.c}, b = 2 }, ${item} = \${${defaults}}, ${item}.b = { c : 43 }`,
      );
    expect(through('item1', 'defaults')).to.deep.equal({
      item1: { a: 100, b: { c: 43 } },
      defaults: { a: 100, b: 2 },
    });
    // What comes first in a HashMap is resolved first, and decides: p before o, a before b.
    expect(through('p', 'o')).to.have.nested.property('o.a', 100);
    expect(through('b', 'a')).to.have.nested.property('a.a', 43);
  });
});
