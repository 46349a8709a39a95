import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect } from 'chai';
import { runCli } from '../../../src/cli/run-cli.ts';
import { libraryVersion } from '../../../src/runtime/library-version.ts';
import { printed } from './printed.ts';

const embedded = 'evolutiongaming.kafka-journal.embedded.journal';

describe('kafka-journal', () => {
  const { out, err } = printed();
  let folder = '';
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'cli-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  function configFile(text: string): string {
    const file = join(folder, 'application.conf');
    writeFileSync(file, text);
    return file;
  }

  describe('answers what is asked for on standard output, with 0', () => {
    const help =
      /kafka-journal setup --config FILE {4,}create .*\n.*kafka-journal replicator --config FILE.*\n.*kafka-journal fleet --config FILE/;
    const rows: [string, RegExp][] = [
      ['--help', help],
      ['-h', help],
      ['help', help],
      ['help help', help],
      ['help --help', help],
      ['--version', new RegExp(`^${libraryVersion}$`)],
      ['-v', new RegExp(`^${libraryVersion}$`)],
      ['version', new RegExp(`^${libraryVersion}$`)],
    ];
    for (const command of ['setup', 'replicator', 'fleet']) {
      const own = new RegExp(`^kafka-journal ${command} --config FILE`);
      rows.push([`help ${command}`, own], [`${command} --help`, own], [`${command} -h`, own]);
      rows.push([`${command} --config x --help`, own]);
      rows.push([`${command} --version`, new RegExp(`^${libraryVersion}$`)]);
    }
    for (const [args, text] of rows) {
      it(`kafka-journal ${args}`, async () => {
        expect(await runCli(args.split(' '))).to.equal(0);
        expect(out.join('\n')).to.match(text);
        expect(err).to.deep.equal([]);
      });
    }
  });

  describe('refuses what it cannot follow on standard error, with 2, and says what to do', () => {
    const rows: readonly [string, RegExp][] = [
      ['', /^kafka-journal [\d.]+\n[\s\S]*setup --config FILE/],
      ['setpu', /no command "setpu"; did you mean setup\?\n[\s\S]*setup --config FILE/],
      ['replicater --config x', /no command "replicater"; did you mean replicator\?/],
      ['help setupp', /no command "setupp"; did you mean setup\?/],
      ['--halp', /no option "--halp"; did you mean --help\?/],
      ['--config x', /no option "--config"\n/],
      ['other', /no command "other"\n/],
      ...['setup', 'replicator', 'fleet'].flatMap((command): [string, RegExp][] => [
        [command, new RegExp(`^kafka-journal ${command}: ${command} needs --config FILE$`)],
        [`${command} --config`, /: --config needs a value$/],
        [`${command} --config=`, /: --config needs a value$/],
        [
          `${command} --config --log-level`,
          /: (--config needs a value|.*no option --log-level.*)$/,
        ],
        [`${command} --confg x`, /has no option --confg; did you mean --config\?$/],
        [`${command} --fast`, /has no option --fast$/],
        [`${command} -c x`, /has no option -c$/],
        [`${command} application.conf`, /takes options only, not "application.conf"$/],
        [`${command} --config /nowhere/a.conf`, /there is no such file \(\/nowhere\/a\.conf\)$/],
      ]),
      [
        'replicator --config x --log-level loud',
        /--log-level must be one of debug, .* not "loud"$/,
      ],
    ];
    for (const [args, text] of rows) {
      it(`kafka-journal ${args}`, async () => {
        expect(await runCli(args.split(' ').filter((arg) => arg !== ''))).to.equal(2);
        expect(err.join('\n')).to.match(text);
        expect(out).to.deep.equal([]);
      });
    }
  });

  it('answers 2 to a configuration with problems, and prints each with its place', async () => {
    const file = configFile('a = [\nakka.persistence.journal.plugin = "a..b"\n}');
    for (const command of ['setup', 'replicator', 'fleet']) {
      expect(await runCli([command, '--config', file])).to.equal(2);
      expect(err.join('\n')).to.match(
        new RegExp(`^kafka-journal ${command}: .*application.conf:\\d`),
      );
      err.length = 0;
    }
  });

  it('has nothing to set up for an embedded journal, says so, and answers 0', async () => {
    const file = configFile(`akka.persistence.journal.plugin = "${embedded}"`);
    expect(await runCli(['setup', '--config', file])).to.equal(0);
    expect(out).to.deep.equal([
      `${embedded} is embedded: its file is made by the first program that opens it`,
    ]);
  });

  it('answers 2 to a replicator of an embedded journal: it needs none', async () => {
    const file = configFile(`akka.persistence.journal.plugin = "${embedded}"`);
    expect(await runCli(['replicator', '--config', file])).to.equal(2);
    expect(err.join('\n')).to.match(
      /no replicator is needed: .*embedded.* set akka\.persistence\.journal\.plugin/,
    );
    const inMemory = configFile(
      'akka.persistence.journal.plugin = "akka.persistence.journal.inmem"',
    );
    expect(await runCli(['replicator', '--config', inMemory])).to.equal(2);
    expect(err.at(-1)).to.match(
      /no replicator is needed: akka\.persistence\.journal\.inmem is in mem/,
    );
  });

  it('takes a replicator that the file sets up for one that is meant', async () => {
    const file = configFile(`
      akka.persistence.journal.plugin = "${embedded}"
      evolutiongaming.kafka-journal.replicator.topic-prefixes = ["not a topic!"]`);
    expect(await runCli(['replicator', '--config', file])).to.equal(2);
    expect(err.join('\n'))
      .to.match(/topic-prefixes/)
      .and.not.to.match(/embedded/);
  });

  it('names the section that the plugin setting names wrongly, at the place of the setting', async () => {
    const file = configFile('\nakka.persistence.journal.plugin = "a..b"');
    expect(await runCli(['setup', '--config', file])).to.equal(2);
    expect(err.join('\n')).to.match(
      /akka\.persistence\.journal\.plugin: must be the path of a journal's section.*not "a\.\.b".*application\.conf:2\)$/,
    );
  });

  it('goes on when nobody reads its output to the end, as head does', async () => {
    const main = join(import.meta.dirname, '../../../src/cli/main.ts');
    // The console keeps the failure of a first line to itself.
    const firstLine = 'data:text/javascript,console.log(1); await new Promise(setImmediate)';
    const child = spawn(process.execPath, ['--import', firstLine, main, 'help']);
    const exited = once(child, 'exit');
    child.stdout.destroy();
    expect(await text(child.stderr)).to.equal('');
    expect(await exited).to.deep.equal([0, null]);
  });
});
