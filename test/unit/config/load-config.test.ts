import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join, sep } from 'node:path';
import { expect } from 'chai';
import type { Config } from '../../../src/config/config.ts';
import { loadConfig } from '../../../src/config/load-config.ts';
import { ConfigError } from '../../../src/model/errors.ts';

async function refused(promise: Promise<unknown>): Promise<ConfigError> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  throw new Error('should have been refused');
}

describe('loadConfig', () => {
  let folder = '';
  const write = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'config-'));
  });

  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  it('includes files relative to the including one, of every syntax, and misses others silently', async () => {
    write('one.conf', 'a = 1, shared = conf');
    write('one.json', '{ "b": { "x.y": 2 }, "shared": "json" }');
    write('one.properties', '# note\nc.d: 3\\\n4\ne=\\u00e9');
    const file = write(
      'application.conf',
      'include "one"\ninclude "missing"\nin { include file("one.conf") }',
    );
    const config = await loadConfig({ file, env: {} });
    expect(config.getNumber('a')).to.equal(1);
    expect(config.getNumber('b."x.y"')).to.equal(2);
    expect(config.getString('c.d')).to.equal('34');
    expect(config.getString('e')).to.equal('é');
    expect(config.getString('shared')).to.equal('conf');
    expect(config.getNumber('in.a')).to.equal(1);
    expect(config.originOf('in.a')).to.deep.equal({ file: join(folder, 'one.conf'), line: 1 });
  });

  it('says of a file in UTF-16, as shells of Windows write it, how it must be saved', async () => {
    const little = Buffer.from('\ufeffa = 1', 'utf16le');
    for (const bytes of [little, Buffer.from(little).swap16()]) {
      const file = join(folder, 'application.conf');
      writeFileSync(file, bytes);
      const error = await refused(loadConfig({ file, env: {} }));
      expect(error.message).to.contain('save it in UTF-8').and.to.contain(file);
    }
    const config = await loadConfig({ file: write('utf-8.conf', '\ufeffa = 1'), env: {} });
    expect(config.getNumber('a')).to.equal(1);
  });

  it('gives an included file the syntax that the reference implementation gives it', async () => {
    write('y.properties', `q=1\nr=\${top}`);
    write('x.json', '{ // a comment\n "j": 1, }');
    write('twice.json', '{ "a": 1,\n "a": 2 }');
    const load = async (text: string): Promise<Config> =>
      loadConfig({ file: write('a.conf', `top = 5\nin { ${text} }`), env: {} });
    // With its extension in the bare form, a file has the syntax of the one that includes it.
    const bare = await load('include "y.properties"\ninclude "x.json", include "twice.json"');
    expect(bare.getObject('in')).to.deep.equal({ q: 1, r: 5, j: 1, a: 2 });
    const required = await load('include required("y.properties")');
    expect(required.getObject('in')).to.deep.equal({ q: 1, r: 5 });
    // In every other form its own.
    for (const form of ['"y"', 'file("y.properties")', 'classpath("y.properties")', 'file("y")']) {
      const own = await load(`include ${form}`);
      expect(own.getObject('in'), form).to.deep.equal({ q: '1', r: `\${top}` });
    }
    const url = await load(`include url("file://${folder}/y.properties")`);
    expect(url.getString('in.q')).to.equal('1');
    for (const form of ['"x"', 'file("x.json")', 'classpath("x.json")', 'required(file("x.json"))'])
      expect((await refused(load(`include ${form}`))).problems[0], form).to.include({
        file: join(folder, 'x.json'),
        line: 1,
      });
    expect((await refused(load('include "twice"'))).problems[0]).to.include({ path: 'a', line: 2 });
  });

  it('merges the files of one base name: .conf over .json over .properties, and no other', async () => {
    write('one', 'a = none, b = none, c = none, d = none');
    write('one.conf', 'a = conf');
    write('one.json', '{ "a": "json", "b": "json" }');
    write('one.properties', 'a=p\nb=p\nc=p');
    const expected = { a: 'conf', b: 'json', c: 'p' };
    for (const form of ['"one"', 'file("one")', 'classpath("one")', 'required("one")']) {
      const config = await loadConfig({ file: write('a.conf', `in { include ${form} }`), env: {} });
      expect(config.getObject('in'), form).to.deep.equal(expected);
    }
  });

  it('includes relative to the including file at every depth', async () => {
    mkdirSync(join(folder, 'sub/deeper'), { recursive: true });
    write('sub/one.conf', 'include "deeper/two"\none = 1');
    write('sub/deeper/two.conf', 'include "../three.properties"');
    write('sub/three.properties', 'three = 3');
    const config = await loadConfig({ file: write('a.conf', 'in { include "sub/one" }'), env: {} });
    expect(config.getObject('in')).to.deep.equal({ one: 1, three: 3 });
  });

  it('reads a file twice that is included twice: what looks back appends twice', async () => {
    write('more.conf', `list = \${?list} [x]\nn += 1`);
    const file = write('a.conf', 'include "more"\ninclude "more"\nin { include "more" }');
    const config = await loadConfig({ file, env: {} });
    expect(config.getStringList('list')).to.deep.equal(['x', 'x']);
    expect(config.getStringList('n')).to.deep.equal(['1', '1']);
    expect(config.getStringList('in.n')).to.deep.equal(['1']);
  });

  it('refuses an address in the bare form as well, instead of looking for a file of that name', async () => {
    const file = write('a.conf', 'include "http://localhost/x.conf"');
    expect((await refused(loadConfig({ file, env: {} }))).message).to.contain('not allowed');
  });

  it('blames text given in code for its own mistakes, and the file for those of the file', async () => {
    const file = write('a.conf', 'a = 1');
    const place = 'config text';
    const wrong = await refused(loadConfig({ file, text: 'a = 1\nb = }', env: {} }));
    expect(wrong.problems[0]).to.include({ path: 'b', file: place, line: 2 });
    const missing = await refused(loadConfig({ file, text: `b = \${nothing}`, env: {} }));
    expect(missing.problems[0]).to.include({ file: place, line: 1 });
    const bad = await refused(
      loadConfig({ file: write('b.conf', '\na = ]'), text: 'c = 1', env: {} }),
    );
    expect(bad.problems[0]).to.include({ file: join(folder, 'b.conf'), line: 2 });
    write('beside.conf', 'd = 1');
    const config = await loadConfig({ file, text: 'include "beside"', env: {} });
    expect(config.getNumber('d')).to.equal(1);
  });

  it('answers the system properties that Node knows, after the configuration and the environment', async () => {
    const names = ['user.home', 'user.dir', 'java.io.tmpdir', 'file.separator'];
    const text = names.map((name, i) => `k${i} = \${${name}}"/x"`).join('\n');
    const config = await loadConfig({ text, env: { 'user.dir': '/set' } });
    const values = names.map((_, i) => config.getString(`k${i}`));
    expect(values).to.deep.equal([`${homedir()}/x`, '/set/x', `${tmpdir()}/x`, `${sep}/x`]);
    const own = await loadConfig({ text: `user.home = mine, a = \${user.home}`, env: {} });
    expect(own.getString('a')).to.equal('mine');
    const { problems } = await refused(
      loadConfig({ text: `a = \${os.arch}\nb = \${x.y}`, env: {} }),
    );
    expect(problems.map(({ path, line }) => [path, line])).to.deep.equal([
      ['os.arch', 1],
      ['x.y', 2],
    ]);
    expect(problems[0]?.message).to.contain('the JVM has and Node has not');
  });

  it('lets references of an included file find both its own place and the root', async () => {
    write('inner.conf', `x = 1, y = \${x}, z = \${top}`);
    const config = await loadConfig({
      file: write('a.conf', 'top = 5, in { include "inner" }'),
      env: {},
    });
    expect(config.getObject('in')).to.deep.equal({ x: 1, y: 1, z: 5 });
  });

  it('refuses url includes, missing required files, and files that include themselves', async () => {
    const load = (text: string): Promise<ConfigError> =>
      refused(loadConfig({ file: write('a.conf', text), env: {} }));
    expect((await load('\ninclude url("http://localhost/x.conf")')).problems[0]).to.include({
      line: 2,
    });
    expect((await load('include required(file("none.conf"))')).message).to.contain('none.conf');
    expect((await load('include "a.conf"')).message).to.contain('50');
    expect((await refused(loadConfig({ file: join(folder, 'none.conf') }))).message).to.contain(
      'no such file',
    );
    const { problems } = await refused(loadConfig({ file: folder }));
    expect(problems[0]).to.include({ message: 'that is a folder, not a file', file: folder });
  });

  it('lays overrides over text over file over our defaults, and resolves once over the whole', async () => {
    const path = 'evolutiongaming.kafka-journal.persistence.journal';
    const file = write(
      'a.conf',
      `x = file, y = file, z = file, topic = \${${path}.persistence-id-to-key.constant-topic.topic}`,
    );
    const config = await loadConfig({
      file,
      text: 'y = text, z = text',
      overrides: { z: 'code', 'u.v': [1] },
      env: {},
    });
    expect(['x', 'y', 'z'].map((key) => config.getString(key))).to.deep.equal([
      'file',
      'text',
      'code',
    ]);
    expect(config.getStringList('u.v')).to.deep.equal(['1']);
    expect(config.getString('topic')).to.equal('journal');
  });

  it('reads pekko.persistence as akka.persistence', async () => {
    const config = await loadConfig({ text: 'pekko.persistence.journal.plugin = x', env: {} });
    expect(config.getString('akka.persistence.journal.plugin')).to.equal('x');
  });

  it('finds the defaults under pekko.persistence as well, where a file refers to them', async () => {
    const config = await loadConfig({
      text: `pekko.persistence {
          journal.plugin = mine
          max-concurrent-recoveries = \${pekko.persistence.typed.stash-capacity}
        }
        akka.persistence.typed.log-stashing = on
        mine = \${pekko.persistence.journal-plugin-fallback} { class = x }`,
      env: {},
    });
    expect(config.getNumber('mine.circuit-breaker.max-failures')).to.equal(10);
    expect(config.getNumber('akka.persistence.max-concurrent-recoveries')).to.equal(4096);
    expect(config.getBoolean('akka.persistence.typed.log-stashing')).to.equal(true);
    expect(config.keys('pekko.persistence'), 'what the file has').to.have.members([
      'journal',
      'max-concurrent-recoveries',
    ]);
  });

  it('refuses a key set differently under both roots, and takes one that is the same', async () => {
    const both = (pekko: string): string =>
      `akka.persistence.journal.plugin = x\npekko.persistence.journal.plugin = ${pekko}`;
    const { problems } = await refused(loadConfig({ text: both('y'), env: {} }));
    expect(problems).to.have.lengthOf(1);
    expect(problems[0]).to.include({ path: 'pekko.persistence.journal.plugin', line: 2 });
    await loadConfig({ text: both('x'), env: {} });
  });

  it('refuses misspelt sections of ours, and leaves the keys of other applications alone', async () => {
    const text =
      'my { own = 1 }, akka.loglevel = x, evolutiongaming { other = 1, kafka-journal { persistance.journal {}, persistence.jurnal {}, embedded = off, mine { class = x } } }';
    const { problems } = await refused(loadConfig({ text, env: {} }));
    expect(problems.map(({ path, message }) => `${path} ${message}`)).to.have.members([
      'evolutiongaming.kafka-journal.persistance is not a known key; did you mean persistence?',
      'evolutiongaming.kafka-journal.persistence.jurnal is not a known key; did you mean persistence.journal?',
      'evolutiongaming.kafka-journal.embedded must be an object, not "off"',
    ]);
  });

  it('refuses a misspelt beginning of ours, which would leave everything below it unread', async () => {
    const text =
      'akka.persistance.journal.plugin = x\npekko.persistence-query.x = 1\nevolutiongaming { kafka-jurnal.x = 1, kafka-flow.x = 1 }';
    const { problems } = await refused(loadConfig({ text, env: {} }));
    expect(problems.map(({ path, message }) => `${path} ${message}`)).to.deep.equal([
      'akka.persistance is not a known key; did you mean persistence?',
      'evolutiongaming.kafka-jurnal is not a known key; did you mean kafka-journal?',
    ]);
  });

  it('takes null for absent', async () => {
    const config = await loadConfig({ text: 'a { b = null, c = 1 }', env: {} });
    expect(config.has('a.b')).to.equal(false);
    expect(config.keys('a')).to.deep.equal(['c']);
    expect(() => config.getString('a.b')).to.throw(
      ConfigError,
      'a.b: must be a text, and is missing',
    );
  });

  it('reads values by kind, and names path, value, file and line of a wrong one', async () => {
    const file = write(
      'a.conf',
      'a { on = yes, time = 2 minutes, size = 1MiB, list = "x, y", l { 1 = b, 0 = a } }\nb = x',
    );
    const config = (await loadConfig({ file, env: {} })).section('a');
    expect(config.getBoolean('on')).to.equal(true);
    expect(config.getDurationMs('time')).to.equal(120_000);
    expect(config.getSizeBytes('size')).to.equal(1_048_576);
    expect(config.getStringList('list')).to.deep.equal(['x', 'y']);
    expect(config.getStringList('l')).to.deep.equal(['a', 'b']);
    expect(() => config.getNumber('time')).to.throw(
      ConfigError,
      `a.time: must be a number, not "2 minutes" (${file}:1)`,
    );
  });
});
