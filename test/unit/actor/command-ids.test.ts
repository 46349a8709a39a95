import { expect } from 'chai';
import { createActor, setup } from 'xstate';
import type { AskResult } from '../../../src/actor/entity/ask.ts';
import { WriteFailedError, WriteRejectedError } from '../../../src/model/errors.ts';
import { MemoryJournalPlugin } from '../../support/memory-journal-plugin.ts';
import { HoldableJournal } from './holdable-journal.ts';
import { failureOf, settle, type TestHostOptions, testHost } from './support.ts';

interface Put {
  readonly type: 'put';
  readonly name: string;
  readonly times?: number;
  readonly reply?: unknown;
}
type Command = Put | { readonly type: 'forbid' } | { readonly type: 'look' };
interface Stored {
  readonly type: 'stored';
  readonly name: string;
}

/** A list to which each command adds its name, as often as it says; `decided` counts. */
function openList(options: TestHostOptions = {}, own: object = {}) {
  const test = testHost(options);
  const decided: string[] = [];
  const logic = test.host.behavior({
    types: { state: {} as readonly string[], commands: {} as Command, events: {} as Stored },
    persistenceId: 'list',
    initialState: [],
    decide: ({ state, command }) => {
      decided.push(command.type);
      if (command.type === 'forbid') return { type: 'reject', reason: new Error('not today') };
      if (command.type === 'look') return { type: 'none', reply: state.length };
      const { name, times = 1, reply = `${name} as number ${state.length + 1}` } = command;
      const events = Array.from({ length: times }, () => ({ type: 'stored', name }) as const);
      return { type: 'persist', events, reply };
    },
    evolve: (state, { name }) => [...state, name],
    ...own,
  });
  const actor = createActor(logic);
  actor.subscribe({ error: () => {} });
  actor.start();
  const ask = (command: Command, commandId?: string) =>
    test.host.ask(actor, command, commandId === undefined ? {} : { commandId });
  return { ...test, actor, ask, decided };
}

const put = (name: string, more: Partial<Put> = {}): Put => ({ type: 'put', name, ...more });

/** What must be the same in the answers to all tries. */
const shown = ({ sequenceNr, events, reply }: AskResult) => ({ sequenceNr, events, reply });

