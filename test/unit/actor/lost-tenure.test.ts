import { expect } from 'chai';
import { createActor, type EventObject, fromCallback, setup, waitFor } from 'xstate';
import { isReady } from '../../../src/actor/entity/persistence-info.ts';
import { NotOwnerError, WriteFailedError } from '../../../src/model/errors.ts';
import { counterMachine, decideCounter } from './counter.ts';
import { HoldableJournal } from './holdable-journal.ts';
import { openPayment } from './payment.ts';
import { eventually, failureOf, ManualClock, settle, testHost } from './support.ts';
import { World } from './world.ts';

const id = 'c|1';

/** A counter whose commands are its events, over a journal that the test takes away. */
function openHeld(ran: string[] = [], options: object = {}) {
  const journal = new HoldableJournal();
  const clock = new ManualClock();
  const { host } = testHost({ journal, clock });
  const logic = host.persistent(counterMachine(ran), { persistenceId: id, ...options });
  const actor = createActor(logic, { input: { id: '1' } });
  actor.subscribe({ error: () => {} });
  actor.start();
  const phase = () => actor.getSnapshot().persistence.phase;
  return { host, journal, actor, clock, phase };
}

describe('an entity that is held', () => {
  it('is recovered after it is held, and writes all through that, also its init record', async () => {
    const { host, journal, actor } = openHeld([], { initEvent: 'always' });
    const hold = journal.blockNextHold();
    await hold.reached;
    expect(journal.calls.recover).to.equal(0);
    hold.open();
    await host.ask(actor, { type: 'added', n: 1 });
    expect(journal.stored(id)).to.have.length(2);
    expect(journal.past).to.deep.equal([]);
    expect(journal.holds).to.have.length(1);
  });

  it('is let go when it ends, when it starts over, and when its recovery fails', async () => {
    const { host, journal, actor, clock } = openHeld([], {
      onPersistFailure: { minBackoff: 1, maxBackoff: 1 },
    });
    journal.failNextRecovery(new Error('no answer'));
    await settle();
    expect(journal.holds.map(({ released }) => released)).to.deep.equal([true]);
    await clock.pass(2);
    await host.ask(actor, { type: 'added', n: 1 });
    journal.failNextWrite(new WriteFailedError('no answer'));
    await failureOf(host.ask(actor, { type: 'added', n: 1 }));
    await clock.pass(2);
    await host.ask(actor, { type: 'added', n: 1 });
    expect(journal.holds.map(({ released }) => released)).to.deep.equal([true, true, false]);
    actor.stop();
    expect(journal.current).to.deep.equal([]);
  });

  it('is let go when the actor stops while the journal is being held', async () => {
    const { host, journal, actor } = openHeld();
    const hold = journal.blockNextHold();
    await hold.reached;
    await host.shutdown();
    expect(actor.getSnapshot().persistence.phase).to.equal('stopped');
    hold.open();
    await settle();
    expect(journal.holds.map(({ released }) => released)).to.deep.equal([true]);
    expect(journal.calls.recover).to.equal(0);
  });

  it('fails its recovery when it cannot be held', async () => {
    const { host, journal, actor } = openHeld();
    journal.failNextHold(new Error('no broker'));
    const error = await failureOf(host.whenRecovered(actor));
    expect(error.code).to.equal('RECOVERY_FAILED');
    expect((error.cause as Error).message).to.equal('no broker');
  });

  it('is written as it is where the journal cannot be held', async () => {
    const journal = new HoldableJournal();
    const openJournal = async () => Object.assign(journal, { hold: async () => undefined });
    const { host } = testHost({ openJournal });
    const logic = host.persistent(counterMachine(), { persistenceId: id });
    const actor = createActor(logic, { input: { id: '1' } }).start();
    await host.ask(actor, { type: 'added', n: 1 });
    expect(journal.past).to.deep.equal([`write ${id}`]);
  });
});

