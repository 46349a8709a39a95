import { expect } from 'chai';
import { setup } from 'xstate';
import { LocalEntityRegistry } from '../../../src/actor/registry/entity-registry.ts';
import { StoreUnavailableError, WriteFailedError } from '../../../src/model/errors.ts';
import { openAheadMs } from '../../../src/model/wake-up.ts';
import { silentLogger } from '../../../src/observability/logger.ts';
import { MemoryJournalPlugin } from '../../support/memory-journal-plugin.ts';
import { RecordingLogger } from '../../support/recording-logger.ts';
import { failureOf, ManualClock, settle, testHost } from './support.ts';

const delayMs = 60_000;

/** Reminds after a minute, and is stopped after a second without a command. */
const reminder = setup({
  types: { events: {} as { type: 'look' } | { type: 'again' } },
}).createMachine({
  id: 'reminder',
  initial: 'waiting',
  states: {
    waiting: { after: { [delayMs]: 'reminded' }, on: { look: {} } },
    reminded: { on: { again: 'waiting' } },
  },
});

function open() {
  const clock = new ManualClock();
  const log = new RecordingLogger();
  const journal = new MemoryJournalPlugin({ nowMs: () => clock.nowMs() });
  const { host } = testHost({ clock, log, journal });
  const logic = host.persistent(reminder, { persistenceId: 'r', passivateAfter: '1s' });
  const reminders = host.entities('reminder', logic, { input: () => undefined });
  const fired = () =>
    journal.stored('r').filter(({ facts: { timer } }) => timer !== undefined).length;
  return { clock, log, journal, host, reminders, fired };
}

