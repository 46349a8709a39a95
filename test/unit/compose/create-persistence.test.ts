import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { createActor } from 'xstate';
import {
  ConfigError,
  type ConfigProblem,
  createPersistence,
  InvalidInputError,
  openJournals,
  type PersistenceOptions,
} from '../../../src/index.ts';
import { counter } from '../../support/counter.ts';
import { RecordingLogger } from '../../support/recording-logger.ts';

const path = 'evolutiongaming.kafka-journal.embedded.journal';
const memory = `
akka.persistence.journal.plugin = "${path}"
${path}.file = ":memory:"
`;

async function problemsOf(options: PersistenceOptions): Promise<readonly ConfigProblem[]> {
  try {
    await (await createPersistence(options)).shutdown();
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  throw new Error('should have been refused');
}

function rootOf(error: unknown): unknown {
  return error instanceof Error && error.cause !== undefined ? rootOf(error.cause) : error;
}

describe('settings without effect', () => {
  const text = `${memory}
    akka.persistence.dispatchers.x = 1
    ${path} {
      plugin-dispatcher = d
    }
    akka.persistence.typed.snapshot-on-recovery = on
    akka.persistence { query.refresh-interval = 3s, r2dbc {} }`;

  const expected = [
    {
      level: 'warn',
      message: `settings without effect so far: ${[
        'akka.persistence.query (config text:10): there is no persistence query yet',
      ].join('; ')}`,
    },
    {
      level: 'info',
      message: `settings without effect: ${[
        'akka.persistence.r2dbc (config text:10): a section of another plugin, left alone',
        'akka.persistence.typed.snapshot-on-recovery (config text:9): a recovery that applied as many events as snapshotEvery says always takes a snapshot',
        'akka.persistence.dispatchers (config text:5): Node has no dispatchers',
        `${path}.plugin-dispatcher (config text:7): Node has no dispatchers`,
      ].join('; ')}`,
    },
  ];

  function notesIn(log: RecordingLogger) {
    return log.lines
      .filter(({ message }) => message.startsWith('settings without'))
      .map(({ level, message }) => ({ level, message }));
  }

  it('are logged once by createPersistence: one warning of what is to come, one line of what is not', async () => {
    const log = new RecordingLogger();
    const persistence = await createPersistence({ config: text, log });
    const logic = persistence.persistent(counter, { persistenceId: 'a' });
    const actor = createActor(logic, { input: { id: 'a' } }).start();
    await persistence.whenRecovered(actor);
    await persistence.shutdown();
    expect(notesIn(log)).to.deep.equal(expected);
  });

  it('are logged by openJournals, as far as it reads the configuration', async () => {
    const log = new RecordingLogger();
    await (await openJournals({ config: text, log }))[Symbol.asyncDispose]();
    const own = expected[1]?.message.split('; ').filter((note) => note.includes(path)) ?? [];
    expect(notesIn(log)).to.deep.equal([
      { level: 'info', message: `settings without effect: ${own.join('; ')}` },
    ]);
  });

  it('are none where nothing is set but what works: the defaults are no settings of the user', async () => {
    const log = new RecordingLogger();
    await (await createPersistence({ config: memory, log })).shutdown();
    expect(notesIn(log)).to.deep.equal([]);
  });

  it('do no harm where the logger fails', async () => {
    const fail = (): never => {
      throw new Error('the disk is full');
    };
    const log = { debug: fail, info: fail, warn: fail, error: fail, child: fail };
    await (await createPersistence({ config: text, log })).shutdown();
    await (await openJournals({ config: text, log }))[Symbol.asyncDispose]();
  });

  it('of a section that is named later are logged when it is opened, without the rest again', async () => {
    const log = new RecordingLogger();
    const other =
      'mine { class = "builtin#EmbeddedJournal", file = ":memory:", plugin-dispatcher = d }';
    const persistence = await createPersistence({ config: `${text}\n${other}`, log });
    const logic = persistence.persistent(counter, { persistenceId: 'a', journalPluginId: 'mine' });
    await persistence.whenRecovered(createActor(logic, { input: { id: 'a' } }).start());
    await persistence.shutdown();
    const place = `mine.plugin-dispatcher (config text:11): Node has no dispatchers`;
    expect(notesIn(log)).to.deep.equal([
      ...expected,
      { level: 'info', message: `settings without effect: ${place}` },
    ]);
  });
});

describe('a journal that is named wrongly', () => {
  let folder = '';
  let file = '';
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'persistence-'));
    file = join(folder, 'application.conf');
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  for (const [name, message] of [
    ['a..b', /^must be the path of a journal's section, such as evolutiongaming.* not "a\.\.b"$/],
    [' ', /^must be the path of a journal's section.* not " "$/],
    ['.', /^must be the path of a journal's section/],
    [
      'nowhere.journal',
      /^names nowhere\.journal, where there is no section; sections with a class are .*kafka-journal\.persistence\.journal/,
    ],
  ] as const) {
    it(`is an error with path, file, line and what to do: "${name}"`, async () => {
      writeFileSync(
        file,
        `pekko.persistence.journal {
          plugin = "${name}"
          auto-start-journals = ["", "${name}"]
        }
        akka.persistence.typed.stash-capacity = none`,
      );
      const problems = await problemsOf({ file });
      expect(problems.map((problem) => [problem.path, problem.file, problem.line])).to.deep.equal([
        ['pekko.persistence.journal.plugin', file, 2],
        ['akka.persistence.typed.stash-capacity', file, 5],
        ['pekko.persistence.journal.auto-start-journals', file, 3],
      ]);
      expect(problems[0]?.message).to.match(message);
      expect(problems[2]?.message).to.match(message);
    });

    it(`is an error of the actor that names it, and of openJournals: "${name}"`, async () => {
      const persistence = await createPersistence({ config: memory });
      const options = { persistenceId: 'a', journalPluginId: name };
      const actor = createActor(persistence.persistent(counter, options), { input: { id: 'a' } });
      actor.subscribe({ error: () => {} });
      actor.start();
      const failure = await persistence.whenRecovered(actor).catch(rootOf);
      await persistence.shutdown();
      expect(failure).to.be.instanceOf(ConfigError);
      expect((failure as ConfigError).problems[0]?.message).to.match(message);

      const refused = await openJournals({ config: memory, plugin: name }).catch(rootOf);
      expect(refused).to.be.instanceOf(ConfigError);
      expect((refused as ConfigError).problems[0]?.message).to.match(message);
    });
  }

  it('is no error before it is needed, where it is empty; then the error says what to set', async () => {
    writeFileSync(file, '\nakka.persistence.journal.plugin = ""');
    const persistence = await createPersistence({ file });
    const actor = createActor(persistence.persistent(counter, { persistenceId: 'a' }), {
      input: { id: 'a' },
    });
    actor.subscribe({ error: () => {} });
    actor.start();
    const failure = await persistence.whenRecovered(actor).catch(rootOf);
    await persistence.shutdown();
    expect((failure as ConfigError).message).to.match(
      /^akka\.persistence\.journal\.plugin: no default journal; set it to "evolutiongaming.*application\.conf:2\)$/,
    );
    expect(await openJournals({ config: '' }).catch(rootOf)).to.be.instanceOf(ConfigError);
  });
});

describe('problems of a configuration', () => {
  it('are found in every journal that is named, all at once', async () => {
    const config = `
      akka.persistence { journal { plugin = one, auto-start-journals = [two, one] }, typed.x = 1 }
      one { class = "builtin#EmbeddedJournal", partitions = none, recovery-event-timeout = soon }
      two { class = "builtin#KafkaJournal", read-timeout = never }`;
    const problems = await problemsOf({ config });
    expect(problems.map((problem) => problem.path)).to.have.members([
      'akka.persistence.typed.x',
      'one.partitions',
      'one.recovery-event-timeout',
      'two.read-timeout',
    ]);
  });

  it('are found together with keys that stand beside our sections, by every program', async () => {
    const config = `${memory}
      evolutiongaming.kafka-journal.embeded { x = 1 }
      ${path}.partitions = none`;
    const both = ['evolutiongaming.kafka-journal.embeded', `${path}.partitions`];
    const pathsOf = (problems: readonly ConfigProblem[]) => problems.map((problem) => problem.path);
    expect(pathsOf(await problemsOf({ config }))).to.deep.equal(both);
    const refused = await openJournals({ config }).catch(rootOf);
    expect(pathsOf((refused as ConfigError).problems)).to.deep.equal(both);
  });

  it('in inline text are not blamed on the file, and the other way round', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'persistence-'));
    const file = join(folder, 'application.conf');
    try {
      writeFileSync(join(folder, 'beside.conf'), 'akka.persistence.typed.stash-capacity = none');
      writeFileSync(file, `\n\n${path}.partitions = none`);
      const config = `${memory}include "beside.conf"\n${path}.segment-size = none`;
      const problems = await problemsOf({ file, config });
      expect(
        problems.map((problem) => [problem.path, problem.file, problem.line]),
      ).to.have.deep.members([
        ['akka.persistence.typed.stash-capacity', join(folder, 'beside.conf'), 1],
        [`${path}.segment-size`, 'config text', 5],
        [`${path}.partitions`, file, 3],
      ]);
      const syntax = await problemsOf({ file, config: 'a = [\n}' });
      expect(syntax[0]).to.include({ file: 'config text', line: 2 });
      const missing = await problemsOf({ file, config: `\na = \${nowhere.to.be.found}` });
      expect(missing[0]).to.include({ file: 'config text', line: 2 });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe('options that TypeScript would refuse', () => {
  for (const [options, message] of [
    [undefined, /options must be an object such as \{ file: 'application\.conf' \}, not undefined/],
    ['application.conf', /options must be an object .*, not "application\.conf"/],
    [{ file: 5 }, /the option "file" must be a text, not 5/],
    [
      { config: memory, flie: 'own.conf' },
      /^(createPersistence|openJournals)\(\) has no option "flie"$/,
    ],
    [{ config: {} }, /the option "config" must be a text, not an object/],
    [
      { config: memory, log: console },
      /"log" must be a logger of the shape of pino; it lacks child$/,
    ],
  ] as const) {
    it(`are refused before anything is opened: ${JSON.stringify(options)?.slice(0, 30)}`, async () => {
      for (const open of [createPersistence, openJournals]) {
        const error = await open(options as never).catch((failure: unknown) => failure);
        expect(error).to.be.instanceOf(InvalidInputError);
        expect((error as Error).message).to.match(message);
      }
    });
  }
});