describe('an entity that was lost', () => {
  it('rests when it has nothing to do, shows nothing of its state, and comes back with a command', async () => {
    const { host, journal, actor, phase } = openHeld();
    await host.ask(actor, { type: 'added', n: 1 });
    journal.lose(id);
    const { context, status, persistence } = actor.getSnapshot();
    expect(context.count).to.equal(0);
    expect(status).to.equal('active');
    expect(persistence).to.include({ phase: 'unowned', sequenceNr: 0 });
    expect(persistence).to.not.have.property('lastError');
    await settle();
    expect(journal.holds).to.have.length(1);
    expect(journal.holds[0]?.released).to.equal(true);
    // The other process goes on with the entity.
    journal.seed(id, [{ type: 'added', n: 10 }]);
    const { snapshot, sequenceNr } = await host.ask(actor, { type: 'added', n: 100 });
    expect(snapshot.context.count).to.equal(111);
    expect(sequenceNr).to.equal(4);
    expect(phase()).to.equal('ready');
  });

  it('comes back with a command that is only sent', async () => {
    const { host, journal, actor, phase } = openHeld();
    await host.whenRecovered(actor);
    journal.lose(id);
    actor.send({ type: 'added', n: 1 });
    await eventually(() => phase() === 'ready' && journal.stored(id).length === 2);
  });

  it('does not count that as a failure, however often', async () => {
    const { host, journal, actor } = openHeld([], {
      onPersistFailure: { minBackoff: 1, maxBackoff: 1, maxRestarts: 1 },
    });
    for (let n = 1; n <= 10; n++) {
      const { snapshot } = await host.ask(actor, { type: 'added', n: 1 });
      expect(snapshot.context.count).to.equal(n);
      journal.lose(id);
    }
    expect(journal.holds).to.have.length(10);
  });

  it('holds and recovers again when it is lost during the replay, or before', async () => {
    const { host, journal, actor } = openHeld();
    const replay = journal.blockReplay();
    await replay.reached;
    journal.lose(id);
    journal.onHold = ({ id: lost }) => {
      journal.onHold = () => {};
      journal.lose(lost);
    };
    await settle();
    replay.open();
    await host.ask(actor, { type: 'added', n: 1 });
    expect(journal.holds.map(({ signal }) => signal.aborted)).to.deep.equal([true, true, false]);
    expect(actor.getSnapshot().context.count).to.equal(1);
  });

  it('recovers again when it is lost while its init record is being written', async () => {
    for (const outcome of ['stored', 'void'] as const) {
      const { host, journal, actor, phase } = openHeld([], { initEvent: 'always' });
      const write =
        outcome === 'stored'
          ? journal.blockNextWrite()
          : journal.blockAndFailNextWrite(new NotOwnerError('void'));
      await write.reached;
      journal.lose(id);
      await settle();
      expect(phase()).to.equal('unowned');
      expect(journal.holds).to.have.length(1);
      write.open();
      const { sequenceNr } = await host.ask(actor, { type: 'added', n: 1 });
      expect(sequenceNr).to.equal(2);
    }
  });

  it('goes on with its shutdown once its write is decided, and recovers no more', async () => {
    const { host, journal, actor } = openHeld();
    await host.whenRecovered(actor);
    const write = journal.blockAndFailNextWrite(new NotOwnerError('void'));
    const asked = failureOf(host.ask(actor, { type: 'added', n: 1 }));
    await write.reached;
    journal.lose(id);
    const down = host.shutdown();
    write.open();
    await down;
    expect(await asked).to.include({ code: 'ENTITY_STOPPED', stored: 'no' });
    expect(journal.holds).to.have.length(1);
  });

  it('may be passivated when it rests, and not while it has something to do', async () => {
    const clock = new ManualClock();
    const journal = new HoldableJournal();
    const { host } = testHost({ journal, clock });
    const logic = host.persistent(counterMachine(), { persistenceId: id, passivateAfter: 100 });
    const counters = host.entities('counter', logic);
    await counters.ask('1', { type: 'added', n: 1 });
    const hold = journal.blockNextHold();
    const write = journal.blockNextWrite();
    const asked = failureOf(counters.ask('1', { type: 'added', n: 1 }));
    await write.reached;
    journal.lose(id);
    await clock.pass(400);
    expect(counters.ids()).to.deep.equal(['1']);
    write.open();
    expect(await asked).to.include({ stored: 'yes' });
    hold.open();
    await settle();
    journal.lose(id);
    await clock.pass(400);
    expect(counters.ids()).to.deep.equal([]);
    expect((await counters.ask('1', { type: 'added', n: 1 })).snapshot.context.count).to.equal(3);
  });
});

