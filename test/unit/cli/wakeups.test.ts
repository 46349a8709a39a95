import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { runCli } from '../../../src/cli/run-cli.ts';
import { Events, openJournals, SeqNr } from '../../../src/index.ts';
import { Key } from '../../../src/model/key.ts';
import { Offset, type Partition, Topic } from '../../../src/model/position.ts';
import { maxWakeMs, type WakeUp } from '../../../src/model/wake-up.ts';
import { silentLogger } from '../../../src/observability/logger.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import { openDatabase } from '../../../src/stores/sqlite/session.ts';
import { openSqliteParts } from '../../../src/stores/sqlite/store.ts';
import * as given from '../../contract/replicated-store.ts';
import { made } from '../../support/own-plugins/own-keys.ts';
import { printed } from './printed.ts';

const embedded = 'evolutiongaming.kafka-journal.embedded.journal';
const topic = Topic.of('journal');

describe('kafka-journal wakeups', () => {
  const { out, err } = printed();
  let folder = '';
  let file = '';
  let config = '';
  const opened: AsyncDisposable[] = [];
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'cli-wakeups-'));
    file = join(folder, 'journal.db');
    config = join(folder, 'application.conf');
    configure(`file = "${file}"`);
  });
  afterEach(async () => {
    for (const store of opened.splice(0)) await store[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true });
  });

  function configure(section: string): void {
    writeFileSync(
      config,
      `akka.persistence.journal.plugin = "${embedded}"\n${embedded} { ${section} }`,
    );
  }

  /** The file as a service without a replicator has it open, and its topic. */
  async function openFile() {
    const settings = { file, partitions: 3, segmentSize: 100 };
    const parts = await openSqliteParts(settings, { log: silentLogger, clock: systemClock });
    opened.push(parts.store);
    parts.partitions.createTopic(topic, 3);
    return parts.store.replicated;
  }

  type Store = Awaited<ReturnType<typeof openFile>>;
  const zero = given.place(0, 0).partition;

  /** R, and how far wake-ups are complete. */
  async function stands(store: Store, partition: Partition, [at, upTo]: readonly number[]) {
    await given.moveTo(store, topic, given.place(at ?? 0, partition));
    if (upTo === undefined) return;
    await store.saveWakeUps({ topic, partition, upTo: Offset.of(upTo) }, given.nowMs);
  }

  async function waits(store: Store, id: string, wakeUp: Partial<WakeUp>): Promise<void> {
    const journal = await store.open(Key.of(topic, id));
    const all = { dueMs: 0, reason: 'time', offset: Offset.of(1), ...wakeUp } as const;
    await journal.saveWakeUp({ type: 'set', wakeUp: all }, { partition: zero, nowMs: 0 });
  }

  const run = (...args: string[]): Promise<number> =>
    runCli(['wakeups', ...args, '--config', config]);

  describe('list', () => {
    it('prints how far they are complete, and the soonest first', async () => {
      const store = await openFile();
      await stands(store, zero, [9, 9]);
      await stands(store, given.place(0, 1).partition, [9, 5]);
      await waits(store, 'later', { dueMs: maxWakeMs, offset: Offset.of(8) });
      await waits(store, 'soon', { dueMs: 1_000, reason: 'now' });
      await waits(store, 'a "b"\n', { dueMs: 2_000, reason: 'unknown' });
      expect(await run('list')).to.equal(0);
      expect(out).to.deep.equal([
        'topic journal (3 partitions), soonest first within each partition',
        '  0: complete, up to offset 9',
        '    1970-01-01T00:00:01.000Z now     soon (offset 1)',
        '    1970-01-01T00:00:02.000Z unknown "a \\"b\\"\\n" (offset 1)',
        '    +275760-09-13T00:00:00.000Z time    later (offset 8)',
        '  1: not complete: those of offsets 6 to 9 may be missing, see kafka-journal wakeups rebuild',
        '  2: nothing is replicated',
      ]);
      expect(err).to.deep.equal([]);
    });

    it('prints an object a line for --json', async () => {
      const store = await openFile();
      await stands(store, zero, [9]);
      await waits(store, 'soon', { dueMs: 1_000, reason: 'now' });
      expect(await run('list', '--json')).to.equal(0);
      const nothing = { topic, replicated: null, upTo: null, complete: true };
      expect(out.map((line) => JSON.parse(line))).to.deep.equal([
        { topic, partition: 0, replicated: 9, upTo: null, complete: false },
        {
          topic,
          partition: 0,
          id: 'soon',
          due: '1970-01-01T00:00:01.000Z',
          reason: 'now',
          offset: 1,
        },
        { ...nothing, partition: 1 },
        { ...nothing, partition: 2 },
      ]);
    });

    it('prints at most --limit of each partition, and that there are more', async () => {
      const store = await openFile();
      for (const at of [1, 2, 3]) await waits(store, `j${at}`, { dueMs: at });
      const count = async (limit: string) => {
        out.length = 0;
        expect(await run('list', '--limit', limit)).to.equal(0);
        return out.filter((line) => line.startsWith('    ')).map((line) => line.slice(-15));
      };
      expect(await count('2')).to.have.length(3);
      expect(out).to.include('    …');
      expect(await count('3')).to.have.length(3);
      expect(out).to.not.include('    …');
    });

    it('reads while a process of the service writes, and leaves nothing beside a file of none', async () => {
      const store = await openFile();
      await stands(store, zero, [9, 9]);
      const writer = openDatabase(file);
      writer.exec('BEGIN IMMEDIATE');
      expect(await run('list')).to.equal(0);
      writer.exec('ROLLBACK');
      writer.close();
      for (const each of opened.splice(0)) await each[Symbol.asyncDispose]();
      expect(await run('list')).to.equal(0);
      expect(out.at(-3)).to.equal('  0: complete, up to offset 9');
      expect(readdirSync(folder)).to.have.members(['application.conf', 'journal.db']);
    });

    it('makes no file, and brings none of an earlier format up to date', async () => {
      for (const action of ['list', 'rebuild']) {
        expect(await run(action)).to.equal(0);
        expect(out.at(-1)).to.match(/^topic journal \(0 partitions\)/);
      }
      expect(readdirSync(folder)).to.have.members(['application.conf']);
      await openFile();
      const database = openDatabase(file);
      database.exec(
        'DROP TABLE wake_ups; DROP TABLE wake_ups_until; DROP TABLE snapshots; PRAGMA user_version = 6',
      );
      for (const action of ['list', 'rebuild']) {
        expect(await run(action)).to.equal(1);
        expect(err.at(-1)).to.match(/NOT_SET_UP.*has journal format 6, without wake-ups/);
      }
      expect(database.prepare('PRAGMA user_version').get()).to.deep.include({ user_version: 6 });
      database.close();
    });
  });

  describe('rebuild', () => {
    /**
     * Two journals, of one nobody has kept anything: as a program of an earlier version left them.
     */
    async function unkept(): Promise<void> {
      configure(`file = "${file}", partitions = 1`);
      const journals = await openJournals({ file: config });
      const payload = { type: 'text', value: 'x' } as const;
      for (const id of ['known', 'unknown']) {
        const events = Events.of([{ seqNr: SeqNr.min, tags: [], payload }]);
        await journals.of(journals.keyOf(id)).append(events);
      }
      for await (const _ of journals.ids(topic));
      await journals[Symbol.asyncDispose]();
      const store = await openFile();
      await store.claim(topic, zero, { nowMs: given.nowMs });
      await waits(store, 'known', { dueMs: maxWakeMs, offset: Offset.of(5) });
      for (const each of opened.splice(0)) await each[Symbol.asyncDispose]();
      const database = openDatabase(file);
      database.exec('DELETE FROM wake_ups_until');
      database.close();
    }

    /** What is printed by `list`, without times and offsets. */
    async function listed(): Promise<readonly string[]> {
      out.length = 0;
      expect(await run('list')).to.equal(0);
      return out.slice(1).map((line) => line.replace(/^ {4}\S+ (\S+ +\S+).*/, '$1'));
    }

    it('suspects the journals that nobody has kept, by itself where no program runs', async () => {
      await unkept();
      expect(await run('rebuild'), err.join()).to.equal(0);
      expect(out).to.deep.equal([
        'topic journal (1 partition)',
        '  0: asked the replicator for them, up to offset 1',
        '  0: complete',
      ]);
      expect(await listed()).to.deep.equal([
        '  0: complete, up to offset 1',
        'unknown unknown',
        'time    known',
      ]);
      expect(await run('rebuild')).to.equal(0);
      expect(out.at(-1)).to.equal('  0: complete, up to offset 1');
    }).timeout(60_000);

    it('answers 1 when it is not done in time, and a program that runs later does it', async () => {
      await unkept();
      expect(await run('rebuild', '--wait', '0')).to.equal(1);
      expect(err.at(-1)).to.match(/DEADLINE_EXCEEDED: 1 partition is not complete yet/);
      expect((await listed())[0]).to.match(/^ {2}0: not complete/);
      await using _ = await openJournals({ file: config });
      for (let tries = 0; tries < 300 && !(await listed())[0]?.includes('0: complete'); tries++) {
        await sleep(100);
      }
      expect((await listed())[0]).to.equal('  0: complete, up to offset 1');
    }).timeout(60_000);
  });

  for (const [args, problem] of [
    [[], 'wakeups takes list or rebuild'],
    [['lst'], 'wakeups takes list or rebuild; did you mean list?'],
    [['list', '--limit', '0'], '--limit must be a whole number from 1 on, not "0"'],
    [['list', '--limit', '1e3'], '--limit must be a whole number from 1 on, not "1e3"'],
    [['rebuild', '--wait', '-1'], '--wait needs a value'],
    [['rebuild', '--json'], 'wakeups rebuild has no option --json'],
    [['list', '--topic', 'other'], 'all journals are in topic journal, not in "other"'],
  ] as const) {
    it(`answers 2 to wrong usage: ${args.join(' ')}`, async () => {
      expect(await run(...args)).to.equal(2);
      expect(err.at(-1))
        .to.match(/^kafka-journal wakeups/)
        .and.include(problem);
    });
  }

  it('needs a topic where persistence ids name them', async () => {
    configure(`file = "${file}", persistence-id-to-key.impl = split`);
    expect(await run('list')).to.equal(2);
    expect(err.at(-1)).to.include('needs --topic TOPIC');
    expect(await run('list', '--topic', 'a b')).to.equal(2);
    expect(err.at(-1)).to.include('--topic: ');
    expect(await run('list', '--topic', 'orders')).to.equal(0);
    expect(out).to.deep.equal(['topic orders (0 partitions), soonest first within each partition']);
  });

  it('looks at what maps persistence ids before it opens anything', async () => {
    const keys = new URL('../../support/own-plugins/own-keys.ts', import.meta.url).pathname;
    made.length = 0;
    configure(`file = "${file}", persistence-id-to-key.impl = "${keys}#OwnKeys"`);
    for (const action of ['list', 'rebuild']) {
      expect(await run(action)).to.equal(2);
      expect(err.at(-1)).to.include('needs --topic TOPIC');
      expect(await run(action, '--topic', 'orders')).to.equal(0);
    }
    // What they hold open would keep the process from ending.
    expect(made.map(({ context }) => context.signal.aborted)).to.deep.equal(Array(4).fill(true));
    configure(`file = "${file}", persistence-id-to-key.impl = "${keys}#None"`);
    for (const action of ['list', 'rebuild']) {
      expect(await run(action, '--topic', 'orders')).to.equal(2);
      expect(err.at(-1)).to.match(/to-key\.impl: names export None, .*\(.*application\.conf:2\)$/);
    }
  });

  it('answers 1 to a journal in memory', async () => {
    configure('file = ":memory:"');
    for (const action of ['list', 'rebuild']) {
      expect(await run(action)).to.equal(1);
      expect(err.at(-1)).to.include('in the memory of its process');
    }
  });
});
