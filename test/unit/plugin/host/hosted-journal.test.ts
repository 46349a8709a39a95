import { expect } from 'chai';
import type { JournalHostSettings } from '../../../../src/config/settings/plugin-host-settings.ts';
import {
  DataIntegrityError,
  type JournalError,
  NotOwnerError,
  StoreUnavailableError,
  WriteFailedError,
  WriteRejectedError,
} from '../../../../src/model/errors.ts';
import { SeqNr } from '../../../../src/model/seq-nr.ts';
import { hostJournal } from '../../../../src/plugin/host/hosted-journal.ts';
import type {
  BegunRecovery,
  HeldPlugin,
  JournalPlugin,
  PersistenceId,
  PersistentRepr,
  ReplayRequest,
  WriteOutcome,
} from '../../../../src/ports/journal-plugin.ts';
import { RecordingLogger } from '../../../support/recording-logger.ts';
import { ManualClock, settle } from '../../../support/replicator/manual-clock.ts';
import { eventOf, eventsIn, id, textOf, writeOf } from './events.ts';

const everything: ReplayRequest = {
  persistenceId: id,
  from: SeqNr.min,
  to: SeqNr.max,
  maxEvents: Number.POSITIVE_INFINITY,
};

/** A plugin of which each call can be replaced. */
function pluginOf(calls: Partial<JournalPlugin>): JournalPlugin {
  return {
    write: async () => [],
    deleteTo: async () => {},
    highestSeqNr: async () => 0,
    replay: () => given([]),
    [Symbol.asyncDispose]: async () => {},
    ...calls,
  };
}

async function* given(
  ...batches: (readonly PersistentRepr[])[]
): AsyncGenerator<readonly PersistentRepr[]> {
  yield* batches;
}