describe('a delayed event of a passivated entity', () => {
  it('fires when it is due, though nobody speaks to the entity', async () => {
    const { clock, reminders, fired } = open();
    await reminders.ask('1', { type: 'look' });
    await clock.pass(3000);
    expect(reminders.ids()).to.deep.equal([]);
    await clock.pass(delayMs - openAheadMs - 3100);
    expect(reminders.ids()).to.deep.equal([]);
    await clock.pass(200);
    expect(reminders.ids(), 'opened ahead').to.deep.equal(['1']);
    expect(fired()).to.equal(0);
    await clock.pass(openAheadMs);
    await wakesUp();
    expect(fired()).to.equal(1);
    expect(reminders.ref('1').getSnapshot().value).to.equal('reminded');
    await clock.pass(3000);
    expect(reminders.ids()).to.deep.equal([]); // and it may sleep again
    await clock.pass(2 * delayMs);
    expect(fired()).to.equal(1);
    expect(reminders.ids()).to.deep.equal([]);
  });

  it('fires once when the entity has been spoken to in the meantime', async () => {
    const { clock, reminders, fired } = open();
    await reminders.ask('1', { type: 'look' });
    await clock.pass(3000);
    await reminders.ask('1', { type: 'look' });
    await clock.pass(3000);
    expect(reminders.ids()).to.deep.equal([]);
    await clock.pass(delayMs);
    await wakesUp();
    expect(fired()).to.equal(1);
  });

  it('is tried again, with a growing pause, when the entity cannot recover', async () => {
    const { clock, log, journal, reminders, fired } = open();
    await reminders.ask('1', { type: 'look' });
    await clock.pass(3000);
    const recoveries = journal.calls.recover;
    for (let i = 0; i < 3; i++) journal.failNextRecovery(new StoreUnavailableError('down'));
    await clock.pass(delayMs - openAheadMs - 3000);
    expect(journal.calls.recover - recoveries).to.equal(1);
    await clock.pass(1100);
    expect(journal.calls.recover - recoveries).to.equal(2);
    await clock.pass(1500);
    expect(journal.calls.recover - recoveries).to.equal(2);
    await clock.pass(600);
    expect(journal.calls.recover - recoveries).to.equal(3);
    await clock.pass(4100);
    await wakesUp();
    expect(fired()).to.equal(1);
    expect(log.of('error')).to.deep.equal(Array.from({ length: 3 }, () => 'entity failed'));
  });

  it('goes on by itself when the entity has failed over storing it', async () => {
    const { clock, journal, reminders, fired } = open();
    await reminders.ask('1', { type: 'look' });
    journal.failNextWrite(new WriteFailedError('nobody knows'));
    await clock.pass(delayMs);
    await wakesUp();
    expect(fired()).to.equal(0);
    await clock.pass(1100);
    await wakesUp();
    expect(fired()).to.equal(1);
  });

  it('still fires where a purge of the entity has failed, and not after one that has not', async () => {
    for (const fails of [true, false]) {
      const { clock, journal, reminders, fired } = open();
      await reminders.ask('1', { type: 'look' });
      await clock.pass(3000);
      Object.assign(journal, {
        purge: async () => {
          if (fails) throw new StoreUnavailableError('down');
        },
      });
      const purged = reminders.purge('1');
      if (fails) expect((await failureOf(purged)).code).to.equal('STORE_UNAVAILABLE');
      else await purged;
      await clock.pass(delayMs);
      await wakesUp();
      expect([fired(), reminders.ids()]).to.deep.equal(fails ? [1, ['1']] : [0, []]);
    }
  });

  it('does not fire after the entity was stopped on purpose, nor after the shutdown', async () => {
    for (const shutsDown of [false, true]) {
      const { clock, host, reminders, fired } = open();
      await reminders.ask('1', { type: 'look' });
      await clock.pass(3000);
      if (shutsDown) await host.shutdown();
      else await reminders.stop('1');
      await clock.pass(2 * delayMs);
      await wakesUp();
      expect(fired()).to.equal(0);
      expect(reminders.ids()).to.deep.equal([]);
    }
  });

  it('keeps its entity in memory when so many are noted already', async () => {
    const clock = new ManualClock();
    const closing = new AbortController();
    const stopped: string[] = [];
    const registry = new LocalEntityRegistry(
      { type: 't', logic: setup({}).createMachine({}), options: {}, traits: {} as never },
      {
        log: silentLogger,
        clock,
        ask: () => failureOf(Promise.reject(new Error('unused'))) as never,
        deleteEvents: async () => {},
        purge: async () => {},
        peek: () => expect.fail('nobody peeks'),
        stop: async () => {},
        whenRecoveredAnew: async () => {},
        hostOf: (ref) => ({
          work: {
            passivateAfterMs: 10,
            nextTimerMs: ref.id === 'plain' ? undefined : clock.nowMs() + 1000,
            wasDueMs: undefined,
            isLeft: false,
            isIdleFor: () => true,
            waitsForNothing: true,
            startsByItself: () => {},
          },
          handOver: async () => {},
          drop: async () => {},
        }),
        maxWakeUps: 2,
        closing: closing.signal,
      },
    );
    for (const id of ['a', 'b', 'c', 'd', 'plain']) {
      registry.ref(id).subscribe({ complete: () => stopped.push(id) });
    }
    await clock.pass(5);
    expect(stopped).to.deep.equal(['a', 'b', 'plain']);
    closing.abort();
  });
});

/** Timers of an entity go by Node's own clock. */
async function wakesUp(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, openAheadMs + 5));
  await settle();
}

describe('the ids of entities', () => {
  it('are well-formed texts that are not blank', async () => {
    const { reminders, host } = open();
    for (const id of ['', ' ', 'a\ud800', '\udc00', 7 as never, undefined as never]) {
      expect(() => reminders.ref(id))
        .to.throw('the id of an entity')
        .with.property('code', 'INVALID_INPUT');
      expect(() => reminders.send(id, { type: 'look' })).to.throw('the id of an entity');
      const error = await failureOf(reminders.ask(id, { type: 'look' }));
      expect(error).to.include({ code: 'INVALID_INPUT' });
    }
    const logic = host.persistent(reminder, { persistenceId: 'r' });
    expect(() => host.entities(' ', logic)).to.throw('a type of entities');
  });

  it('and inputs that throw name the entity', async () => {
    const { host } = open();
    const cause = new Error('no input');
    const input = () => {
      throw cause;
    };
    const entities = host.entities('x', host.persistent(reminder, { persistenceId: 'x' }), {
      input,
    });
    const error = await failureOf(entities.ask('1', { type: 'look' }));
    expect(error).to.include({ code: 'INVALID_INPUT', cause });
    expect(error.message).to.contain('"x"').and.to.contain('"1"');
  });
});
