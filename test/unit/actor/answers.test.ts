import { expect } from 'chai';
import { createActor, createMachine, waitFor } from 'xstate';
import { isReady } from '../../../src/actor/entity/persistence-info.ts';
import {
  LogUnavailableError,
  StoreUnavailableError,
  WriteFailedError,
} from '../../../src/model/errors.ts';
import { counterMachine } from './counter.ts';
import { openCounter } from './open-counter.ts';
import { failureOf, settle, testHost } from './support.ts';

const add = { type: 'added', n: 1 } as const;

describe('what an asker is told of a command', () => {
  it('that never ran because the store was down: not stored, and worth another try', async () => {
    const { host, journal, start } = openCounter();
    journal.failNextRecovery(new StoreUnavailableError('no answer'));
    const actor = start();
    const error = await failureOf(host.ask(actor, add));
    expect(error).to.include({ code: 'ENTITY_STOPPED', stored: 'no', retryable: true });
    expect(error.cause).to.include({ code: 'RECOVERY_FAILED', stored: 'no', retryable: true });
    const later = await failureOf(host.ask(actor, add));
    expect(later).to.include({ code: 'ENTITY_STOPPED', stored: 'no', retryable: true });
  });

  it('that never ran because stored bytes are wrong: not stored, and no use to try again', async () => {
    const { host, journal, start } = openCounter();
    journal.seed('c|1', ['text']);
    const error = await failureOf(host.ask(start(), add));
    expect(error).to.include({ code: 'ENTITY_STOPPED', stored: 'no', retryable: false });
    expect(error.cause).to.include({ code: 'RECOVERY_FAILED' });
  });

  it('whose write was under way when the actor was stopped: unknown', async () => {
    const { host, journal, start } = openCounter();
    const actor = start();
    await waitFor(actor, isReady);
    const write = journal.blockNextWrite();
    const written = failureOf(host.ask(actor, add));
    await write.reached;
    const waiting = failureOf(host.ask(actor, add));
    actor.stop();
    expect(await written).to.include({
      code: 'ENTITY_STOPPED',
      stored: 'unknown',
      retryable: false,
    });
    expect(await waiting).to.include({ code: 'ENTITY_STOPPED', stored: 'no' });
    write.open();
  });

  it('whose write failed: unknown; of those after it: not stored', async () => {
    const { host, journal, start } = openCounter();
    const actor = start();
    await waitFor(actor, isReady);
    const write = journal.blockAndFailNextWrite(new WriteFailedError('no answer'));
    const asked = [0, 1].map(() => failureOf(host.ask(actor, add)));
    await write.reached;
    write.open();
    expect(await asked[0]).to.include({
      code: 'WRITE_FAILED',
      stored: 'unknown',
      retryable: false,
    });
    expect(await asked[1]).to.include({ code: 'ENTITY_STOPPED', stored: 'no', retryable: false });
  });

  it('whose write is under way when its time is over: unknown', async () => {
    const { host, journal, start } = openCounter();
    const actor = start();
    await waitFor(actor, isReady);
    const write = journal.blockNextWrite();
    const error = await failureOf(host.ask(actor, add, { timeout: 5 }));
    expect(error).to.include({ code: 'ASK_TIMEOUT', stored: 'unknown', retryable: false });
    write.open();
    await settle();
    expect(actor.getSnapshot().context.count).to.equal(1);
  });

  it('that its journal keeps waiting: what the journal meets', async () => {
    const trouble = new LogUnavailableError('no broker answers');
    const asked: (string | undefined)[] = [];
    const journalTrouble = (pluginId: string | undefined) => {
      asked.push(pluginId);
      return trouble;
    };
    const { host, journal } = testHost({ journalTrouble });
    const options = { persistenceId: 'c|1', journalPluginId: 'my.journal' };
    const actor = createActor(host.persistent(counterMachine(), options), { input: { id: '1' } });
    actor.start();
    await waitFor(actor, isReady);
    const write = journal.blockNextWrite();
    const error = await failureOf(host.ask(actor, add, { timeout: 5 }));
    expect(error).to.include({ code: 'ASK_TIMEOUT', cause: trouble });
    expect(asked).to.deep.equal(['my.journal']);
    write.open();
  });

  it('of an entity that tries to recover again and again: its last failure', async () => {
    const { host, journal } = testHost();
    const onPersistFailure = { minBackoff: '1h', maxBackoff: '1h' };
    const options = { persistenceId: 'c|1', onPersistFailure };
    const logic = host.persistent(counterMachine(), options);
    journal.failNextRecovery(new StoreUnavailableError('no answer'));
    const actor = createActor(logic, { input: { id: '1' } }).start();
    const { cause } = await failureOf(host.ask(actor, add, { timeout: 5 }));
    expect(cause).to.include({ code: 'RECOVERY_FAILED' });
    expect((cause as Error).cause).to.include({ code: 'STORE_UNAVAILABLE' });
  });

  it('that only takes its time: no cause', async () => {
    const { host, journal, start } = openCounter();
    const actor = start();
    await waitFor(actor, isReady);
    const write = journal.blockNextWrite();
    const error = await failureOf(host.ask(actor, add, { timeout: 5 }));
    expect(error).not.to.have.property('cause');
    write.open();
  });

  it('that waits for a write when its time is over: not stored, and it never runs', async () => {
    const { host, journal, start } = openCounter({ settings: { stashCapacity: 2 } });
    const actor = start();
    await waitFor(actor, isReady);
    const write = journal.blockNextWrite();
    const first = host.ask(actor, add);
    const late = [0, 1].map(() => failureOf(host.ask(actor, add, { timeout: 5 })));
    for (const error of await Promise.all(late)) {
      expect(error).to.include({ code: 'ASK_TIMEOUT', stored: 'no', retryable: true });
    }
    const next = host.ask(actor, { type: 'added', n: 10 }); // there is room again
    write.open();
    expect((await first).snapshot.context.count).to.equal(1);
    expect((await next).snapshot.context.count).to.equal(11);
  });

  it('for an entity in its final state: an error of its own', async () => {
    const { host, journal } = testHost();
    const machine = createMachine({
      id: 'm',
      initial: 'open',
      states: { open: { on: { end: 'closed', note: {} } }, closed: { type: 'final' } },
    });
    const logic = host.persistent(machine, { persistenceId: 'm' });
    const actor = createActor(logic).start();
    await waitFor(actor, isReady);
    const write = journal.blockNextWrite();
    const end = host.ask(actor, { type: 'end' });
    const waiting = failureOf(host.ask(actor, { type: 'note' }));
    write.open();
    await end;
    const final = { code: 'ENTITY_DONE', stored: 'no', retryable: false };
    expect(await waiting).to.include(final);
    expect(await failureOf(host.ask(actor, { type: 'note' }))).to.include(final);
    const again = createActor(logic).start(); // recovers into the final state
    expect(await failureOf(host.ask(again, { type: 'note' }))).to.include(final);
    await host.whenRecovered(again);
  });

  it('with a wrong time-out: nothing was sent', async () => {
    const { host, journal, start } = openCounter();
    const actor = start();
    for (const timeout of [0, -1, Number.NaN, Infinity, '1s' as never]) {
      const error = await failureOf(host.ask(actor, add, { timeout }));
      expect(error).to.include({ code: 'INVALID_INPUT', stored: 'no' });
    }
    await host.ask(actor, add, null as never);
    expect(journal.stored('c|1')).to.have.length(2);
  });
});

