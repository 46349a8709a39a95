import { expect } from 'chai';
import { HeldTenure } from '../../../src/journal/holding/held-tenure.ts';
import { PartitionWaker } from '../../../src/journal/waking/partition-waker.ts';
import type { ActionRecord, AppendHeader } from '../../../src/model/action.ts';
import { ClosedError, StoreUnavailableError } from '../../../src/model/errors.ts';
import { Offset, Partition, Topic } from '../../../src/model/position.ts';
import { SeqNr } from '../../../src/model/seq-nr.ts';
import type { Wake, WakeUpEntry } from '../../../src/model/wake-up.ts';
import type { Clock } from '../../../src/runtime/clock.ts';
import { unlessAborted } from '../../../src/runtime/waiting.ts';
import { RecordingLogger } from '../../support/recording-logger.ts';
import { ManualClock, settle } from '../actor/support.ts';

const place = { topic: Topic.of('journal'), partition: Partition.of(0) };
const clockStartMs = new ManualClock().nowMs();

/** One partition: what the store holds up to R, and the log after it. */
class Ground {
  readonly clock = new ManualClock();
  readonly log = new RecordingLogger();
  /** The entities opened so far, with the time, ms since the start. */
  readonly opened: [string, number][] = [];
  readonly failing = new Set<string>();
  readonly entries = new Map<string, WakeUpEntry>();
  readonly records: ActionRecord[] = [];
  replicated: Offset | undefined = Offset.of(9);
  until: Offset | undefined = Offset.of(9);
  readonly tenure = new HeldTenure({ ...place, scope: '' }, Offset.of(100));
  readonly stopping = new AbortController();
  storeFails = 0;
  running: Promise<void> = Promise.resolve();

  stored(id: string, inMs: number, offset: number, reason: WakeUpEntry['reason'] = 'time'): void {
    const dueMs = clockStartMs + inMs;
    this.entries.set(id, { id, dueMs, offset: Offset.of(offset), reason });
  }

  written(id: string, offset: number, wake: Wake | undefined): void {
    const header: AppendHeader = {
      type: 'append',
      range: { from: SeqNr.of(1), to: SeqNr.of(1) },
      origin: undefined,
      version: undefined,
      payloadType: 'json',
      metadata: {},
      wake,
    };
    const at = { partition: place.partition, offset: Offset.of(offset) };
    const key = { topic: place.topic, id };
    const action = { key, timestampMs: clockStartMs, header, value: Buffer.alloc(0), headers: {} };
    this.records.push({ action, at });
  }

  async start(): Promise<void> {
    const { records } = this;
    const { entries } = this;
    const clock: Clock = {
      nowMs: () => this.clock.nowMs(),
      sleep: (ms, options) => unlessAborted(this.clock.sleep(ms), options?.signal),
    };
    const waker = new PartitionWaker(place, {
      clock,
      log: this.log,
      random: () => 0,
      tenures: { keep: async () => this.tenure },
      consumer: {
        async *follow({ from }: { from: Offset }) {
          yield {
            records: records.filter(({ at }) => at.offset >= from),
            undecodable: [],
            next: Offset.of(101),
          };
        },
      },
      eventual: { offset: async () => this.replicated, lastTenure: async () => undefined },
      wakeUps: {
        until: async () => {
          if (this.storeFails-- > 0) throw new StoreUnavailableError('gone');
          return this.until;
        },
        async *due({ toMs }) {
          const due = [...entries.values()].filter(({ dueMs }) => dueMs <= toMs);
          yield* due.sort((a, b) => a.dueMs - b.dueMs);
        },
      },
      open: async ({ id }) => {
        this.opened.push([id, this.clock.nowMs() - clockStartMs]);
        if (this.failing.has(id)) throw new Error('poison');
      },
    });
    this.running = waker.run(this.stopping.signal);
    await settle();
    await this.pass(1); // what is overdue fires with the next timer
  }