describe('the host of a journal', () => {
  const clock = new ManualClock();
  let log: RecordingLogger;
  let replayFilter: Omit<JournalHostSettings['replayFilter'], 'maxOldWriters'>;
  beforeEach(() => {
    log = new RecordingLogger();
    replayFilter = { mode: 'repair-by-discard-old', windowSize: 100, debug: false };
  });

  function host(calls: Partial<JournalPlugin>, replayBatchSize = 1000): JournalPlugin {
    const settings = {
      breaker: { maxFailures: 2, callTimeoutMs: 100, resetTimeoutMs: 1000 },
      replayFilter: { ...replayFilter, maxOldWriters: 10 },
      replayBatchSize,
    };
    const deps = { settings, configPath: 'my.journal', closeTimeoutMs: 50, log, clock };
    return hostJournal(pluginOf(calls), deps);
  }

  async function failureOf(call: Promise<unknown>): Promise<JournalError> {
    return await call.then(
      () => expect.fail('should have failed'),
      (error) => error,
    );
  }

  async function replayed(journal: JournalPlugin, request = everything): Promise<string> {
    const all: PersistentRepr[] = [];
    for await (const batch of journal.replay(request)) all.push(...batch);
    return textOf(all);
  }

  it('passes a write on, and what the plugin says of it', async () => {
    const outcomes: WriteOutcome[] = [
      { type: 'stored' },
      { type: 'rejected', cause: new Error('no') },
    ];
    const journal = host({ write: async () => outcomes });
    expect(await journal.write([writeOf(1, 2), writeOf(3)])).to.equal(outcomes);
    expect(await host({}).write([writeOf(7)])).to.deep.equal([]);
  });

  const other = { ...writeOf(2), persistenceId: 'q' as PersistenceId };
  for (const [name, writes, message] of [
    ['no atomic write', [], /a request must have an atomic write/],
    [
      'an atomic write without events',
      [{ ...writeOf(1), events: [] as never }],
      /must have an eve/,
    ],
    ['two entities', [writeOf(1), other], /must be of one entity, not of p and q/],
    [
      'an event of another entity',
      [{ ...writeOf(1), events: [eventOf(1, 'w', other.persistenceId)] as const }],
      /has an event of q/,
    ],
    ['a hole', [writeOf(1, 3)], /event 3 of p follows on event 1/],
    [
      'a hole between two atomic writes',
      [writeOf(1), writeOf(3)],
      /event 3 of p follows on event 1/,
    ],
    ['descending numbers', [writeOf(2, 1)], /event 1 of p follows on event 2/],
  ] as const) {
    it(`sends nothing that breaks a rule, and names the journal: ${name}`, async () => {
      let sent = 0;
      const write = async () => {
        sent++;
        return [];
      };
      const error = await failureOf(host({ write }).write(writes));
      expect(error).to.be.instanceOf(WriteRejectedError);
      expect(error.message)
        .to.match(/^nothing was sent to journal my\.journal: /)
        .and.match(message);
      expect(sent).to.equal(0);
    });
  }

  it('does not know what became of a write that is answered for another number of writes', async () => {
    for (const answer of [[{ type: 'stored' }], undefined, 7] as never[]) {
      const error = await failureOf(
        host({ write: async () => answer }).write([writeOf(1), writeOf(2)]),
      );
      expect(error).to.be.instanceOf(WriteFailedError);
      expect(error.message).to.match(
        /^journal my\.journal answered (?:1 outcomes|undefined|7) to 2/,
      );
    }
  });

  it('counts the atomic writes that it has sent, whatever the plugin does to its list', async () => {
    const emptying = async (writes: readonly unknown[]) => {
      const stored = writes.map((): WriteOutcome => ({ type: 'stored' }));
      (writes as unknown[]).length = 0;
      return stored;
    };
    const writes = [writeOf(1), writeOf(2)];
    expect(await host({ write: emptying }).write(writes)).to.have.lengthOf(2);
    expect(writes).to.have.lengthOf(2);
  });

  it('does not know what became of a write that is answered with no outcome', async () => {
    const wrong = [
      [undefined],
      Object.assign([], { length: 1 }), // a hole
      [{ type: 'done' }],
      [{ type: 'rejected' }],
      [{ type: 'rejected', cause: 'x' }],
    ];
    for (const outcomes of wrong) {
      const journal = host({ write: async () => outcomes as never });
      const error = await failureOf(journal.write([writeOf(1)]));
      expect(error, JSON.stringify(outcomes)).to.be.instanceOf(WriteFailedError);
      expect(error.message).to.match(/^journal my\.journal answered an outcome that is neither/);
    }
  });

  it('says of an open breaker that nothing was stored, and of a late answer that it may be', async () => {
    const journal = host({ write: () => new Promise(() => {}) });
    const calls = [journal.write([writeOf(1)]), journal.write([writeOf(2)])].map(failureOf);
    await clock.advance(100);
    for (const error of await Promise.all(calls)) {
      expect(error).to.be.instanceOf(WriteFailedError).and.include({ stored: 'unknown' });
      expect((error.cause as Error).message).to.match(/my\.journal did not answer within call-tim/);
    }
    const refused = await failureOf(journal.write([writeOf(3)]));
    expect(refused).to.be.instanceOf(WriteRejectedError);
    expect(refused).to.include({ stored: 'no', retryable: true });
    const deleted = await failureOf(journal.deleteTo(id, SeqNr.of(1)));
    expect(deleted).to.be.instanceOf(WriteRejectedError);
    const highest = await failureOf(journal.highestSeqNr(id, 0));
    expect(highest).to.be.instanceOf(StoreUnavailableError);
    // The breaker is not around a replay.
    expect(await replayed(journal)).to.equal('');
  });

  it('can be purged when its plugin can, held or not; an open breaker purges nothing', async () => {
    expect(host({})).to.have.property('purge', undefined);
    const purged: string[] = [];
    const plugin = pluginOf({
      purge: async (of) => void purged.push(of),
      write: () => Promise.reject(new StoreUnavailableError('away')),
    });
    const held = { ...plugin, signal: new AbortController().signal };
    const journal = host({ ...plugin, hold: async () => held });
    await journal.purge?.(id);
    await (await journal.hold?.(id))?.purge?.(id);
    expect(purged).to.deep.equal([id, id]);
    for (let i = 1; i <= 2; i++) await failureOf(journal.write([writeOf(i)]));
    expect(await failureOf(journal.purge?.(id) ?? Promise.resolve())).to.be.instanceOf(
      WriteRejectedError,
    );
    expect(purged).to.have.length(2);
  });

  it('takes any error of a plugin that does not say what became of the write for one that may be stored', async () => {
    const away = new StoreUnavailableError('away');
    for (const cause of [new TypeError('x is not a function'), away]) {
      const error = await failureOf(
        host({ write: () => Promise.reject(cause) }).write([writeOf(1)]),
      );
      expect(error).to.be.instanceOf(WriteFailedError);
      expect(error.cause).to.equal(cause);
      expect(error.message).to.match(/^journal my\.journal failed/);
    }
    for (const known of [new WriteRejectedError('too large'), new NotOwnerError('lost')]) {
      const journal = host({ write: () => Promise.reject(known) });
      expect(await failureOf(journal.write([writeOf(1)]))).to.equal(known);
    }
  });

  it('refuses a highest number that is none', async () => {
    for (const answer of [-1, 1.5, undefined, '3'] as never[]) {
      const error = await failureOf(host({ highestSeqNr: async () => answer }).highestSeqNr(id, 0));
      expect(error).to.be.instanceOf(DataIntegrityError);
      expect(error.message).to.match(/^journal my\.journal answered .* as the highest number/);
    }
  });

  for (const [name, events, request, message] of [
    ['twice the same number', 'A1 A2 A2', {}, /gave event 2 after event 2/],
    ['a number below `from`', 'A1 A2', { from: SeqNr.of(2) }, /gave event 1, where 2 to/],
    ['a number above `to`', 'A1 A2', { to: SeqNr.of(1) }, /gave event 2, where 1 to 1 were/],
    ['more events than asked for', 'A1 A2', { maxEvents: 1 }, /gave more than the 1 events/],
  ] as const) {
    it(`ends a replay that breaks a rule, and names the journal: ${name}`, async () => {
      const journal = host({ replay: () => given(eventsIn(events)) });
      const error = await failureOf(replayed(journal, { ...everything, ...request }));
      expect(error).to.be.instanceOf(DataIntegrityError);
      expect(error.message)
        .to.match(/^journal my\.journal /)
        .and.match(message);
      expect((error as DataIntegrityError).place).to.have.keys('id', 'seqNr');
    });
  }

  it('refuses a recovery, and events, that are none: the error names the section', async () => {
    const [event] = eventsIn('a:1');
    const recoveries: unknown[] = [
      undefined,
      { highestSeqNr: 1, events: given([]) },
      { highestSeqNr: async () => Number.NaN, events: given([]) },
      { highestSeqNr: async () => -1, events: given([]) },
      { highestSeqNr: async () => 1 },
    ];
    for (const recovery of recoveries) {
      const journal = host({ recover: async () => recovery as never });
      const call = journal.recover?.(everything).then(({ highestSeqNr }) => highestSeqNr());
      const error = await failureOf(call ?? Promise.resolve());
      expect(error, String(recovery)).to.be.instanceOf(DataIntegrityError);
      expect(error.message).to.match(/^journal my\.journal (answered|gave) /);
    }
    const batches: unknown[] = [
      event,
      [null],
      ...[{ seqNr: '1' }, { seqNr: Number.NaN }, { seqNr: 1.5 }].map((of) => [{ ...event, ...of }]),
      ...['writerUuid', 'manifest', 'facts'].map((name) => [{ ...event, [name]: undefined }]),
      ...[new Date(), Number.NaN, '1'].map((timestampMs) => [{ ...event, timestampMs }]),
    ];
    for (const batch of batches) {
      const journal = host({ replay: () => given(batch as never) });
      const error = await failureOf(replayed(journal));
      expect(error, JSON.stringify(batch)).to.be.instanceOf(DataIntegrityError);
      expect(error.message).to.match(/^journal my\.journal gave /);
    }
  });

  it('says of a read that failed which section it is of, and that it may be tried again', async () => {
    const cause = new Error('no such disk');
    const fail = (): never => {
      throw cause;
    };
    const failing = host({ highestSeqNr: fail, replay: fail, recover: fail, hold: fail });
    const unopened = host({ replay: () => ({ [Symbol.asyncIterator]: fail }) });
    const late = host({
      async *replay() {
        yield eventsIn('a:1');
        fail();
      },
      recover: async () => ({ highestSeqNr: fail, events: given([]) }),
    });
    const calls = [
      async () => await failing.highestSeqNr(id, 0),
      async () => await replayed(failing),
      async () => await failing.recover?.(everything),
      async () => await failing.hold?.(id),
      async () => await replayed(unopened),
      async () => await replayed(late),
      async () => await (await late.recover?.(everything))?.highestSeqNr(),
    ];
    for (const call of calls) {
      const error = await failureOf(call());
      expect(error).to.be.instanceOf(StoreUnavailableError);
      expect(error).to.include({ message: 'journal my.journal failed', cause });
    }
  });

  it('tells a caller who gave up that it did; watches no deadline when it is closed', async () => {
    const over = new AbortController();
    const giveUp = async (): Promise<never> => {
      over.abort('gave up');
      throw new Error('interrupted');
    };
    const { signal } = over;
    const { sleeping } = clock;
    const journal = host({ write: giveUp, deleteTo: () => new Promise(() => {}) });
    expect(await failureOf(journal.write([writeOf(1)], { signal }))).to.equal('gave up');
    journal.deleteTo(id, SeqNr.of(1)).catch(() => {});
    expect(clock.sleeping).to.equal(sleeping + 1);
    await journal[Symbol.asyncDispose]();
    await settle();
    expect(clock.sleeping).to.equal(sleeping);
    const late = await failureOf(journal.deleteTo(id, SeqNr.of(1)));
    expect(late, 'the plugin is called no more').to.include({ code: 'CLOSED', stored: 'no' });
  });

  it('waits no longer than allowed for a plugin to close', async () => {
    const hangs = { [Symbol.asyncDispose]: () => new Promise<void>(() => {}) };
    const closing = failureOf(Promise.resolve(host(hangs)[Symbol.asyncDispose]()));
    await clock.advance(50);
    const error = await closing;
    expect(error).to.include({ code: 'DEADLINE_EXCEEDED' });
    expect(error.message).to.equal('journal my.journal was not closed within start-timeout, 50 ms');
  });

  it('says what was wrong with a replay, also when the plugin cannot be left', async () => {
    let left = 0;
    const inUse = () => expect.fail('in use');
    for (const leave of [inUse, () => 5]) {
      const next = async () => ({ done: false, value: 7 as never });
      const source = { next, return: () => [left++, leave()] as never };
      const journal = host({ replay: () => ({ [Symbol.asyncIterator]: () => source }) });
      expect((await failureOf(replayed(journal))).message).to.match(
        /my\.journal gave 7, not a batch/,
      );
    }
    expect(left, 'its cursor is freed').to.equal(2);
  });

  it('gives all events of a batch, whatever the plugin does to its array afterwards', async () => {
    replayFilter = { ...replayFilter, mode: 'off' };
    const batch = [...eventsIn('A1 A2 A3')];
    const seen: string[] = [];
    // An empty batch is no sign that the journal lives.
    for await (const events of host({ replay: () => given([], batch) }, 1).replay(everything)) {
      seen.push(textOf(events));
      batch.length = 0;
    }
    expect(seen).to.deep.equal(['A1', 'A2', 'A3']);
  });

  it('ends a replay with an event of another entity', async () => {
    const stray = eventOf(1, 'w', other.persistenceId);
    const error = await failureOf(replayed(host({ replay: () => given([stray]) })));
    expect(error.message).to.match(/gave an event of q for p/);
  });

  it('filters a replay, logs what it leaves out, and does so in one pass, too', async () => {
    const events = () => given(eventsIn('A1 A2 A3'), eventsIn('B2 B3'));
    const journal = host({
      replay: events,
      recover: async () => ({ highestSeqNr: async () => 3, events: events() }),
    });
    expect(await replayed(journal)).to.equal('A1 B2 B3');
    expect(log.of('warn').join()).to.match(/^an event of a writer .* is left out .*,an event of/);
    expect(log.lines[0]?.fields).to.include({ plugin: 'journal my.journal', seqNr: 2 });
    const recovery = await journal.recover?.(everything);
    const all: PersistentRepr[] = [];
    for await (const batch of recovery?.events ?? []) all.push(...batch);
    expect(textOf(all)).to.equal('A1 B2 B3');
    expect(await recovery?.highestSeqNr()).to.equal(3);
    expect(Reflect.get(host({}), 'recover'), 'not made up').to.equal(undefined);
  });

  it('does the same around a recovery that was begun before', async () => {
    let asked: ReplayRequest | undefined;
    let isOver = false;
    const begun: BegunRecovery = {
      recover: async (request) => {
        asked = request;
        return { highestSeqNr: async () => 3, events: given(eventsIn('A1 A2 A3 B3')) };
      },
      [Symbol.asyncDispose]: async () => {
        isOver = true;
      },
    };
    const over = new AbortController();
    let signal: AbortSignal | undefined;
    const journal = host({
      beginRecovery: (_id, options) => {
        signal = options?.signal;
        return begun;
      },
    });
    const hosted = journal.beginRecovery?.(id, { signal: over.signal });
    expect(signal).to.equal(over.signal);
    const recovery = await hosted?.recover(everything);
    expect(asked).to.deep.equal({ ...everything, maxAhead: 1000 });
    const all: PersistentRepr[] = [];
    for await (const batch of recovery?.events ?? []) all.push(...batch);
    expect(textOf(all)).to.equal('A1 A2 B3');
    expect(await recovery?.highestSeqNr()).to.equal(3);
    await hosted?.[Symbol.asyncDispose]();
    expect(isOver).to.equal(true);
    const failing = host({ beginRecovery: () => expect.fail('away') });
    expect(() => failing.beginRecovery?.(id)).to.throw(StoreUnavailableError, 'my.journal failed');
    expect(Reflect.get(host({}), 'beginRecovery'), 'not made up').to.equal(undefined);
  });

  it('says that a journal answered nothing to what it began', async () => {
    const nothing = { recover: async () => undefined, [Symbol.asyncDispose]: async () => {} };
    const journal = host({ beginRecovery: () => nothing as unknown as BegunRecovery });
    const error = await failureOf(
      journal.beginRecovery?.(id).recover(everything) ?? expect.fail('not begun'),
    );
    expect(error).to.be.instanceOf(DataIntegrityError);
    expect(error.message).to.include('journal my.journal answered undefined to recover()');
  });

  it('does not filter in mode off; logs what passes when it shall', async () => {
    replayFilter = { ...replayFilter, mode: 'off', debug: true };
    expect(await replayed(host({ replay: () => given(eventsIn('A1 B2 A3')) }))).to.equal(
      'A1 B2 A3',
    );
    expect(log.of('debug')).to.have.lengthOf(3);
    replayFilter = { ...replayFilter, mode: 'fail' };
    const journal = host({ replay: () => given(eventsIn('A1 B2 A3')) });
    expect(await failureOf(replayed(journal))).to.be.instanceOf(DataIntegrityError);
  });

  it('gives at most replay-batch-size events at once, and says so to the plugin', async () => {
    let asked: ReplayRequest | undefined;
    const journal = host(
      {
        replay: (request) => {
          asked = request;
          return given(eventsIn('A1 A2 A3 A4 A5'), eventsIn('A6'));
        },
      },
      2,
    );
    const sizes: number[] = [];
    for await (const batch of journal.replay(everything)) sizes.push(batch.length);
    // The filter holds both batches back, until it has seen the end.
    expect(sizes).to.deep.equal([0, 0, 2, 2, 2]);
    expect(asked?.maxAhead).to.equal(2);
  });

  it('pulls from the plugin only what is asked for, and frees what a caller leaves early', async () => {
    replayFilter = { ...replayFilter, mode: 'off' };
    let [pulled, freed] = [0, 0];
    const source = (): AsyncIterable<readonly PersistentRepr[]> => ({
      [Symbol.asyncIterator]: () => ({
        next: async () => ({ done: false, value: [eventOf(++pulled)] }),
        return: async () => {
          freed++;
          return { done: true, value: undefined };
        },
      }),
    });
    for await (const [event] of host({ replay: source }).replay(everything)) {
      if (event?.seqNr === 3) break;
    }
    expect([pulled, freed]).to.deep.equal([3, 1]);
    // Left before its first event.
    await host({ replay: source }).replay(everything)[Symbol.asyncIterator]().return?.();
    expect([pulled, freed]).to.deep.equal([3, 2]);
  });

  it('does the same around a journal that is held', async () => {
    const over = new AbortController();
    const held: HeldPlugin = {
      ...pluginOf({
        replay: () => given(eventsIn('A1 A2 B2')),
        write: async () => undefined as never,
      }),
      signal: over.signal,
    };
    const journal = host({ hold: async () => held });
    const hosted = await journal.hold?.(id);
    expect(hosted?.signal).to.equal(over.signal);
    expect(await replayed(hosted as JournalPlugin)).to.equal('A1 B2');
    const error = await failureOf(hosted?.write([writeOf(1)]) ?? Promise.resolve());
    expect(error.message).to.match(/^journal my\.journal answered undefined/);
    expect(Reflect.get(host({}), 'hold')).to.equal(undefined);
    expect(await host({ hold: async () => undefined }).hold?.(id)).to.equal(undefined);
  });
});
