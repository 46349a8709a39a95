import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { expect } from 'chai';
import { type Offset, type Partition, Topic } from '../../src/model/position.ts';
import { silentLogger } from '../../src/observability/logger.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { openSqliteStore, type SqliteStore } from '../../src/stores/sqlite/store.ts';
import { temporaryFile } from '../unit/stores/sqlite/temporary-file.ts';
import { appendOf, eventually, keyOf, readAll, seqNrsOf } from './action-log.fixture.ts';

const topic = Topic.of('journal');
const childFile = join(import.meta.dirname, 'sqlite-child.ts');

/** What a child said is certain, in the order said. */
interface Child extends AsyncDisposable {
  lines(word: string): string[][];
  kill(): Promise<void>;
}

function start(file: string, what: 'produce' | 'replicate' | 'both'): Child {
  const stdio: ['ignore', 'pipe', 'inherit'] = ['ignore', 'pipe', 'inherit'];
  const child = spawn(process.execPath, [childFile, file, topic, what], { stdio });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  // Only whole lines count: the last one may have been cut by the kill.
  const lines = () => text.slice(0, text.lastIndexOf('\n') + 1).split('\n');
  const closed = once(child, 'close');
  const kill = async (): Promise<void> => {
    child.kill('SIGKILL');
    await closed;
  };
  return {
    lines: (word) =>
      lines()
        .map((line) => line.split(' '))
        .filter(([first]) => first === word),
    kill,
    [Symbol.asyncDispose]: kill,
  };
}

function open(file: string): Promise<SqliteStore> {
  const settings = { file, partitions: 3, segmentSize: 100 };
  return openSqliteStore(settings, { log: silentLogger, clock: systemClock });
}

describe('sqlite under several processes', function () {
  this.timeout(120_000);

  for (const round of [1, 2, 3]) {
    it(`has every acknowledged record once, at its place and in order, after SIGKILL (round ${round})`, async () => {
      await using temporary = await temporaryFile();
      await using child = start(temporary.file, 'both');
      await eventually('some records', () => child.lines('acknowledged').length > 300 * round);
      await child.kill();
      const acknowledged = child.lines('acknowledged');
      await using store = await open(temporary.file);
      for (const id of new Set(acknowledged.map(([, key]) => key as string))) {
        await expectAll(
          store,
          id,
          acknowledged.filter(([, key]) => key === id),
        );
      }
      await expectReplicated(store, child.lines('replicated'));
    });
  }

  it('gives two writing processes offsets without gap or repetition, and shows each the other', async () => {
    await using temporary = await temporaryFile();
    await using store = await open(temporary.file);
    await using child = start(temporary.file, 'produce');
    const places = new Map<string, string>();
    const note = (partition: number, offset: number, who: string) => {
      const place = `${partition}/${offset}`;
      expect(places.get(place), `owner of ${place}`).to.equal(undefined);
      places.set(place, who);
    };
    const key = keyOf(topic, 'ours');
    await eventually('a record of the child', () => child.lines('acknowledged').length > 0);
    for (let number = 1; number <= 300; number++) {
      const { partition, offset } = await store.producer.produce(appendOf(key, number));
      note(partition, offset, 'us');
    }
    await child.kill();
    for (const [, , , partition, offset] of child.lines('acknowledged')) {
      note(Number(partition), Number(offset), 'child');
    }
    const ends = await Promise.all(
      [0, 1, 2].map((p) => store.consumer.endOffset(topic, p as Partition)),
    );
    // The kill may have cut the child's answers to its last calls, at most four a key.
    const total = ends.reduce((sum, end) => sum + end, 0);
    expect(total - places.size).to.be.within(0, 8 * 4);
  });

  it('delivers records of another process within a second', async () => {
    await using temporary = await temporaryFile();
    await using store = await open(temporary.file);
    await store.producer.produce(appendOf(keyOf(topic, 'first'), 1));
    await using child = start(temporary.file, 'replicate');
    await eventually('ownership', () => child.lines('owns').length === 3);
    const at = await store.producer.produce(appendOf(keyOf(topic, 'second'), 1));
    const producedMs = Date.now();
    const isReplicated = ([, p, offset]: string[]) =>
      Number(p) === at.partition && Number(offset) >= at.offset;
    await eventually('replication', () => child.lines('replicated').some(isReplicated));
    const tookMs = Date.now() - producedMs;
    await child.kill();
    expect(tookMs).to.be.below(1_000);
  });

  it('hands replication over when its owner is killed, and not before', async () => {
    await using temporary = await temporaryFile();
    await using store = await open(temporary.file);
    await store.producer.produce(appendOf(keyOf(topic, 'x'), 1));
    await using one = start(temporary.file, 'replicate');
    await eventually('ownership', () => one.lines('owns').length === 3);
    await using two = start(temporary.file, 'replicate');
    // Longer than a lease lives: the owner must keep it alive.
    await new Promise((resolve) => setTimeout(resolve, 7_000));
    expect(two.lines('owns')).to.deep.equal([]);
    await one.kill();
    const at = await store.producer.produce(appendOf(keyOf(topic, 'x'), 2));
    await eventually('replication by the second', () => two.lines('replicated').length > 0);
    await two.kill();
    expect(await store.eventual.offset(topic, at.partition)).to.equal(at.offset);
  });
});

/** Every acknowledged record is where it was said to be; the numbers are 1, 2, 3 … each once. */
async function expectAll(store: SqliteStore, id: string, acknowledged: string[][]): Promise<void> {
  const key = keyOf(topic, id);
  const partition = Number(acknowledged[0]?.[3]) as Partition;
  const to = await store.consumer.endOffset(topic, partition);
  const records = await readAll(store.consumer, { key, partition, from: 0, to });
  const numbers = seqNrsOf(records);
  expect(numbers).to.deep.equal(numbers.map((_, i) => i + 1));
  for (const [, , number, , offset] of acknowledged) {
    expect(records[Number(number) - 1]?.at.offset).to.equal(Number(offset));
  }
}

/** What was said to be replicated is, and no row of a key stays behind the replicated offset. */
async function expectReplicated(store: SqliteStore, replicated: string[][]): Promise<void> {
  expect(replicated).to.have.length.above(0);
  const said = new Map(
    replicated.map(([, partition, offset]) => [Number(partition), Number(offset)]),
  );
  for (const [partition, offset] of said) {
    const stored = await store.eventual.offset(topic, partition as Partition);
    expect(stored).to.be.at.least(offset);
    for (const id of ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']) {
      const to = ((stored as Offset) + 1) as Offset;
      const key = keyOf(topic, id);
      const records = await readAll(store.consumer, {
        key,
        partition: partition as Partition,
        from: 0,
        to,
      });
      const last = records.at(-1)?.at.offset;
      if (last === undefined) continue;
      expect((await store.eventual.pointer(key))?.at.offset).to.be.at.least(last);
    }
  }
}
