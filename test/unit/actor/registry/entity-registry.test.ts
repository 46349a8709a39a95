import { expect } from 'chai';
import { fromPromise, setup } from 'xstate';
import { WriteFailedError } from '../../../../src/model/errors.ts';
import { systemClock } from '../../../../src/runtime/clock.ts';
import { counterMachine } from '../counter.ts';
import type { TestHostOptions } from '../support.ts';
import { eventually, failureOf, testHost } from '../support.ts';

function open(options: TestHostOptions = {}, entity: object = {}) {
  const test = testHost(options);
  const logic = test.host.persistent(counterMachine(), {
    persistenceId: ({ input }) => `counter|${input.id}`,
    ...entity,
  });
  return { ...test, logic, counters: test.host.entities('counter', logic) };
}

const add = { type: 'added', n: 1 } as const;

describe('entities', () => {
  it('start when they are first spoken to, and are one actor an id', async () => {
    const { host, journal, counters } = open();
    expect(counters.ids()).to.deep.equal([]);
    await Promise.all([counters.ask('a', add), counters.ask('a', add), counters.ask('b', add)]);
    counters.send('b', add);
    await eventually(() => counters.ref('b').getSnapshot().context.count === 2);
    expect(counters.ref('a').getSnapshot().context.count).to.equal(2);
    expect(counters.ids()).to.deep.equal(['a', 'b']);
    expect(journal.stored('counter|a')).to.have.length(3);
    await host.shutdown();
    expect(counters.ids()).to.deep.equal([]);
  });

  it('get { id } as their input, unless told otherwise', async () => {
    const { host, logic, counters } = open();
    expect(counters.ref('a').getSnapshot().context.id).to.equal('a');
    const others = host.entities('other', logic, { input: (id) => ({ id: `x-${id}` }) });
    expect(others.ref('a').getSnapshot().context.id).to.equal('x-a');
    await host.shutdown();
  });

  it('are not started with a promise as their input: nobody waits for it', async () => {
    const { host, logic, journal } = open({ settings: { initEvent: 'always' } });
    const input = () => Promise.reject(new Error('no such account'));
    const others = host.entities('other', logic, { input: input as never });
    const refused = await failureOf(others.ask('a', add));
    expect(refused).to.include({ code: 'INVALID_INPUT' });
    expect(refused.message).to.equal(
      'the input of "other" answered a promise; it must answer at once',
    );
    expect(others.ids()).to.deep.equal([]);
    expect(journal.requests).to.deep.equal([]);
  });

  it('stop when they are idle, and start again when they are spoken to', async () => {
    const { host, counters } = open({}, { passivateAfter: '20ms' });
    await counters.ask('a', add);
    const first = counters.ref('a');
    await eventually(() => counters.ids().length === 0);
    expect(first.getSnapshot().status).to.equal('stopped');
    const { snapshot } = await counters.ask('a', add);
    expect(snapshot.context.count).to.equal(2);
    expect(counters.ref('a')).to.not.equal(first);
    await host.shutdown();
  });

  it('do not stop while they hold a command, a timer that is due sooner, or a running child', async () => {
    const machine = setup({
      types: { events: {} as { type: 'wait' } | { type: 'work' } | { type: 'rest' } },
      actors: { job: fromPromise(() => new Promise(() => {})) },
    }).createMachine({
      id: 'busy',
      initial: 'resting',
      states: {
        resting: { on: { wait: 'waiting', work: 'working' } },
        waiting: { after: { 60: 'resting' } },
        working: { invoke: { id: 'job', src: 'job' }, on: { rest: 'resting' } },
      },
    });
    const { host } = testHost();
    const logic = host.persistent(machine, {
      persistenceId: 'busy',
      passivateAfter: 50,
      decide: ({ command, snapshot }) =>
        command.type === 'rest' && snapshot.value === 'resting'
          ? { type: 'stash' }
          : { type: 'persist', events: [command] },
    });
    const registry = host.entities('busy', logic, { input: () => undefined });
    const isLive = () => registry.ids().length === 1;
    const longMs = 150;
    await registry.ask('1', { type: 'work' });
    await systemClock.sleep(longMs);
    expect(isLive()).to.equal(true);
    await registry.ask('1', { type: 'rest' });
    registry.send('1', { type: 'rest' }); // held
    await systemClock.sleep(longMs);
    expect(isLive()).to.equal(true);
    await registry.ask('1', { type: 'wait' });
    await eventually(() => !isLive()); // once the timer has fired and nothing is held
    await host.shutdown();
  });

  it('do not stop while a write is in flight', async () => {
    const { host, journal, counters } = open({}, { passivateAfter: 5 });
    const write = journal.blockNextWrite();
    const asked = counters.ask('a', add);
    await write.reached;
    await new Promise((resolve) => setTimeout(resolve, 40));
    expect(counters.ids()).to.deep.equal(['a']);
    write.open();
    await asked;
    await host.shutdown();
  });

  it('start again for a command that arrives while they are being stopped', async () => {
    const { host, journal, counters } = open();
    await counters.ask('a', add);
    const write = journal.blockNextWrite();
    const before = counters.ask('a', add);
    await write.reached;
    const stopped = counters.stop('a');
    const after = counters.ask('a', add);
    counters.send('a', add);
    write.open();
    await Promise.all([before, stopped]);
    expect((await after).snapshot.context.count).to.be.within(3, 4);
    await eventually(() => counters.ref('a').getSnapshot().context.count === 4);
    await host.shutdown();
  });

  it('that failed are observed, and start again with the next command', async () => {
    const { host, journal, counters } = open();
    await counters.ask('a', add);
    journal.failNextWrite(new WriteFailedError('no answer'));
    expect((await failureOf(counters.ask('a', add))).code).to.equal('WRITE_FAILED');
    expect(counters.ids()).to.deep.equal([]);
    expect((await counters.ask('a', add)).snapshot.context.count).to.equal(2);
    await host.shutdown();
  });

  it('are refused after shutdown, and one type has one registry', async () => {
    const { host, logic, counters } = open();
    expect(() => host.entities('counter', logic)).to.throw('exist already');
    await host.shutdown();
    expect(() => counters.ref('a')).to.throw('shut down');
    expect(() => host.entities('other', logic))
      .to.throw('shut down')
      .with.include({ code: 'CLOSED' });
    expect((await failureOf(counters.ask('a', add))).code).to.equal('CLOSED');
  });
});