describe('ask with commandId', () => {
  it('answers a second try as the first one, without deciding anew', async () => {
    const { ask, decided, journal } = openList();
    const first = await ask(put('a', { times: 2 }), 'id-1');
    await ask(put('b'), 'id-2');
    const again = await ask(put('a', { times: 2 }), 'id-1');
    expect(shown(again)).to.deep.equal({
      sequenceNr: 2,
      events: [
        { type: 'stored', name: 'a' },
        { type: 'stored', name: 'a' },
      ],
      reply: 'a as number 1',
    });
    expect(shown(first)).to.deep.equal(shown(again));
    expect(again.snapshot.context, 'the present state').to.deep.equal(['a', 'a', 'b']);
    expect(decided).to.deep.equal(['put', 'put']);
    expect(journal.writes).to.have.length(2);
  });

  it('answers so whatever the askers before did with their replies', async () => {
    const { ask, actor, host } = openList();
    const wanted = { items: [3, 1] };
    const askAgain = async () => (await ask(put('a', { reply: wanted }), 'id-1')).reply;
    for (let tries = 0; tries < 3; tries++) {
      const reply = (await askAgain()) as typeof wanted;
      expect(reply).to.deep.equal({ items: [3, 1] });
      reply.items.pop();
    }
    const last = host.ask(actor, put('a'), { commandId: 'id-1' });
    await host.stop(actor);
    expect((await last).reply).to.deep.equal({ items: [3, 1] });
  });

  it('answers so after a recovery, and in another process', async () => {
    const { ask, journal } = openList();
    const first = await ask(put('a', { times: 3 }), 'id-1');
    await ask(put('b', { reply: { deep: [1, null] } }), 'id-2');
    const after = openList({ journal });
    expect(shown(await after.ask(put('a'), 'id-1'))).to.deep.equal(shown(first));
    expect((await after.ask(put('b'), 'id-2')).reply).to.deep.equal({ deep: [1, null] });
    expect(after.decided).to.deep.equal([]);
    expect((await after.ask(put('c'), 'id-3')).sequenceNr).to.equal(5);
  });

  it('keeps nothing of commands without an id', async () => {
    const { ask, journal } = openList();
    await ask(put('a'));
    await ask(put('b'), 'id');
    expect(journal.stored('list').map(({ facts }) => facts)).to.deep.equal([
      {},
      { command: { first: 2, last: 2, commandId: 'id', reply: 'b as number 2' } },
    ]);
  });

  it('gives the init record of a machine no part in the command', async () => {
    const { host, journal } = testHost();
    const machine = setup({
      types: { context: {} as { id: string }, input: {} as { id: string } },
    }).createMachine({
      id: 'm',
      context: ({ input }) => input,
      initial: 'a',
      states: { a: { on: { go: 'b' } }, b: {} },
    });
    const logic = host.persistent(machine, { persistenceId: 'm' });
    const start = () => createActor(logic, { input: { id: 'x' } }).start();
    const actor = start();
    const first = await host.ask(actor, { type: 'go' }, { commandId: 'id' });
    expect(journal.stored('m').map(({ facts }) => facts.command)).to.deep.equal([
      undefined,
      { first: 2, last: 2, commandId: 'id' },
    ]);
    await host.stop(actor);
    const again = await host.ask(start(), { type: 'go' }, { commandId: 'id' });
    expect(shown(again)).to.deep.equal(shown(first));
    expect(again.events).to.deep.equal([{ type: 'go' }]);
  });

  it('waits for the outcome of a first try that is being written', async () => {
    const { ask, journal, decided } = openList();
    const gate = journal.blockNextWrite();
    const tries = [ask(put('a'), 'id'), ask(put('a'), 'id'), ask(put('a'), 'id')];
    await gate.reached;
    await settle();
    expect(decided).to.deep.equal(['put']);
    gate.open();
    const [first, ...others] = await Promise.all(tries);
    for (const other of others) expect(shown(other)).to.deep.equal(shown(first as AskResult));
    expect(decided).to.deep.equal(['put']);
  });

  it('does not evaluate two tries for one write', async () => {
    const { ask, journal, decided } = openList();
    const gate = journal.blockNextWrite();
    const before = ask(put('x'));
    await gate.reached;
    const tries = [ask(put('a'), 'id'), ask(put('a'), 'id'), ask(put('b'))];
    gate.open();
    await before;
    const [first, again, other] = await Promise.all(tries);
    expect(shown(again as AskResult)).to.deep.equal(shown(first as AskResult));
    expect(other?.sequenceNr).to.equal(3);
    expect(decided.filter((type) => type === 'put')).to.have.length(3);
  });

  it('evaluates again what was rejected, or stored nothing', async () => {
    const { ask, journal, decided } = openList({ settings: { onRejected: 'continue' } });
    await failureOf(ask({ type: 'forbid' }, 'id'));
    expect((await ask({ type: 'look' }, 'id')).reply).to.equal(0);
    journal.rejectNextWrite(new WriteRejectedError('too large'));
    await failureOf(ask(put('a'), 'id'));
    expect((await ask(put('a'), 'id')).reply).to.equal('a as number 1');
    expect((await ask({ type: 'look' }, 'id')).reply, 'the id alone decides').to.equal(
      'a as number 1',
    );
    expect(decided).to.deep.equal(['forbid', 'look', 'put', 'put']);
  });

  for (const stored of [true, false]) {
    it(`after a write that failed, ${stored ? 'and was stored' : 'and was not stored'}: the effect is once`, async () => {
      const backoff = { onPersistFailure: { minBackoff: 1, maxBackoff: 1 } };
      const { ask, journal, decided } = openList({}, backoff);
      journal.failNextWrite(new WriteFailedError('no answer'), { stored });
      expect(await failureOf(ask(put('a'), 'id'))).to.include({ stored: 'unknown' });
      const again = await ask(put('a'), 'id');
      expect(shown(again)).to.deep.equal({
        sequenceNr: 1,
        events: [{ type: 'stored', name: 'a' }],
        reply: 'a as number 1',
      });
      expect(journal.payloads('list')).to.have.length(1);
      expect(decided).to.have.length(stored ? 1 : 2);
    });
  }

  it('answers the asker of a command that was stored while the entity was lost', async () => {
    const journal = new HoldableJournal();
    const { ask } = openList({ journal });
    const gate = journal.blockNextWrite();
    const first = ask(put('a'), 'id');
    await gate.reached;
    const retry = ask(put('a'), 'id');
    journal.lose('list');
    await settle();
    gate.open();
    expect(shown(await first)).to.deep.equal(shown(await retry));
    expect(journal.payloads('list')).to.have.length(1);
  });

  it('answers in a final state, too, also when it is reached by a recovery', async () => {
    const machine = setup({}).createMachine({
      id: 'm',
      initial: 'open',
      states: { open: { on: { close: 'closed' } }, closed: { type: 'final' } },
    });
    const { host, journal } = testHost();
    const logic = host.persistent(machine, { persistenceId: 'm' });
    const entities = host.entities('m', logic);
    const close = (of: typeof entities) => of.ask('m', { type: 'close' }, { commandId: 'id' });
    const actor = createActor(logic).start();
    const first = await host.ask(actor, { type: 'close' }, { commandId: 'id' });
    const onEnded = await host.ask(actor, { type: 'close' }, { commandId: 'id' });
    expect(shown(onEnded)).to.deep.equal(shown(first));
    expect(onEnded.snapshot.status).to.equal('done');
    expect(shown(await close(entities))).to.deep.equal(shown(first));
    const other = testHost({ journal }).host;
    const others = other.entities('m', other.persistent(machine, { persistenceId: 'm' }));
    expect(shown(await close(others))).to.deep.equal(shown(first));
    const unknown = others.ask('m', { type: 'close' }, { commandId: 'other' });
    expect((await failureOf(unknown)).code).to.equal('ENTITY_DONE');
  });

  it('answers also when nothing is read any more of what the command stored', async () => {
    const { ask, journal } = openList();
    await ask(put('a'), 'id');
    const eventAdapter = {
      toJournal: (event: object) => event,
      fromJournal: (event: Stored) => (event.name === 'a' ? [] : [event]),
    };
    const later = openList({ journal }, { eventAdapter });
    expect(shown(await later.ask(put('b'), 'id'))).to.deep.equal({
      sequenceNr: 1,
      events: [],
      reply: 'a as number 1',
    });
    expect(later.decided).to.deep.equal([]);
  });

  it('does not compare the expected number of a command that is stored already', async () => {
    const { host, actor } = openList();
    const how = { commandId: 'id', expectedSequenceNr: 0 };
    const first = await host.ask(actor, put('a'), how);
    expect(shown(await host.ask(actor, put('a'), how))).to.deep.equal(shown(first));
    const other = host.ask(actor, put('a'), { ...how, commandId: 'other' });
    expect((await failureOf(other)).code).to.equal('UNEXPECTED_SEQUENCE_NR');
  });

  it('rejects a reply that JSON cannot hold, and answers the first try in its stored form', async () => {
    const { ask, journal } = openList();
    const error = await failureOf(ask(put('a', { reply: { at: [new Date(0)] } }), 'id'));
    expect(error).to.include({ code: 'WRITE_REJECTED', path: 'reply.at[0]' });
    expect(journal.writes).to.deep.equal([]);
    const { reply } = await ask(put('a', { reply: { at: -0, no: undefined } }), 'id');
    expect(reply).to.deep.equal({ at: 0 });
    const free = await ask(put('a', { reply: new Date(0) }));
    expect(free.reply, 'without an id it is not stored').to.deep.equal(new Date(0));
  });

  it('remembers the last ones only, by count and by age, also in a recovery', async () => {
    let nowMs = 1_700_000_000_000;
    const clock = {
      nowMs: () => nowMs,
      steadyMs: () => nowMs,
      sleep: () => new Promise<void>(() => {}),
    };
    const commandIds = { maxCount: 2, maxAge: '1s' };
    const journal = new MemoryJournalPlugin({ nowMs: () => nowMs });
    const { ask } = openList({ clock, journal }, { commandIds });
    for (const id of ['1', '2', '3']) await ask(put(id), id);
    const forgotten = await ask(put('1'), '1');
    expect(forgotten.sequenceNr, 'done again').to.equal(4);
    expect((await ask(put('3'), '3')).sequenceNr).to.equal(3);
    expect((await ask(put('1'), '1')).sequenceNr, 'the later one').to.equal(4);
    nowMs += 1001;
    expect((await ask(put('1'), '1')).sequenceNr, 'too old').to.equal(5);
    await ask(put('2'), '2');
    const after = openList({ clock, journal }, { commandIds });
    expect((await after.ask(put('1'), '1')).sequenceNr).to.equal(5);
    expect((await after.ask(put('3'), '3')).sequenceNr, 'not among the last two').to.equal(7);
  });

  it('must be a short text, and its bounds be positive', async () => {
    const { ask, host, actor } = openList();
    for (const id of ['', ' ', 'x'.repeat(256), 'a\ud800', 5 as never]) {
      expect((await failureOf(ask(put('a'), id))).message).to.contain('commandId must be');
    }
    const wrong = host.ask(actor, put('a'), { correlationId: '' });
    expect((await failureOf(wrong)).message).to.contain('correlationId must be');
    expect(() => openList({}, { commandIds: { maxCount: 0 } })).to.throw('commandIds.maxCount');
    expect(() => openList({}, { commandIds: { maxAge: 0 } })).to.throw('commandIds.maxAge');
  });
});

describe('ask with correlationId and causationId', () => {
  it('shows them to decide, and stores them beside the events', async () => {
    const names: object[] = [];
    const { host, actor, journal } = openList(
      {},
      {
        decide: (given: Record<string, unknown>) => {
          const named = Object.entries(given).filter(([name]) => name.endsWith('Id'));
          names.push(Object.fromEntries(named));
          return { type: 'persist', events: [{ type: 'stored', name: 'a' }], reply: 'r' };
        },
      },
    );
    const given = { correlationId: 'order-7', causationId: 'event-3' };
    await host.ask(actor, put('a'), given);
    await host.ask(actor, put('a'), { correlationId: 'order-8', expectedSequenceNr: 1 });
    await host.ask(actor, put('a'));
    expect(names).to.deep.equal([given, { correlationId: 'order-8' }, {}]);
    expect(journal.stored('list').map(({ facts }) => facts.command)).to.deep.equal([
      { first: 1, last: 1, ...given },
      { first: 2, last: 2, correlationId: 'order-8' },
      undefined,
    ]);
  });
});
