import { expect } from 'chai';
import type { HeldJournal } from '../../../src/journal/holding/held-journal.ts';
import { createJournals } from '../../../src/journal/journals.ts';
import { endByOffset } from '../../../src/journal/read/ends.ts';
import type { ReadDeps } from '../../../src/journal/read/observe.ts';
import { LogUnavailableError } from '../../../src/model/errors.ts';
import { SeqNr } from '../../../src/model/seq-nr.ts';
import { JournalCalls } from '../../../src/plugin/journal-calls.ts';
import type {
  AtomicWrite,
  PersistenceId,
  Recovery,
  ReplayRequest,
} from '../../../src/ports/journal-plugin.ts';
import { EventFacts } from '../../../src/ports/journal-plugin.ts';
import { unlessAborted } from '../../../src/runtime/waiting.ts';
import { RecordingLogger } from '../../support/recording-logger.ts';
import { failureOf } from '../actor/support.ts';
import { CountingWorld, thresholdsMs } from '../journal/counting-world.ts';

const persistenceId = 'id' as PersistenceId;
const infinity = Number.POSITIVE_INFINITY;

function requestFrom(from: number, changes: Partial<ReplayRequest> = {}): ReplayRequest {
  return { persistenceId, from: SeqNr.of(from), to: SeqNr.max, maxEvents: infinity, ...changes };
}

function writeOf(seqNr: number): AtomicWrite {
  const repr = { persistenceId, seqNr: SeqNr.of(seqNr), payload: seqNr, manifest: '', tags: [] };
  const event = { ...repr, writerUuid: 'w', timestampMs: undefined, facts: EventFacts.none };
  return { persistenceId, events: [event] };
}

async function numbersOf({ events, highestSeqNr }: Recovery): Promise<string> {
  const numbers: number[] = [];
  for await (const batch of events) numbers.push(...batch.map(({ seqNr }) => seqNr));
  return `${numbers.join(' ')} of ${await highestSeqNr()}`;
}

/** Until what was begun has come as far as it can. */
const pause = (ms = 20): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

