import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { expect } from 'chai';

import type { Level } from '../../../support/run/levels.ts';
import type { Outcome } from '../../../support/run/outcome.ts';
import { runLanes } from '../../../support/run/run-lanes.ts';
import type { Servers } from '../../../support/run/servers.ts';
import { openStackFrom } from '../../../support/stack/open-stack.ts';
import { stackEnvironment } from '../../../support/stack/server-variables.ts';
import type { ServerSource } from '../../../support/stack/stack.ts';

const repository = fileURLToPath(new URL('../../../..', import.meta.url));
const variables = join(repository, 'test/support/stack/server-variables.ts');

/** Test files by what they need and when they look for it. */
const files: Readonly<Record<string, string>> = {
  'plain.test.mjs': `describe('plain', () => it('needs nothing', () => undefined));`,
  'kafka.test.mjs': `import { requireVariable } from '${variables}';
    const address = requireVariable('KAFKA_JOURNAL_TEST_KAFKA');
    describe('kafka', () => it('is there', () => { if (address !== 'kafka:1') throw address; }));`,
  'loading.test.mjs': `import { requireVariable } from '${variables}';
    requireVariable('KAFKA_JOURNAL_TEST_POSTGRES');
    describe('loading', () => it('needs it before there are tests', () => undefined));`,
  'before.test.mjs': `import { requireVariable } from '${variables}';
    describe('before', () => {
      before(() => requireVariable('KAFKA_JOURNAL_TEST_POSTGRES'));
      it('needs it', () => undefined);
    });`,
};

/** A Kafka and a Cassandra in name only, and no PostgreSQL. */
function source(address: string | undefined): ServerSource {
  const nothing = async (): Promise<void> => undefined;
  return {
    name: 'processes',
    problem: async () => (address === undefined ? 'its disk is full' : undefined),
    open: async () => ({
      server: {
        address: address ?? '',
        kill: nothing,
        start: nothing,
        pause: nothing,
        resume: nothing,
      },
      folder: undefined,
      keepFolder: () => undefined,
      [Symbol.asyncDispose]: nothing,
    }),
  };
}

async function openServers(): Promise<Servers> {
  const plan = {
    kafka: [source('kafka:1')],
    cassandra: [source('cassandra:1')],
    postgres: [source(undefined)],
  };
  const stack = await openStackFrom(plan, { profile: 'quick' });
  return { stack, env: stackEnvironment(stack), [Symbol.asyncDispose]: async () => undefined };
}

function level(name: string, need: Level['need'], names: readonly string[]): Level {
  return { name, need, files: names, testTimeoutMs: 5_000 };
}

describe('a run in which one server does not start', function () {
  this.timeout(60_000);
  let root: string;
  let outcomes: readonly Outcome[];

  before(async () => {
    root = mkdtempSync(join(tmpdir(), 'run-lanes-'));
    mkdirSync(root, { recursive: true });
    symlinkSync(join(repository, 'node_modules'), join(root, 'node_modules'));
    for (const [name, text] of Object.entries(files)) writeFileSync(join(root, name), text);
    const reported: Outcome[] = [];
    await runLanes({
      root,
      tools: [],
      levels: [
        level('unit', 'nothing', ['plain.test.mjs']),
        level('contract', 'quick', Object.keys(files)),
      ],
      grep: undefined,
      signal: new AbortController().signal,
      openServers,
      print: () => undefined,
      report: (outcome) => reported.push(outcome),
    });
    outcomes = reported;
  });

  after(() => rmSync(root, { recursive: true, force: true }));

  const outcomeOf = (name: string): Outcome | undefined =>
    outcomes.find((outcome) => outcome.name === name);

  it('has one failure for the server itself, with the reason and the levels that it touches', () => {
    expect(outcomeOf('servers')?.failures).to.deep.equal([
      {
        title: 'PostgreSQL is missing; what needs it fails in contract',
        detail: 'processes: its disk is full',
      },
    ]);
  });

  it('runs the levels that need no server', () => {
    expect(outcomeOf('unit')).to.include({ passed: 1, skipped: 0 });
  });

  it('runs the suites that do not need it, on the servers that are there', () => {
    expect(outcomeOf('contract')).to.include({ passed: 2, skipped: 0 });
  });

  it('fails each suite that needs it with the reason, the one that cannot be loaded, too', () => {
    const failures = outcomeOf('contract')?.failures ?? [];
    expect(failures.map(({ title }) => title.split(':')[0])).to.deep.equal([
      'loading.test.mjs',
      'before.test.mjs',
    ]);
    for (const { detail } of failures) {
      expect(detail).to.include('PostgreSQL is missing: processes: its disk is full');
    }
  });
});

describe('the lanes of a run', function () {
  this.timeout(60_000);
  let root: string;

  before(() => {
    root = mkdtempSync(join(tmpdir(), 'run-lanes-'));
    symlinkSync(join(repository, 'node_modules'), join(root, 'node_modules'));
    // Each ends only when the other has begun.
    for (const [mine, other] of [
      ['one', 'two'],
      ['two', 'one'],
    ]) {
      const text = `import { existsSync, writeFileSync } from 'node:fs';
        import { setTimeout } from 'node:timers/promises';
        it('meets the other', async () => {
          writeFileSync('${mine}', '');
          while (!existsSync('${other}')) await setTimeout(10);
        });`;
      writeFileSync(join(root, `${mine}.test.mjs`), text);
    }
  });

  after(() => rmSync(root, { recursive: true, force: true }));

  for (const [need, what] of [
    ['nothing', 'that need no servers'],
    ['quick', 'on servers that are shared'],
  ] as const) {
    it(`share the levels ${what} when their own work is done, each level once`, async () => {
      for (const name of ['one', 'two']) rmSync(join(root, name), { force: true });
      const reported: Outcome[] = [];
      let closedAfter = -1;
      await runLanes({
        root,
        tools: [],
        levels: ['one', 'two'].map((name) => ({
          ...level(name, need, [`${name}.test.mjs`]),
          testTimeoutMs: 30_000,
        })),
        grep: undefined,
        signal: new AbortController().signal,
        openServers: async () => {
          const servers = await openServers();
          const close = async (): Promise<void> => {
            closedAfter = reported.length;
          };
          return { ...servers, [Symbol.asyncDispose]: close };
        },
        print: () => undefined,
        report: (outcome) => reported.push(outcome),
      });
      const ended = reported.filter(({ name }) => name !== 'servers');
      const passed = ended.map(({ name, passed: count }) => `${name} ${count}`);
      expect(passed).to.have.members(['one 1', 'two 1']);
      // The servers are there until the last lane is done with them.
      expect(closedAfter).to.equal(need === 'quick' ? reported.length : -1);
    });
  }
});
