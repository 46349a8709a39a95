import { expect } from 'chai';
import type { EventObject } from 'xstate';
import { createActor, setup, waitFor } from 'xstate';
import { isReady } from '../../../src/actor/entity/persistence-info.ts';
import type { JournalHostSettings } from '../../../src/config/settings/plugin-host-settings.ts';
import { CodecError, StoreUnavailableError, WriteFailedError } from '../../../src/model/errors.ts';
import { silentLogger } from '../../../src/observability/logger.ts';
import { hostJournal } from '../../../src/plugin/host/hosted-journal.ts';
import type { JournalPlugin, PersistentRepr } from '../../../src/ports/journal-plugin.ts';
import { type Clock, systemClock } from '../../../src/runtime/clock.ts';
import { MemoryJournalPlugin } from '../../support/memory-journal-plugin.ts';
import { RecordingLogger } from '../../support/recording-logger.ts';
import { counterMachine } from './counter.ts';
import { HoldableJournal } from './holdable-journal.ts';
import type { TestHostOptions } from './support.ts';
import { eventually, failureOf, ManualClock, settle, testHost } from './support.ts';

type Options = TestHostOptions & { readonly entity?: object };

function open({ entity = {}, ...options }: Options = {}) {
  const test = testHost(options);
  const logic = test.host.persistent(counterMachine(), {
    persistenceId: ({ input }) => `c|${input.id}`,
    ...entity,
  });
  const start = (id: string) => {
    const actor = createActor(logic, { input: { id } });
    actor.subscribe({ error: () => {} });
    return actor.start();
  };
  return { ...test, start };
}

const init = (id: string) => ({ type: 'xstate.init', input: { id } });
const added = (n: number) => ({ type: 'added', n });

const hostSettings: JournalHostSettings = {
  breaker: { maxFailures: 10, callTimeoutMs: 10_000, resetTimeoutMs: 30_000 },
  replayFilter: { mode: 'repair-by-discard-old', windowSize: 100, maxOldWriters: 10, debug: false },
  replayBatchSize: 1000,
};