describe('a recovery that is begun before its first number is known', () => {
  let world: CountingWorld;
  beforeEach(async () => {
    world = await CountingWorld.open();
  });
  afterEach(() => world[Symbol.asyncDispose]());

  const plugin = (changes: Partial<ReadDeps> = {}): JournalCalls => {
    const journals = createJournals({ ...world.parts(), ...changes }, thresholdsMs);
    const options = { maxEventsInBatch: 100, saysWakeUps: false };
    return new JournalCalls(() => journals.of(world.key()) as unknown as HeldJournal, options);
  };

  async function fill(calls: JournalCalls): Promise<void> {
    for (const seqNr of [1, 2, 3]) await calls.write([writeOf(seqNr)]);
    await world.replicate();
    for (const seqNr of [4, 5]) await calls.write([writeOf(seqNr)]);
  }

  it('asks log and store for all but the events; then it gives what any recovery gives', async () => {
    const calls = plugin();
    await fill(calls);
    for (const request of [1, 3, 5, 6].map((from) => requestFrom(from))) {
      world.take();
      const begun = calls.beginRecovery(persistenceId);
      await pause();
      const before = { marks: 1, passes: 1, ends: 0, offsets: 1, tenures: 0, rows: 1, events: 0 };
      expect(world.take()).to.deep.equal(before);
      const numbers = await numbersOf(await begun.recover(request));
      expect(world.take()).to.deep.include({ marks: 0, passes: 0, offsets: 0, rows: 0, events: 1 });
      expect(numbers).to.equal(await numbersOf(await calls.recover(request)));
      await begun[Symbol.asyncDispose]();
    }
    const limited = requestFrom(2, { to: SeqNr.of(4), maxEvents: 2 });
    expect(await numbersOf(await calls.beginRecovery(persistenceId).recover(limited))).to.equal(
      '2 3 of 5',
    );
  });

  it('holds what was acknowledged before it was begun, and its highest number goes with it', async () => {
    const calls = plugin({ readEnd: endByOffset(world.store.consumer) });
    await fill(calls);
    const begun = calls.beginRecovery(persistenceId);
    await pause();
    await calls.write([writeOf(6)]);
    expect(await numbersOf(await begun.recover(requestFrom(4)))).to.equal('4 5 of 5');
    const later = await calls.beginRecovery(persistenceId).recover(requestFrom(4));
    expect(await numbersOf(later)).to.equal('4 5 6 of 6');
  });

  it('looks again when rows were deleted while the number was awaited', async () => {
    const calls = plugin();
    await fill(calls);
    const begun = calls.beginRecovery(persistenceId);
    await pause();
    await calls.deleteTo(persistenceId, SeqNr.of(2));
    await world.replicate();
    expect(await numbersOf(await begun.recover(requestFrom(1)))).to.equal('3 4 5 of 5');
  });

  it('may be waited for longer than a read may be silent', async () => {
    const { settings } = world.parts();
    const calls = plugin({ settings: { ...settings, readTimeoutMs: 30 } });
    await fill(calls);
    const begun = calls.beginRecovery(persistenceId);
    await pause(100);
    expect(await numbersOf(await begun.recover(requestFrom(4)))).to.equal('4 5 of 5');
  });

  it('fails with what failed meanwhile, only when it goes on', async () => {
    const readEnd = {
      find: async () => Promise.reject(new LogUnavailableError('no leader')),
      check: () => {},
    };
    const unhandled: unknown[] = [];
    const note = (reason: unknown): void => void unhandled.push(reason);
    process.on('unhandledRejection', note);
    try {
      const begun = plugin({ readEnd }).beginRecovery(persistenceId);
      await pause();
      const { events, highestSeqNr } = await begun.recover(requestFrom(1));
      const next = events[Symbol.asyncIterator]().next();
      expect((await failureOf(next)).message).to.equal('no leader');
      expect((await failureOf(highestSeqNr())).message).to.equal('no leader');
      await begun[Symbol.asyncDispose]();
      expect(unhandled, 'nobody had asked yet').to.deep.equal([]);
    } finally {
      process.off('unhandledRejection', note);
    }
  });

  it('ends when it is given up, wherever it is', async () => {
    const untilAborted = {
      find: (_key: unknown, { signal }: { readonly signal: AbortSignal }) =>
        unlessAborted(new Promise<never>(() => {}), signal),
      check: () => {},
    };
    for (const changes of [{}, { readEnd: untilAborted }]) {
      for (const wait of [true, false]) {
        const begun = plugin(changes).beginRecovery(persistenceId);
        if (wait) await pause();
        await begun[Symbol.asyncDispose]();
        await begun[Symbol.asyncDispose]();
      }
    }
  });

  it('ends with its signal', async () => {
    const over = new AbortController();
    const begun = plugin().beginRecovery(persistenceId, { signal: over.signal });
    await pause();
    const reason = new Error('no longer wanted');
    over.abort(reason);
    const { events } = await begun.recover(requestFrom(1));
    expect(await failureOf(events[Symbol.asyncIterator]().next())).to.equal(reason);
  });

  it('is one read in the log of calls, from the number that it went on with', async () => {
    const log = new RecordingLogger();
    const calls = plugin({ log });
    await fill(calls);
    await numbersOf(await calls.beginRecovery(persistenceId).recover(requestFrom(4)));
    const begun = calls.beginRecovery(persistenceId);
    await pause();
    await begun[Symbol.asyncDispose]();
    const reads = log.lines.filter(({ message }) => message === 'read');
    expect(reads.map(({ fields: { from, last } }) => [from, last])).to.deep.equal([
      [4, 5],
      [undefined, undefined],
    ]);
  });
});