describe('a write under way when the entity is lost', () => {
  async function loseInWrite(error?: Error, options: object = {}) {
    const ran: string[] = [];
    const test = openHeld(ran, options);
    await test.host.whenRecovered(test.actor);
    const write =
      error === undefined
        ? test.journal.blockNextWrite()
        : test.journal.blockAndFailNextWrite(error);
    const ask = (n: number) => test.host.ask(test.actor, { type: 'added', n });
    const asked = ask(1);
    asked.catch(() => {});
    await write.reached;
    const waiting = ask(10);
    waiting.catch(() => {});
    test.journal.lose(id);
    await settle();
    expect(test.journal.holds, 'nothing is recovered before the answer').to.have.length(1);
    expect(test.actor.getSnapshot().context.count).to.equal(0);
    return { ...test, asked, waiting, write, ran };
  }

  it('is tried again after the recovery when it is void; its asker sees nothing of that', async () => {
    const { asked, waiting, write, journal, ran } = await loseInWrite(new NotOwnerError('void'));
    journal.seed(id, [{ type: 'added', n: 100 }]);
    write.open();
    const counts = [await asked, await waiting].map((result) => {
      return (result.snapshot as unknown as { context: { count: number } }).context.count;
    });
    expect(counts).to.deep.equal([101, 111]);
    expect(ran).to.deep.equal(['added at 101', 'added at 111']);
    expect(journal.payloads(id)).to.have.length(3);
  });

  it('is tried again also when the journal says so before it fires its signal', async () => {
    const { host, journal, actor } = openHeld();
    await host.ask(actor, { type: 'added', n: 1 });
    journal.failNextWrite(new NotOwnerError('void'));
    const { snapshot } = await host.ask(actor, { type: 'added', n: 10 });
    expect(snapshot.context.count).to.equal(11);
    expect(journal.holds).to.have.length(2);
  });

  it('is not stored for an asker whose time is over before it is tried again', async () => {
    const { host, journal, actor, clock } = openHeld();
    await host.whenRecovered(actor);
    const write = journal.blockAndFailNextWrite(new NotOwnerError('void'));
    const asked = failureOf(host.ask(actor, { type: 'added', n: 1 }, { timeout: 5 }));
    await write.reached;
    journal.lose(id);
    const hold = journal.blockNextHold();
    write.open();
    await hold.reached;
    await clock.pass(10);
    expect(await asked).to.include({ code: 'ASK_TIMEOUT', stored: 'no' });
    hold.open();
    await settle();
    expect(journal.stored(id)).to.deep.equal([]);
  });

  it('is stored for its asker, who hears so; its actions never run', async () => {
    const { asked, waiting, write, ran } = await loseInWrite();
    write.open();
    expect(await failureOf(asked)).to.include({ code: 'ENTITY_STOPPED', stored: 'yes' });
    const { snapshot } = await waiting;
    expect((snapshot as unknown as { context: { count: number } }).context.count).to.equal(11);
    expect(ran).to.deep.equal(['added at 11']);
  });

  it('is answered as usual when nothing but the state comes of it', async () => {
    const { host, journal } = openHeld();
    const logic = host.behavior({
      types: {
        commands: {} as { type: 'add'; n: number },
        events: {} as { type: 'added'; n: number },
      },
      persistenceId: 'b|1',
      initialState: 0,
      decide: ({ command }) => ({
        type: 'persist',
        events: [{ type: 'added', n: command.n }],
        reply: `added ${command.n}`,
      }),
      evolve: (state, event) => state + event.n,
    });
    const actor = createActor(logic).start();
    await host.ask(actor, { type: 'add', n: 1 });
    const first = journal.blockNextWrite();
    const one = host.ask(actor, { type: 'add', n: 10 });
    await first.reached;
    const second = journal.blockNextWrite();
    const grouped = [100, 1000].map((n) => host.ask(actor, { type: 'add', n }));
    first.open();
    await one;
    await second.reached;
    journal.lose('b|1');
    second.open();
    const answers = await Promise.all(grouped);
    expect(
      answers.map(({ reply, sequenceNr, snapshot: { context } }) => [reply, sequenceNr, context]),
    ).to.deep.equal([
      ['added 100', 3, 111],
      ['added 1000', 4, 1111],
    ]);
    expect((await host.ask(actor, { type: 'add', n: 1 })).snapshot.context).to.equal(1112);
  });

  it('has failed when nobody knows what became of it, as it has without a loss', async () => {
    const error = new WriteFailedError('no answer');
    const ended = await loseInWrite(error);
    ended.write.open();
    expect((await failureOf(ended.asked)).code).to.equal('WRITE_FAILED');
    expect((await failureOf(ended.waiting)).code).to.equal('ENTITY_STOPPED');
    const restarted = await loseInWrite(error, {
      onPersistFailure: { minBackoff: 1, maxBackoff: 1 },
    });
    restarted.write.open();
    expect((await failureOf(restarted.asked)).code).to.equal('WRITE_FAILED');
    expect(restarted.phase()).to.equal('backoff');
    await restarted.clock.pass(2);
    await restarted.waiting;
    expect(restarted.journal.holds).to.have.length(2);
  });

  it('may be stored in part: the rest is tried again', async () => {
    const journal = new HoldableJournal();
    const { host } = testHost({ journal });
    const logic = host.persistent(counterMachine(), { persistenceId: id });
    const actor = createActor(logic, { input: { id: '1' } }).start();
    await host.whenRecovered(actor);
    const first = journal.blockNextWrite();
    const asked = [host.ask(actor, { type: 'added', n: 1 })];
    await first.reached;
    journal.rejectNextWrite(new NotOwnerError('void'), [1, 2]);
    for (const n of [10, 100, 1000]) asked.push(host.ask(actor, { type: 'added', n }));
    first.open();
    const settled = await Promise.allSettled(asked);
    expect(settled.map(({ status }) => status)).to.deep.equal([
      'fulfilled',
      'rejected',
      'fulfilled',
      'fulfilled',
    ]);
    expect((settled[1] as PromiseRejectedResult).reason).to.include({ stored: 'yes' });
    expect(actor.getSnapshot().context.count).to.equal(1111);
    expect(journal.payloads(id)).to.have.length(5);
  });

  it('leaves commands that wait for another event to be tried again', async () => {
    const journal = new HoldableJournal();
    const { host } = testHost({ journal });
    const logic = host.persistent(counterMachine(), {
      types: { commands: {} as EventObject },
      persistenceId: id,
      decide: ({ snapshot, command }) => {
        if (command.type === 'wait-for-10' && snapshot.context.count < 10) return { type: 'stash' };
        return decideCounter({ snapshot, command: { type: 'look' } });
      },
    });
    const actor = createActor(logic, { input: { id: '1' } }).start();
    const asked = host.ask(actor, { type: 'wait-for-10' });
    await settle();
    journal.seed(id, [{ type: 'added', n: 10 }]);
    journal.lose(id);
    expect((await asked).reply).to.equal(10);
  });
});

