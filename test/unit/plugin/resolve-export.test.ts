import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import type { Config } from '../../../src/config/config.ts';
import { loadConfig } from '../../../src/config/load-config.ts';
import { ConfigError } from '../../../src/model/errors.ts';
import { makeFrom, missingMethods, resolveExport } from '../../../src/plugin/resolve-export.ts';

const kind = { what: 'a thing', builtins: new Map([['builtin#Thing', 'the thing']]) };

describe('resolveExport', () => {
  let folder = '';
  beforeEach(() => {
    folder = realpathSync(mkdtempSync(join(tmpdir(), 'exports-')));
    write('inner/mine.mjs', 'export const Mine = 1; export default 2;');
    write('inner/broken.mjs', 'throw new Error("no such day");');
    write('inner/asks-for-more.mjs', 'import "./missing.mjs";');
    const acme = 'app/node_modules/@acme/journal';
    write(
      `${acme}/package.json`,
      '{"name":"@acme/journal","type":"module","exports":{".":{"import":"./a.js"},"./k":"./k.js"}}',
    );
    write(`${acme}/a.js`, 'export default "root"');
    write(`${acme}/k.js`, 'export const Kafka = "subpath"');
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  function write(name: string, text: string): string {
    const file = join(folder, name);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
    return file;
  }

  /** The class is written in a file of another folder than the one that is loaded. */
  async function configOf(name: string): Promise<Config> {
    write('inner/part.conf', `mine.class = ${JSON.stringify(name)}`);
    return await loadConfig({ file: write('application.conf', 'include "inner/part.conf"') });
  }

  async function resolved(name: string): Promise<unknown> {
    return (await resolveExport(await configOf(name), 'mine.class', kind)).value;
  }

  async function problemOf(name: string): Promise<ConfigError> {
    const error = await resolved(name).catch((reason: unknown) => reason);
    expect(error, name).to.be.instanceOf(ConfigError);
    return error as ConfigError;
  }

  it('gives what this package has', async () => {
    expect(await resolved('builtin#Thing')).to.equal('the thing');
  });

  it('starts a relative path in the folder of the file in which the key was written', async () => {
    expect(await resolved('./mine.mjs#Mine')).to.equal(1);
    expect(await resolved('./mine.mjs')).to.equal(2);
    expect(await resolved('../inner/mine.mjs#default')).to.equal(2);
    expect(await resolved(`${join(folder, 'inner/mine.mjs')}#Mine`)).to.equal(1);
  });

  it('looks for packages from the application on, with the exports that import sees', async () => {
    const before = process.cwd();
    process.chdir(join(folder, 'app'));
    try {
      expect(await resolved('@acme/journal')).to.equal('root');
      expect(await resolved('@acme/journal/k#Kafka')).to.equal('subpath');
    } finally {
      process.chdir(before);
    }
  });

  for (const [name, message] of [
    ['./none.mjs#X', /names module \.\/none\.mjs, which was not found; looked for from .*inner$/],
    ['@acme/none', /names module @acme\/none, which was not found; looked for from \//],
    ['./mine.mjs#Their', /names export Their, which \.\/mine\.mjs does not have; it has Mine, def/],
    ['./mine.mjs#toString', /names export toString, which/],
    ['./broken.mjs#X', /names \.\/broken\.mjs, which fails while it is loaded: Error: no such day/],
    ['./asks-for-more.mjs#X', /asks-for-more\.mjs, which fails while it is loaded: .*missing\.mjs/],
    ['builtin#Thin', /there is no such built-in thing; did you mean builtin#Thing\?/],
    ['https://x.org/y#Z', /must not be https.*: a thing is not loaded from the network/],
    ['data:text/javascript,1', /not loaded from the network/],
    ['a#b#c', /must be "module#export", not a#b#c/],
    ['', /is missing or empty; an example is "builtin#Thing"/],
  ] as const) {
    it(`refuses with path, file and line what cannot be loaded: "${name}"`, async () => {
      const { problems } = await problemOf(name);
      expect(problems[0]).to.include({
        path: 'mine.class',
        file: join(folder, 'inner/part.conf'),
        line: 1,
      });
      expect(problems[0]?.message).to.match(message);
    });
  }

  it('keeps the error of the module as the cause', async () => {
    expect((await problemOf('./broken.mjs')).cause).to.include({ message: 'no such day' });
    expect((await problemOf('./none.mjs')).cause).to.include({ code: 'ERR_MODULE_NOT_FOUND' });
  });
});

describe('makeFrom', () => {
  const make = async (exported: unknown) => {
    const config = await loadConfig({ text: 'mine.class = "x#Y"' });
    return await makeFrom(exported, 7, { config, key: 'mine.class', what: 'a thing' });
  };

  it('takes a class, a function, an asynchronous one, and an object with create()', async () => {
    class Mine {
      readonly given: number;
      constructor(given: number) {
        this.given = given;
      }
    }
    /** What compilers make of a class for engines that have none. */
    function Old(this: { given: number }, given: number) {
      this.given = given;
    }
    Old.prototype.run = () => {};
    const maker = { more: 1, create: (given: number) => ({ given }) };
    for (const one of [
      Mine,
      Old,
      (given: number) => ({ given }),
      async (given: number) => ({ given }),
      maker,
    ]) {
      expect(await make(one)).to.include({ given: 7 });
    }
  });

  it('refuses anything else, and says what would do', async () => {
    for (const [one, name] of [
      [5, '5'],
      [undefined, 'undefined'],
      [null, 'null'],
      [{}, 'an object'],
    ] as const) {
      const error = await make(one).catch((reason: unknown) => reason);
      expect(error).to.be.instanceOf(ConfigError);
      expect((error as ConfigError).message).to.equal(
        `mine.class: must name a class, a function, or an object with create() that makes a thing, not ${name} (config text:1)`,
      );
    }
  });

  it('names the methods that are missing; inherited ones count', () => {
    class Base {
      one() {}
    }
    class Derived extends Base {}
    expect(missingMethods(new Derived(), ['one', 'two', Symbol.asyncDispose])).to.deep.equal([
      'two',
      'Symbol(Symbol.asyncDispose)',
    ]);
    expect(missingMethods(undefined, ['one'])).to.deep.equal(['one']);
  });
});
