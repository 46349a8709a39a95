import { getEventListeners } from 'node:events';
import { expect } from 'chai';
import { waitFor } from 'xstate';
import { isReady } from '../../../src/actor/entity/persistence-info.ts';
import { NotOwnerError, WriteFailedError } from '../../../src/model/errors.ts';
import { HoldableJournal } from './holdable-journal.ts';
import { openCounter, openDecidingCounter } from './open-counter.ts';
import { failureOf, settle } from './support.ts';

const add = { type: 'added', n: 1 } as const;
const enough = new Error('enough');

function listenersOf({ signal }: AbortController): number {
  return getEventListeners(signal, 'abort').length;
}

describe('an ask whose signal fires', () => {
  it('before it is asked: nothing is sent, nor started', async () => {
    const { host, journal, logic, start } = openCounter();
    const counters = host.entities('counter', logic);
    const signal = AbortSignal.abort(enough);
    expect(await failureOf(host.ask(start(), add, { signal }))).to.equal(enough);
    expect(await failureOf(counters.ask('2', add, { signal }))).to.equal(enough);
    await settle();
    expect(counters.ids()).to.deep.equal([]);
    expect(journal.writes).to.deep.equal([]);
  });

  it('during the recovery: the command never runs', async () => {
    const { host, journal, start } = openCounter();
    const replay = journal.blockReplay();
    const actor = start();
    const stop = new AbortController();
    const asked = failureOf(host.ask(actor, add, { signal: stop.signal }));
    await replay.reached;
    stop.abort(enough);
    expect(await asked).to.equal(enough);
    replay.open();
    const { snapshot } = await host.ask(actor, { type: 'added', n: 10 });
    expect(snapshot.context.count).to.equal(10);
  });

  it('in the stash: the command never runs, and its place is free', async () => {
    const { host, journal, start } = openCounter({ settings: { stashCapacity: 1 } });
    const actor = start();
    await waitFor(actor, isReady);
    const write = journal.blockNextWrite();
    const first = host.ask(actor, add);
    const stop = new AbortController();
    const asked = failureOf(host.ask(actor, add, { signal: stop.signal }));
    stop.abort(enough);
    expect(await asked).to.equal(enough);
    const next = host.ask(actor, { type: 'added', n: 10 });
    write.open();
    expect((await first).snapshot.context.count).to.equal(1);
    expect((await next).snapshot.context.count).to.equal(11);
  });

  it('during the write: the command may be stored, and is applied then', async () => {
    const { host, journal, start } = openCounter();
    const actor = start();
    await waitFor(actor, isReady);
    const write = journal.blockNextWrite();
    const stop = new AbortController();
    const asked = failureOf(host.ask(actor, add, { signal: stop.signal }));
    await write.reached;
    stop.abort(enough);
    expect(await asked).to.equal(enough);
    write.open();
    await settle();
    expect(actor.getSnapshot().context.count).to.equal(1);
  });

  it('after the answer: nothing happens', async () => {
    const { host, start } = openCounter();
    const actor = start();
    const stop = new AbortController();
    const { snapshot } = await host.ask(actor, add, { signal: stop.signal });
    stop.abort(enough);
    await settle();
    expect(snapshot.context.count).to.equal(1);
    expect(actor.getSnapshot().persistence.phase).to.equal('ready');
  });

  it('when the journal certainly did not store it: the command does not run again', async () => {
    const journal = new HoldableJournal();
    const { host, start } = openCounter({ journal });
    const actor = start();
    await waitFor(actor, isReady);
    const write = journal.blockAndFailNextWrite(new NotOwnerError('another process has it'));
    const stop = new AbortController();
    const asked = failureOf(host.ask(actor, add, { signal: stop.signal }));
    await write.reached;
    stop.abort(enough);
    expect(await asked).to.equal(enough);
    write.open();
    const { snapshot } = await host.ask(actor, { type: 'added', n: 10 });
    expect(snapshot.context.count).to.equal(10);
  });

  it('while the entity is being stopped: the command starts nothing', async () => {
    const { host, journal, logic } = openCounter();
    const counters = host.entities('counter', logic);
    await waitFor(counters.ref('1'), isReady);
    const write = journal.blockNextWrite();
    const first = counters.ask('1', add);
    await write.reached;
    const stopped = counters.stop('1');
    const stop = new AbortController();
    const asked = failureOf(counters.ask('1', add, { signal: stop.signal }));
    stop.abort(enough);
    expect(await asked).to.equal(enough);
    write.open();
    await Promise.all([first, stopped]);
    await settle();
    expect(counters.ids()).to.deep.equal([]);
    expect(journal.payloads('c|1')).to.have.length(2);
  });
});

describe('the signal of an ask', () => {
  it('is not listened to any longer than the ask takes', async () => {
    const stop = new AbortController();
    const { signal } = stop;
    const { host, journal, actor } = openDecidingCounter();
    await waitFor(actor, isReady);
    await host.ask(actor, { type: 'look' }, { signal }); // answered on the spot
    expect(listenersOf(stop)).to.equal(0);
    const asked = host.ask(actor, { type: 'add', ns: [1] }, { signal });
    expect(listenersOf(stop)).to.equal(1);
    await asked;
    await failureOf(host.ask(actor, { type: 'forbid' }, { signal }));
    const write = journal.blockAndFailNextWrite(new WriteFailedError('lost'));
    const late = failureOf(host.ask(actor, { type: 'add', ns: [1] }, { signal, timeout: 5 }));
    expect(await late).to.include({ code: 'ASK_TIMEOUT' });
    expect(listenersOf(stop)).to.equal(0);
    write.open();
    await settle();
    await failureOf(host.ask(actor, { type: 'look' }, { signal })); // it has ended
    expect(listenersOf(stop)).to.equal(0);
  });

  it('must be one: nothing was sent', async () => {
    const { host, journal, logic, start } = openCounter();
    const options = { signal: 'soon' as never };
    const wrong = { code: 'INVALID_INPUT', stored: 'no' };
    expect(await failureOf(host.ask(start(), add, options))).to.include(wrong);
    const counters = host.entities('counter', logic);
    expect(await failureOf(counters.ask('2', add, options))).to.include(wrong);
    await settle();
    expect(counters.ids()).to.deep.equal([]);
    expect(journal.writes).to.deep.equal([]);
  });
});