describe('timers and children of an entity that is lost', () => {
  const bell = setup({}).createMachine({
    id: 'bell',
    initial: 'waiting',
    states: { waiting: { after: { 1000: 'rung' } }, rung: {} },
  });

  function openWorld() {
    const time = { ms: 1_700_000_000_000 };
    const journal = new HoldableJournal({ nowMs: () => time.ms });
    return { world: new World(time, journal), journal };
  }

  it('rings once, at its time, under the tenure that follows', async () => {
    const { world, journal } = openWorld();
    const { actor } = world.start(bell);
    await settle();
    await world.pass(400);
    const hold = journal.blockNextHold();
    journal.lose('e');
    expect(actor.getSnapshot()).to.have.nested.property('persistence.phase', 'awaiting-permit');
    await hold.reached;
    await world.pass(400);
    hold.open();
    await settle();
    expect(actor.getSnapshot().value).to.equal('waiting');
    await world.pass(200);
    expect(actor.getSnapshot().value).to.equal('rung');
    expect(journal.stored('e')).to.have.length(2);
    journal.lose('e');
    await settle();
    expect(journal.holds, 'nothing is left to wait for').to.have.length(2);
  });

  it('does not ring while another process has the entity', async () => {
    const { world, journal } = openWorld();
    world.start(bell);
    await settle();
    const hold = journal.blockNextHold();
    journal.lose('e');
    await hold.reached;
    await world.pass(5000);
    expect(journal.stored('e')).to.have.length(1);
    hold.open();
    await settle();
    await world.pass(1);
    expect(journal.stored('e')).to.have.length(2);
  });

  it('rings again when the write of its firing is void', async () => {
    const { world, journal } = openWorld();
    const { actor } = world.start(bell);
    await settle();
    const write = journal.blockAndFailNextWrite(new NotOwnerError('void'));
    await world.pass(1000);
    await write.reached;
    journal.lose('e');
    write.open();
    await settle();
    await world.pass(1);
    expect(actor.getSnapshot().value).to.equal('rung');
    expect(journal.payloads('e')).to.have.length(2);
  });

  it('aborts invoked work at once and starts it again; a late result does not count', async () => {
    const journal = new HoldableJournal();
    const { host, calls, start } = openPayment(journal);
    const actor = start();
    await host.ask(actor, { type: 'pay', cents: 5 });
    expect(calls).to.have.length(1);
    const hold = journal.blockNextHold();
    journal.lose('payment');
    calls[0]?.resolve('first');
    await hold.reached;
    await settle();
    expect(calls).to.have.length(1);
    hold.open();
    await settle();
    expect(calls).to.have.length(2);
    calls[1]?.resolve('second');
    await waitFor(actor, ({ status }) => status === 'done');
    expect(actor.getSnapshot().context.receipt).to.equal('second');
  });

  it('takes the end of a child again that was being written when it turned out void', async () => {
    const journal = new HoldableJournal();
    const { host, calls, start } = openPayment(journal);
    const actor = start();
    await host.ask(actor, { type: 'pay', cents: 5 });
    const write = journal.blockAndFailNextWrite(new NotOwnerError('void'));
    calls[0]?.resolve('first');
    await write.reached;
    journal.lose('payment');
    write.open();
    await settle();
    expect(calls).to.have.length(2);
    calls[1]?.resolve('second');
    await waitFor(actor, ({ status }) => status === 'done');
    expect(actor.getSnapshot().context.receipt).to.equal('second');
  });

  it('starts nothing that was recovered under a tenure which was lost before it was adopted', async () => {
    let begun = 0;
    const radio = fromCallback(() => {
      begun++;
    });
    const machine = setup({ actors: { radio } }).createMachine({
      invoke: { src: 'radio', id: 'r' },
    });
    const journal = new HoldableJournal();
    const { host } = testHost({ journal });
    const actor = createActor(host.persistent(machine, { persistenceId: 'r' }));
    journal.onHold = ({ id: lost }) => {
      if (journal.holds.length <= 3) journal.lose(lost);
    };
    actor.start();
    await waitFor(actor, isReady);
    expect(begun).to.equal(1);
    expect(journal.holds).to.have.length(4);
  });
});
