import { execFile } from 'node:child_process';
import {
  copyFileSync,
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { expect } from 'chai';
import { packageVariable } from '../support/run/tools.ts';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../..', import.meta.url));
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  readonly version: string;
  readonly engines: { readonly node: string };
  readonly exports: Readonly<Record<string, unknown>>;
  readonly devDependencies: Readonly<Record<string, string>>;
};

/** The oldest Node that the package promises to run on. */
const oldest = `${manifest.engines.node.replace('>=', '')}.0`;

/** The package that this run has packed already, or one that is packed here. */
async function packInto(tarball: string): Promise<void> {
  const packed = process.env[packageVariable];
  if (packed !== undefined) return copyFileSync(packed, tarball);
  await run(process.execPath, [join(root, '.ci/build.mjs')]);
  await run(process.execPath, [join(root, '.ci/pack.mjs'), tarball]);
}

describe('the packed package, installed into an empty project', () => {
  let project: string;

  before(async function () {
    this.timeout(120_000);
    project = mkdtempSync(join(tmpdir(), 'kafka-journal-project-'));
    const tarball = join(project, 'kafka-journal.tgz');
    await packInto(tarball);
    const dependencies = {
      'kafka-journal': 'file:kafka-journal.tgz',
      xstate: manifest.devDependencies['xstate'],
      node: oldest,
    };
    writeFileSync(
      join(project, 'package.json'),
      JSON.stringify({ private: true, type: 'module', dependencies }),
    );
    await run('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund'], { cwd: project });
  });

  after(() => rmSync(project, { recursive: true, force: true }));

  /** Runs Node in the project, as its user would. */
  const node = (...args: readonly string[]): Promise<string> => nodeOf(process.execPath, args);

  async function nodeOf(file: string, args: readonly string[]): Promise<string> {
    const env = { ...process.env, NODE_OPTIONS: '--disable-warning=ExperimentalWarning' };
    const { stdout } = await run(file, args, { cwd: project, env, timeout: 30_000 });
    return stdout.trim();
  }

  it('offers every subpath that package.json exports', async () => {
    const names = Object.keys(manifest.exports).filter((path) => !path.endsWith('.json'));
    const imports = names.map((path) => `import 'kafka-journal${path.slice(1)}';`).join('');
    await node('--input-type=module', '-e', imports);
    expect(names).to.include('.');
  });

  it('prints its version and commands when it is asked for help', async () => {
    const help = await node('node_modules/kafka-journal/dist/src/cli/main.js', 'help');
    expect(help).to.include(`kafka-journal ${manifest.version}`);
    expect(help).to.include('kafka-journal setup --config FILE');
    expect(readdirSync(join(project, 'node_modules/.bin'))).to.include('kafka-journal');
  });

  it('runs a program whose actor goes on where the last process ended', async () => {
    cpSync(join(root, 'test/examples/hello/main.mjs'), join(project, 'main.mjs'));
    expect(await node('main.mjs')).to.equal('recovered 0\nnow 6');
    expect(await node('main.mjs')).to.equal('recovered 6\nnow 12');
  });

  it(`runs it, and its commands, on Node ${oldest} as well`, async () => {
    const file = join(project, 'node_modules/node/bin/node');
    const old = (...args: readonly string[]): Promise<string> => nodeOf(file, args);
    expect(await old('--version')).to.equal(`v${oldest}`);
    expect(await old('main.mjs')).to.equal('recovered 12\nnow 18');
    const journal = 'evolutiongaming.kafka-journal.embedded.journal';
    const config = `akka.persistence.journal.plugin = "${journal}", ${journal}.file = "journal.db"`;
    writeFileSync(join(project, 'application.conf'), config);
    const cli = 'node_modules/kafka-journal/dist/src/cli/main.js';
    const list = await old(cli, 'wakeups', 'list', '--config', 'application.conf');
    expect(list).to.match(/^topic journal .*: complete, up to offset \d+$/ms);
  });

  it('names each type that a library over it exports, so that its declarations can be written', async function () {
    this.timeout(60_000);
    for (const file of ['account.ts', 'declarations.ts']) {
      copyFileSync(join(root, 'test/types/package', file), join(project, file));
    }
    const compilerOptions = {
      target: 'ES2022',
      lib: ['ES2022', 'ESNext.Disposable'],
      module: 'NodeNext',
      types: ['node'],
      typeRoots: [join(root, 'node_modules/@types')],
      strict: true,
      skipLibCheck: true,
      allowImportingTsExtensions: true,
      declaration: true,
      emitDeclarationOnly: true,
      rootDir: '.',
      outDir: 'declarations',
    };
    const config = { compilerOptions, files: ['declarations.ts'] };
    writeFileSync(join(project, 'tsconfig.json'), JSON.stringify(config));
    for (const compiler of ['typescript', 'typescript-5.9']) {
      const tsc = join(root, 'node_modules', compiler, 'bin/tsc');
      const problems = await run(process.execPath, [tsc, '--pretty', 'false'], { cwd: project })
        .then(() => '')
        .catch(({ stdout }: { readonly stdout: string }) => stdout);
      expect(problems, compiler).to.equal('');
    }
  });

  it('holds no sources and no tests', () => {
    const files = readdirSync(join(project, 'node_modules/kafka-journal'));
    expect(
      files.filter((name) => !/^(dist|package\.json|README\.md|LICENSE)$/.test(name)),
    ).to.deep.equal([]);
    const compiled = readdirSync(join(project, 'node_modules/kafka-journal/dist'));
    expect(compiled.toSorted()).to.deep.equal(['plugin-config', 'replicator', 'src']);
  });
});