describe('recovery', () => {
  it('reads a journal in one pass where the plugin can (ADR 22), and in two where it cannot', async () => {
    for (const onePass of [true, false]) {
      const journal = new MemoryJournalPlugin({ onePass });
      journal.seed('c|1', [init('1'), added(2), added(3)]);
      const { host, start } = open({ journal });
      const actor = start('1');
      await host.whenRecovered(actor);
      expect(actor.getSnapshot().context.count).to.equal(5);
      expect(actor.getSnapshot().persistence.sequenceNr).to.equal(3);
      expect(journal.calls).to.deep.equal(
        onePass
          ? { recover: 1, replay: 0, highestSeqNr: 0 }
          : { recover: 0, replay: 1, highestSeqNr: 1 },
      );
      await host.shutdown();
    }
  });

  it('reads nothing of a journal that was never written, in two passes', async () => {
    const journal = new MemoryJournalPlugin({ onePass: false });
    const { host, start } = open({ journal });
    await host.whenRecovered(start('1'));
    expect(journal.calls).to.deep.equal({ recover: 0, replay: 0, highestSeqNr: 1 });
    await host.shutdown();
  });

  it('applies events up to a bound, and goes on numbering after the highest', async () => {
    const cases = [
      { recovery: { toSeqNr: 3 }, count: 3 },
      { recovery: { maxEvents: 2 }, count: 1 },
      { recovery: { toSeqNr: 0 }, count: 0 },
    ];
    for (const { recovery, count } of cases) {
      const journal = new MemoryJournalPlugin();
      journal.seed('c|1', [init('1'), added(1), added(2), added(4)]);
      const { host, start } = open({ journal, entity: { recovery } });
      const actor = start('1');
      await host.whenRecovered(actor);
      expect(actor.getSnapshot().context.count).to.equal(count);
      expect((await host.ask(actor, { type: 'added', n: 1 })).sequenceNr).to.equal(5);
      await host.shutdown();
    }
  });

  it('fails when the journal says nothing for the bound, before the events', async () => {
    const { host, journal, start } = open({ settings: { recoveryEventTimeoutMs: 10 } });
    journal.blockReplay();
    const actor = start('1');
    const error = await failureOf(host.whenRecovered(actor));
    expect(error.code).to.equal('RECOVERY_FAILED');
    expect(error.cause).to.include({ code: 'DEADLINE_EXCEEDED' });
    expect(actor.getSnapshot().status).to.equal('error');
  });

  it('fails when the journal falls silent between events, but not when they trickle', async () => {
    const limitMs = 60;
    for (const gapMs of [40, 61]) {
      const clock = new ManualClock();
      const journal = trickling([init('1'), added(1), added(1), added(1), added(1)], gapMs, clock);
      const deps = { settings: hostSettings, configPath: 'my.journal', log: silentLogger, clock };
      const { host, start } = open({
        clock,
        // Its replay filter holds all of them back.
        openJournal: async () => hostJournal(journal, deps),
        settings: { recoveryEventTimeoutMs: limitMs },
      });
      const actor = start('1');
      const outcome = host.whenRecovered(actor).then(
        () => actor.getSnapshot().context.count,
        (error) => error.cause.code,
      );
      await settle();
      await clock.pass(6 * gapMs);
      expect(await outcome).to.equal(gapMs < limitMs ? 4 : 'DEADLINE_EXCEEDED');
    }
  });

  it('does not count the time that its journal takes to open, which has a bound of its own', async () => {
    const journal = new MemoryJournalPlugin();
    const { host, start } = open({
      settings: { recoveryEventTimeoutMs: 10 },
      openJournal: async () => {
        await systemClock.sleep(40);
        return journal;
      },
    });
    await host.whenRecovered(start('1'));
  });

  it('aborts the signal of a journal call that fell silent', async () => {
    let aborted: unknown;
    const stuck = {
      recover: (_request: unknown, { signal }: { signal: AbortSignal }) => {
        signal.addEventListener('abort', () => {
          aborted = signal.reason;
        });
        return new Promise(() => {});
      },
    } as unknown as MemoryJournalPlugin;
    const { host, start } = open({ journal: stuck, settings: { recoveryEventTimeoutMs: 5 } });
    await failureOf(host.whenRecovered(start('1')));
    expect(aborted).to.include({ code: 'DEADLINE_EXCEEDED' });
  });

  it('lets so many entities recover at once, first come first served', async () => {
    const { host, journal, start } = open({ settings: { maxConcurrentRecoveries: 2 } });
    const replay = journal.blockReplay();
    const actors = ['1', '2', '3', '4'].map(start);
    await settle();
    const phases = () => actors.map((actor) => actor.getSnapshot().persistence.phase);
    expect(phases()).to.deep.equal([
      'replaying',
      'replaying',
      'awaiting-permit',
      'awaiting-permit',
    ]);
    actors[2]?.stop(); // waiting
    actors[0]?.stop(); // holding
    await settle();
    expect(phases()).to.deep.equal(['stopped', 'replaying', 'stopped', 'replaying']);
    replay.open();
    await Promise.all([actors[1], actors[3]].map((actor) => host.whenRecovered(actor as object)));
    await host.shutdown();
  });

  it('begins with those that somebody asks', async () => {
    const { host, journal, start } = open({ settings: { maxConcurrentRecoveries: 1 } });
    const replay = journal.blockReplay();
    const [, , asked] = ['1', '2', '3'].map(start);
    await replay.reached;
    const answer = host.ask(asked as NonNullable<typeof asked>, { type: 'added', n: 1 });
    await settle();
    replay.open();
    await answer;
    await settle();
    const order = journal.requests.map(({ persistenceId }) => persistenceId);
    expect(order).to.deep.equal(['c|1', 'c|3', 'c|2']);
    await host.shutdown();
  });

  it('holds its journal anew before it reads it, when that was lost in the line', async () => {
    const journal = new HoldableJournal();
    const { host, start } = open({ journal, settings: { maxConcurrentRecoveries: 1 } });
    const replay = journal.blockReplay();
    const [first, second] = [start('1'), start('2')];
    await replay.reached;
    await settle();
    journal.lose('c|2');
    await settle();
    replay.open();
    await Promise.all([first, second].map((actor) => host.whenRecovered(actor)));
    expect(journal.holds.map(({ id }) => id)).to.deep.equal(['c|1', 'c|2', 'c|2']);
    expect(journal.requests.map((read) => read.persistenceId)).to.deep.equal(['c|1', 'c|2']);
    expect((await host.ask(second, { type: 'added', n: 1 })).sequenceNr).to.equal(2);
    await host.shutdown();
  });

  it('takes no permit while it waits for a write of before', async () => {
    const { host, journal, start } = open({ settings: { maxConcurrentRecoveries: 1 } });
    const former = start('1');
    await host.whenRecovered(former);
    const write = journal.blockNextWrite();
    const unknown = failureOf(host.ask(former, { type: 'added', n: 1 }));
    await write.reached;
    former.stop();
    await unknown;
    const next = start('1');
    await settle();
    await host.whenRecovered(start('2'));
    expect(next.getSnapshot().persistence.phase).to.equal('awaiting-permit');
    write.open();
    await host.whenRecovered(next);
    await host.shutdown();
  });

  it('gives its permit back after a failure, and when the completion handler throws', async () => {
    const onSignal = ({ type }: { type: string }) => {
      if (type === 'recovery-completed') throw new Error('handler');
    };
    const { host, journal, start } = open({
      settings: { maxConcurrentRecoveries: 1 },
      entity: { onSignal },
    });
    journal.failNextRecovery(new CodecError('not a record', { place: { offset: 3 } }));
    const broken = start('1');
    expect((await failureOf(host.whenRecovered(broken))).cause).to.include({ code: 'CODEC' });
    for (const id of ['2', '3']) {
      const actor = start(id);
      await eventually(() => actor.getSnapshot().status === 'error');
      expect((actor.getSnapshot().error as Error).message).to.equal('handler');
      expect((await failureOf(host.whenRecovered(actor))).message).to.equal('handler');
    }
  });

  it('goes its way when onSignal throws as it hears of the failure', async () => {
    const onSignal = ({ type }: { type: string }) => {
      if (type === 'recovery-failed') throw new Error('handler');
    };
    const log = new RecordingLogger();
    const { host, journal, start } = open({ log, entity: { onSignal } });
    journal.failNextRecovery(new CodecError('not a record', { place: { offset: 3 } }));
    expect(await failureOf(host.whenRecovered(start('1')))).to.include({ code: 'RECOVERY_FAILED' });
    expect(log.of('error')).to.have.lengthOf(1);
    const onPersistFailure = { minBackoff: 1, maxBackoff: 1 };
    const again = open({ entity: { onSignal, onPersistFailure } });
    again.journal.failNextRecovery(new StoreUnavailableError('away'));
    await again.host.whenRecovered(again.start('1'));
  });

  it('fails, warns or goes on when nothing handles a stored event any more', async () => {
    for (const unhandledReplayedEvent of ['fail', 'warn', 'ignore'] as const) {
      const warnings: string[] = [];
      const log = recordingLogger(warnings);
      const { host, journal, start } = open({ settings: { unhandledReplayedEvent }, log });
      journal.seed('c|1', [init('1'), added(1), { type: 'opened' }, added(1)]);
      const actor = start('1');
      const outcome = await host.whenRecovered(actor).then(
        () => actor.getSnapshot().context.count,
        (error: Error) => error.message,
      );
      if (unhandledReplayedEvent === 'fail') {
        expect(outcome).to.contain('event 3 ("opened") of c|1').and.to.contain('"open"');
      } else expect(outcome).to.equal(2);
      expect(warnings).to.have.length(unhandledReplayedEvent === 'warn' ? 1 : 0);
      await host.shutdown();
    }
  });

  it('fails naming the event whose assignment throws', async () => {
    const { host, journal, start } = open();
    journal.seed('c|1', [init('1'), { type: 'broken' }]);
    const error = await failureOf(host.whenRecovered(start('1')));
    expect(error.message).to.contain('event 2 ("broken")');
    expect((error.cause as Error).message).to.equal('cannot compute');
  });

  it('fails naming the event that is none, of a machine and of a behaviour', async () => {
    for (const payload of ['text', { n: 1 }, 5, null, [], new Uint8Array(2), { type: 7 }]) {
      const { host, journal, start } = open();
      journal.seed('c|1', [init('1'), payload]);
      const behaviour = host.behavior({
        types: { commands: {} as EventObject, events: {} as EventObject },
        persistenceId: 'b',
        initialState: 0,
        decide: () => ({ type: 'none' }),
        evolve: (state) => state + 1,
      });
      journal.seed('b', [{ type: 'counted' }, payload]);
      const actor = createActor(behaviour);
      actor.subscribe({ error: () => {} });
      for (const [id, started] of [
        ['c|1', start('1')],
        ['b', actor.start()],
      ] as const) {
        const error = await failureOf(host.whenRecovered(started));
        expect(error).to.include({ code: 'RECOVERY_FAILED', retryable: false });
        expect(error.message).to.contain(`event 2 of ${id} is no event`);
      }
    }
  });

  it('fails naming the event whose facts are none', async () => {
    for (const facts of [{ confirmed: 3 }, { deliveries: 5 }]) {
      const { host, journal, start } = open();
      journal.seed('c|1', [init('1'), added(1)]);
      Object.assign(journal.stored('c|1')[1] as object, { facts });
      const error = await failureOf(host.whenRecovered(start('1')));
      expect(error).to.include({ code: 'RECOVERY_FAILED', retryable: false });
      expect(error.message).to.equal('event 2 of c|1 cannot be applied');
    }
  });

  it('fails naming the event that evolve cannot take', async () => {
    for (const evolve of [
      () => {
        throw new Error('cannot evolve');
      },
      () => undefined as never,
      () => {
        throw undefined;
      },
    ]) {
      const { host, journal } = testHost();
      journal.seed('b', [{ type: 'counted' }]);
      const behaviour = host.behavior({
        types: { commands: {} as EventObject, events: {} as EventObject },
        persistenceId: 'b',
        initialState: 0,
        decide: () => ({ type: 'none' }),
        evolve,
      });
      const actor = createActor(behaviour);
      actor.subscribe({ error: () => {} });
      const error = await failureOf(host.whenRecovered(actor.start()));
      expect(error).to.include({ code: 'RECOVERY_FAILED' });
      expect(error.message).to.contain('event 1 ("counted") of b cannot be applied');
    }
  });

  it('fails at once, without a second try, when the stored input makes no initial state', async () => {
    const { host, journal } = testHost();
    const machine = setup({ types: { input: {} as { list: string[] } } }).createMachine({
      id: 'm',
      context: ({ input }) => ({ first: input.list.at(0) }),
    });
    journal.seed('m', [{ type: 'xstate.init', input: {} }]);
    const logic = host.persistent(machine, {
      persistenceId: 'm',
      onPersistFailure: { minBackoff: 1, maxBackoff: 1 },
    });
    const actor = createActor(logic, { input: { list: [] } });
    actor.subscribe({ error: () => {} });
    const error = await failureOf(host.whenRecovered(actor.start()));
    expect(error).to.include({ code: 'RECOVERY_FAILED', retryable: false });
    expect(journal.calls.recover).to.equal(1);
  });

  it('fails when the journal replays events out of order', async () => {
    const { host, start } = open({ journal: outOfOrder() });
    const error = await failureOf(host.whenRecovered(start('1')));
    expect(error.cause).to.include({ code: 'DATA_INTEGRITY' });
  });

  it('ignores what an earlier incarnation has still to say', async () => {
    const { host, journal, start } = open({
      settings: { recoveryEventTimeoutMs: 5 },
      entity: { onPersistFailure: { minBackoff: 1, maxBackoff: 1 } },
    });
    const late = journal.blockReplay();
    const actor = start('1');
    await eventually(() => journal.calls.recover > 1); // the first try has timed out
    late.open();
    expect((await host.ask(actor, { type: 'added', n: 1 })).snapshot.context.count).to.equal(1);
    await settle();
    expect(actor.getSnapshot().persistence.sequenceNr).to.equal(2);
    await host.shutdown();
  });

  it('brings 300 entities back at once', async () => {
    const { host, journal, start } = open({ settings: { maxConcurrentRecoveries: 7 } });
    const ids = Array.from({ length: 300 }, (_, i) => String(i));
    for (const id of ids) journal.seed(`c|${id}`, [init(id), added(Number(id)), added(1)]);
    const actors = ids.map(start);
    await Promise.all(actors.map((actor) => host.whenRecovered(actor)));
    const counts = actors.map((actor) => actor.getSnapshot().context.count);
    expect(counts).to.deep.equal(ids.map((id) => Number(id) + 1));
    await host.shutdown();
  });

  it('tries again after a failure that may pass, with its stash kept', async () => {
    const { host, journal, start } = open({
      entity: { onPersistFailure: { minBackoff: 1, maxBackoff: 1 } },
    });
    journal.failNextRecovery(new StoreUnavailableError('down'));
    journal.failNextRecovery(new WriteFailedError('no mark'));
    const answer = await host.ask(start('1'), { type: 'added', n: 1 });
    expect(answer.snapshot.context.count).to.equal(1);
    expect(journal.calls.recover).to.equal(3);
    await host.shutdown();
  });

  it('does not try again when the stored bytes are wrong', async () => {
    const { host, journal, start } = open({
      entity: { onPersistFailure: { minBackoff: 1, maxBackoff: 1 } },
    });
    journal.failNextRecovery(new CodecError('not a record'));
    await failureOf(host.whenRecovered(start('1')));
    expect(journal.calls.recover).to.equal(1);
  });

  it('leaves no journal of an entity that was only looked at', async () => {
    const { host, journal, start } = open();
    const actor = start('1');
    await waitFor(actor, isReady);
    await host.stop(actor);
    expect(journal.writes).to.have.length(0);
    const always = open({ settings: { initEvent: 'always' } });
    await always.host.whenRecovered(always.start('1'));
    expect(always.journal.payloads('c|1')).to.deep.equal([init('1')]);
    const never = open({ settings: { initEvent: 'never' } });
    await never.host.ask(never.start('1'), { type: 'added', n: 1 });
    expect(never.journal.payloads('c|1')).to.deep.equal([added(1)]);
    await Promise.all([host.shutdown(), always.host.shutdown(), never.host.shutdown()]);
  });

  it('gives the event loop back while it replays a long journal', async () => {
    const { host, journal, start } = open({ settings: { replayYieldEvery: 100 } });
    journal.seed('c|1', [init('1'), ...Array.from({ length: 1000 }, () => added(1))]);
    let turns = 0;
    const count = () => {
      turns++;
      ticking = setImmediate(count);
    };
    let ticking = setImmediate(count);
    const actor = start('1');
    await host.whenRecovered(actor);
    clearImmediate(ticking);
    expect(actor.getSnapshot().context.count).to.equal(1000);
    expect(turns).to.be.at.least(10);
    await host.shutdown();
  });
});

function trickling(payloads: readonly unknown[], gapMs: number, clock: Clock): JournalPlugin {
  return {
    recover: async () => ({
      highestSeqNr: async () => payloads.length,
      events: (async function* () {
        for (let i = 0; i < payloads.length; i++) {
          await clock.sleep(gapMs);
          const event = {
            seqNr: i + 1,
            payload: payloads[i],
            writerUuid: 'w',
            manifest: '',
            facts: {},
          };
          yield [{ ...event, persistenceId: 'c|1' } as unknown as PersistentRepr];
        }
      })(),
    }),
  } as unknown as JournalPlugin;
}

function outOfOrder(): MemoryJournalPlugin {
  const reprs = [2, 1].map((seqNr) => ({ seqNr, payload: added(1), facts: {} }));
  return {
    recover: async () => ({
      highestSeqNr: async () => 2,
      events: (async function* () {
        yield reprs;
      })(),
    }),
  } as unknown as MemoryJournalPlugin;
}

function recordingLogger(warnings: string[]) {
  const log = {
    debug: () => {},
    info: () => {},
    warn: (_fields: unknown, message: string) => warnings.push(message),
    error: () => {},
    child: () => log,
  };
  return log;
}