describe('the wait for a recovery', () => {
  it('ends after its time-out, and with its signal', async () => {
    const { host, journal, start } = openCounter();
    const replay = journal.blockReplay();
    const actor = start();
    const late = await failureOf(host.whenRecovered(actor, { timeout: 5 }));
    expect(late).to.include({ code: 'DEADLINE_EXCEEDED', retryable: true });
    const stop = new AbortController();
    const waiting = failureOf(host.whenRecovered(actor, { timeout: 2000, signal: stop.signal }));
    stop.abort(new Error('enough'));
    expect((await waiting).message).to.equal('enough');
    expect((await failureOf(host.whenRecovered(actor, stop))).message).to.equal('enough');
    expect(await failureOf(host.whenRecovered(actor, { timeout: Number.NaN }))).to.include({
      code: 'INVALID_INPUT',
    });
    const recovered = host.whenRecovered(actor, {
      timeout: 2000,
      signal: new AbortController().signal,
    });
    replay.open();
    await recovered;
  });

  it('ends with the cause when the recovery fails or the actor stops', async () => {
    const { host, journal, start } = openCounter();
    journal.failNextRecovery(new StoreUnavailableError('no answer'));
    const failed = await failureOf(host.whenRecovered(start()));
    expect(failed).to.include({ code: 'RECOVERY_FAILED', retryable: true });
    expect(failed.cause).to.include({ code: 'STORE_UNAVAILABLE' });
    journal.blockReplay();
    const actor = start('2');
    const waiting = failureOf(host.whenRecovered(actor));
    actor.stop();
    expect(await waiting).to.include({ code: 'ENTITY_STOPPED', stored: 'no' });
  });
});
