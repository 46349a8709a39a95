import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
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
      'my { own = 1 }, akka.loglevel = x, evolutiongaming { other = 1, kafka-journal { persistance.journal {}, persistence.jurnal {}, mine { class = x } } }';
    const { problems } = await refused(loadConfig({ text, env: {} }));
    expect(problems.map(({ path, message }) => `${path} ${message}`)).to.have.members([
      'evolutiongaming.kafka-journal.persistance is not a known key; did you mean persistence?',
      'evolutiongaming.kafka-journal.persistence.jurnal is not a known key; did you mean persistence.journal?',
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

  it('reads values by kind, and names path, file and line of a wrong one', async () => {
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
      `a.time: must be a number (${file}:1)`,
    );
  });
});