  async pass(ms: number): Promise<void> {
    await this.clock.pass(ms);
    await settle();
  }

  ids(): readonly string[] {
    return this.opened.map(([id]) => id);
  }
}

describe('the waker of a partition', () => {
  let ground: Ground;
  beforeEach(() => {
    ground = new Ground();
  });
  afterEach(async () => {
    ground.stopping.abort(new ClosedError('over'));
    await ground.running;
  });

  it('opens what is overdue at once, the earliest deadline first', async () => {
    ground.stored('b', -1_000, 5);
    ground.stored('a', -2_000, 6);
    await ground.start();
    expect(ground.ids()).to.deep.equal(['a', 'b']);
  });

  it('opens an entity when its time comes, once', async () => {
    ground.stored('a', 5_000, 5);
    await ground.start();
    await ground.pass(4_900);
    expect(ground.ids()).to.deep.equal([]);
    await ground.pass(200);
    expect(ground.ids()).to.deep.equal(['a']);
    await ground.pass(30_000);
    expect(ground.ids()).to.deep.equal(['a']);
  });

  it('finds what comes into sight later', async () => {
    ground.stored('a', 45_000, 5);
    await ground.start();
    await ground.pass(45_000);
    expect(ground.ids()).to.deep.equal(['a']);
  });

  it('takes what the log says after R for the truth', async () => {
    ground.stored('fired', -1_000, 5);
    ground.written('fired', 11, 'none');
    ground.stored('moved', -1_000, 5);
    ground.written('moved', 12, clockStartMs + 3_000);
    ground.stored('same', -1_000, 5);
    ground.written('same', 13, undefined);
    ground.written('new', 14, 'now');
    await ground.start();
    expect(ground.ids()).to.have.members(['same', 'new']);
    await ground.pass(3_000);
    expect(ground.ids()).to.have.members(['same', 'new', 'moved']);
  });

  it('forgets what the log said once the store has it', async () => {
    ground.stored('moved', -1_000, 5);
    ground.written('moved', 12, clockStartMs + 60_000);
    await ground.start();
    ground.stored('moved', 60_000, 12);
    ground.replicated = Offset.of(50);
    await ground.pass(12_000);
    ground.stored('moved', 13_000, 60); // a later append, which this process never saw
    await ground.pass(10_000);
    expect(ground.ids()).to.deep.equal(['moved']);
  });

  it('does not open what was taken away meanwhile', async () => {
    ground.stored('a', 25_000, 5);
    await ground.start();
    ground.entries.clear();
    await ground.pass(30_000);
    expect(ground.ids()).to.deep.equal([]);
  });

  it('tries an entity again that cannot be opened, later and later, and others meanwhile', async () => {
    ground.stored('poison', -1_000, 5);
    ground.stored('good', 2_000, 6);
    ground.failing.add('poison');
    await ground.start();
    await ground.pass(20_000);
    const tries = ground.opened.filter(([id]) => id === 'poison').map(([, atMs]) => atMs);
    expect(ground.ids()).to.include('good');
    expect(tries.length).to.be.within(4, 6);
  });

  it('says when the store cannot know all, and goes on with what it knows', async () => {
    ground.until = Offset.of(3);
    ground.stored('a', -1_000, 2);
    await ground.start();
    expect(ground.ids()).to.deep.equal(['a']);
    expect(ground.log.of('warn').join()).to.contain('wakeups rebuild');
  });

  it('goes on when the store was gone for a moment', async () => {
    ground.storeFails = 2;
    ground.stored('a', -1_000, 5);
    await ground.start();
    await ground.pass(4_000);
    expect(ground.ids()).to.deep.equal(['a']);
  });

  it('ends with the tenure, and opens nothing more', async () => {
    ground.stored('a', 5_000, 5);
    await ground.start();
    ground.tenure.giveUp(new ClosedError('lost'));
    await ground.running;
    await ground.pass(10_000);
    expect(ground.ids()).to.deep.equal([]);
  });
});
