import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { runCli } from '../../../src/cli/run-cli.ts';
import { Topic } from '../../../src/model/position.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import { FleetFile } from '../../../src/stores/sqlite/fleet/fleet-file.ts';
import { LogPartitions } from '../../../src/stores/sqlite/log/log-partitions.ts';
import { createSchema } from '../../../src/stores/sqlite/schema/create-schema.ts';
import { type Database, openDatabase } from '../../../src/stores/sqlite/session.ts';
import { printed } from './printed.ts';

const embedded = 'evolutiongaming.kafka-journal.embedded.journal';
const topic = Topic.of('journal');
const hourMs = 3_600_000;

describe('kafka-journal fleet', () => {
  const { out, err } = printed();
  let folder = '';
  let file = '';
  let config = '';
  const open: Database[] = [];
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'cli-fleet-'));
    file = join(folder, 'journal.db');
    config = join(folder, 'application.conf');
    configure(`file = "${file}", fleet.enabled = on, fleet.group = payments`);
  });
  afterEach(() => {
    for (const database of open.splice(0)) database.close();
    rmSync(folder, { recursive: true });
  });

  function configure(section: string): void {
    writeFileSync(
      config,
      `akka.persistence.journal.plugin = "${embedded}"\n${embedded} { ${section} }`,
    );
  }

  /** The file, open as by a process of the service. */
  function openFile(): Database {
    const database = openDatabase(file);
    open.push(database);
    createSchema(database, file);
    return database;
  }

  /** A member whose lease ends in an hour from `nowMs`. */
  function memberJoins(
    database: Database,
    id: string,
    topics: readonly Topic[],
    nowMs = Date.now(),
  ): void {
    const settings = { group: 'payments', sessionTimeoutMs: hourMs, balanceDelayMs: 0 };
    const partitions = new LogPartitions(database);
    const deps = { database, partitions, clock: systemClock, defaultPartitions: 3 };
    const member = new FleetFile({ id, address: `http://${id}:1` }, settings, deps);
    member.renew(topics, false, nowMs);
  }

  const run = (...args: string[]): Promise<number> =>
    runCli(['fleet', '--config', config, ...args]);

  it('prints members, and the owner of each partition', async () => {
    const database = openFile();
    memberJoins(database, 'a', [topic]);
    memberJoins(database, 'b', [topic]);
    memberJoins(database, 'c', []);
    expect(await run()).to.equal(0);
    expect(out.join('\n').split('\n')).to.deep.equal([
      `fleet payments of ${embedded}, generation 3`,
      '  http://a:1: 2 partitions (journal)',
      '  http://b:1: 1 partition (journal)',
      '  http://c:1: 0 partitions (hosts nothing)',
      'topic journal (3 partitions)',
      '  0: http://a:1',
      '  1: http://a:1',
      '  2: http://b:1',
    ]);
    expect(err).to.deep.equal([]);
  });

  it('prints the same as JSON for --json', async () => {
    const database = openFile();
    memberJoins(database, 'a', [topic]);
    expect(await run('--json')).to.equal(0);
    const owner = { id: 'a', address: 'http://a:1' };
    expect(JSON.parse(out.join('\n'))).to.deep.equal({
      journal: embedded,
      enabled: true,
      group: 'payments',
      generation: 1,
      members: [{ ...owner, partitions: 3, topics: ['journal'] }],
      topics: { journal: [0, 1, 2].map((partition) => ({ partition, owner })) },
    });
  });

  it('says plainly that a fleet is off', async () => {
    configure(`file = "${file}"`);
    expect(await run()).to.equal(0);
    expect(await run('--json')).to.equal(0);
    expect(out[0]).to.equal(
      `${embedded} shares its entities with no other process: fleet.enabled is off`,
    );
    expect(JSON.parse(out[1] ?? '')).to.deep.equal({ journal: embedded, enabled: false });
  });

  describe('says plainly that a fleet has no members', () => {
    async function expectNoMembers(): Promise<void> {
      expect(await run()).to.equal(0);
      expect(out).to.deep.equal([`fleet payments of ${embedded} has no members`]);
      expect(await run('--json')).to.equal(0);
      expect(JSON.parse(out[1] ?? '')).to.deep.include({ generation: 0, members: [] });
    }

    it('when there is no file, and makes none', async () => {
      await expectNoMembers();
      expect(existsSync(file)).to.equal(false);
    });

    it('when none has ever joined', async () => {
      openFile();
      await expectNoMembers();
    });

    it('when the file is of a format without fleets', async () => {
      openFile().exec('DROP TABLE fleet_member; DROP TABLE fleet_view; PRAGMA user_version = 5');
      await expectNoMembers();
    });

    it('when the leases of all are over', async () => {
      memberJoins(openFile(), 'a', [topic], Date.now() - hourMs);
      await expectNoMembers();
    });
  });

  it('leaves nothing beside a file that no process has open: another user could not open it then', async () => {
    memberJoins(openFile(), 'a', [topic]);
    open.pop()?.close();
    expect(await run()).to.equal(0);
    expect(out.join()).to.include('http://a:1');
    expect(readdirSync(folder)).to.have.members(['application.conf', 'journal.db']);
  });

  it('reads while a process of the service writes', async () => {
    const database = openFile();
    memberJoins(database, 'a', [topic]);
    database.exec('BEGIN IMMEDIATE');
    memberJoins(database, 'b', [topic]);
    expect(await run()).to.equal(0);
    expect(out.join()).to.include('http://a:1').and.not.include('http://b:1');
  });

  it('answers 1 to a journal in memory, and to a file of another kind or of a later version', async () => {
    configure('file = ":memory:", fleet.enabled = on');
    expect(await run()).to.equal(1);
    expect(err.at(-1)).to.match(/^kafka-journal fleet: .*in the memory of its process/);
    configure(`file = "${file}", fleet.enabled = on`);
    writeFileSync(file, 'x'.repeat(10_000));
    expect(await run()).to.equal(1);
    expect(err.at(-1)).to.match(/^kafka-journal fleet: .*journal\.db/);
    rmSync(file);
    openFile().exec('PRAGMA user_version = 9');
    expect(await run()).to.equal(1);
    expect(err.at(-1)).to.match(/has journal format 9; this version reads up to 8/);
  });

  it('takes no value for --json', async () => {
    expect(await run('--json=yes')).to.equal(2);
    expect(err).to.deep.equal(['kafka-journal fleet: --json takes no value']);
  });
});
