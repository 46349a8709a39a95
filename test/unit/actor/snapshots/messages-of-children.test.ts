import { expect } from 'chai';
import { assign, sendParent, sendTo, setup } from 'xstate';
import { silentLogger } from '../../../../src/observability/logger.ts';
import { failureOf, settle } from '../support.ts';
import { World } from '../world.ts';
import { TestSnapshotStore } from './support.ts';

/** Tells its parent once: after 10 ms, or when it is asked. */
const kid = setup({}).createMachine({
  id: 'kid',
  initial: 'waiting',
  states: {
    waiting: { after: { 10: 'told' }, on: { ping: 'told' } },
    told: { entry: sendParent({ type: 'heard' }) },
  },
});

const family = setup({
  types: { context: {} as { readonly heard: number; readonly notes: number } },
  actors: { kid },
}).createMachine({
  id: 'family',
  context: { heard: 0, notes: 0 },
  invoke: { id: 'kid', src: 'kid' },
  on: {
    note: { actions: assign({ notes: ({ context }) => context.notes + 1 }) },
    ask: { actions: sendTo('kid', { type: 'ping' }) },
    heard: { actions: assign({ heard: ({ context }) => context.heard + 1 }) },
  },
});

type Decide = ({ command }: { readonly command: { readonly type: string } }) => object;

/** Keeps what the kid says until there is another event. */
const hold: Decide = ({ command }) =>
  command.type === 'heard' ? { type: 'stash' } : { type: 'persist', events: [command] };

function openFamily(entity: object = { snapshotWhen: () => true }, deps: object = {}) {
  const store = new TestSnapshotStore();
  const world = new World();
  const start = (at: World) =>
    at.start(family, undefined, entity, { snapshotStore: async () => store, ...deps });
  return { store, world, start, ...start(world), numbers: () => store.numbers('e') };
}

type Running = Pick<ReturnType<typeof openFamily>, 'world' | 'tell' | 'host' | 'actor'>;

/** The process ends in order while the note is being written; the kid says its word meanwhile. */
async function stopBesideWord({ world, tell, host, actor }: Running): Promise<void> {
  await host.whenRecovered(actor);
  const note = world.journal.blockNextWrite();
  const told = tell('note');
  await note.reached;
  const stopped = host.shutdown();
  await world.pass(10);
  note.open();
  await told;
  await stopped;
}

/** Number 1 is the init record, number 2 the note; the word of the kid waits meanwhile. */
async function noteBesideWord(opened: ReturnType<typeof openFamily>) {
  const { world, tell, host, actor } = opened;
  await host.whenRecovered(actor);
  const note = world.journal.blockNextWrite();
  const told = tell('note');
  await note.reached;
  await world.pass(10);
  const word = world.journal.blockNextWrite();
  note.open();
  await told;
  await settle();
  return word;
}

/** What the next process comes to, when the children have had the time for everything. */
async function afterCrash({ world, start }: ReturnType<typeof openFamily>) {
  const next = world.crash();
  const { host, actor } = start(next);
  await host.whenRecovered(actor);
  await settle();
  await next.pass(10);
  return actor.getSnapshot();
}

describe('what a child machine has sent to its entity, and a snapshot', () => {
  it('is heard once after a crash, though it was not stored: no snapshot was taken before it was', async () => {
    const opened = openFamily();
    await noteBesideWord(opened);
    expect(await opened.numbers()).to.deep.equal([]);
    expect((await afterCrash(opened)).context).to.deep.equal({ heard: 1, notes: 1 });
  });

  it('is heard once after a crash, also what answers the last event of the snapshot', async () => {
    const opened = openFamily();
    const { world, tell, host, actor } = opened;
    await host.whenRecovered(actor);
    const ask = world.journal.blockNextWrite();
    const told = tell('ask');
    await ask.reached;
    const word = world.journal.blockNextWrite();
    ask.open();
    await told;
    await word.reached;
    expect(await opened.numbers()).to.deep.equal([]);
    expect((await afterCrash(opened)).context.heard).to.equal(1);
  });

  it('is heard once after a crash, also when a recovery that takes a snapshot began its sender', async () => {
    const teller = setup({}).createMachine({ id: 'teller', entry: sendParent({ type: 'heard' }) });
    const machine = family.provide({ actors: { kid: teller as never } });
    const store = new TestSnapshotStore();
    const deps = { snapshotStore: async () => store };
    const first = new World();
    const write = first.journal.blockNextWrite();
    const { host, actor } = first.start(machine, undefined, {}, deps);
    await write.reached; // the init record
    const word = first.journal.blockNextWrite();
    write.open();
    await host.whenRecovered(actor);
    await word.reached;
    const second = first.crash();
    const next = second.journal.blockNextWrite();
    second.start(machine, undefined, { retention: { snapshotEvery: 1 } }, deps);
    await next.reached;
    await settle();
    expect(await store.numbers('e')).to.deep.equal([]);
    next.open();
    await settle();
    expect(await store.numbers('e')).to.deep.equal([2]);
  });

  it('lets the snapshot wait for the next event; the bounds of retention follow its number', async () => {
    const retention = { snapshotEvery: 2, deleteEvents: true };
    const opened = openFamily({ retention });
    const word = await noteBesideWord(opened);
    expect(await opened.numbers()).to.deep.equal([]);
    word.open();
    await settle();
    expect(await opened.numbers()).to.deep.equal([3]);
    expect(opened.world.journal.deletions).to.deep.equal([['e', 1]]);
    await opened.tell('note');
    await settle();
    expect(await opened.numbers()).to.deep.equal([3, 4]);
  });

  it('needs no wait once it is stored, though an event before it has still to be applied', async () => {
    const opened = openFamily({ snapshotWhen: ({ sequenceNr }: never) => sequenceNr === 3 });
    const { world, tell, host, actor } = opened;
    await host.whenRecovered(actor);
    const note = world.journal.blockNextWrite();
    const told = [tell('note')];
    await note.reached;
    told.push(tell('note'));
    await settle();
    await world.pass(10); // waits after the second note, and is written with it
    note.open();
    await Promise.all(told);
    await settle();
    expect(await opened.numbers()).to.deep.equal([3]);
    expect((await afterCrash(opened)).context).to.deep.equal({ heard: 1, notes: 2 });
  });

  it('needs the wait when `decide` keeps it, though the write with which it did is stored', async () => {
    const entity = { decide: hold, snapshotWhen: ({ sequenceNr }: never) => sequenceNr === 3 };
    const opened = openFamily(entity);
    const { world, tell, host, actor } = opened;
    await host.whenRecovered(actor);
    const note = world.journal.blockNextWrite();
    const told = [tell('note')];
    await note.reached;
    told.push(tell('note'), tell('note')); // numbers 3 and 4
    await settle();
    await world.pass(10); // kept in the stash once 4 is applied
    note.open();
    await Promise.all(told);
    await settle();
    expect(await opened.numbers()).to.deep.equal([]);
  });

  it('lets commands go on that would wait for the snapshot', async () => {
    const opened = openFamily({ snapshotWhen: () => true, waitForSnapshot: true });
    await opened.host.whenRecovered(opened.actor);
    await opened.tell('ask');
    await opened.tell('note');
    await settle();
    expect(opened.actor.getSnapshot().context).to.deep.equal({ heard: 1, notes: 1 });
    expect((await opened.numbers()).at(-1)).to.equal(4);
  });

  it('lets the snapshot wait no longer when `decide` stores nothing of it', async () => {
    const decide: Decide = ({ command }) =>
      command.type === 'heard' ? { type: 'none' } : { type: 'persist', events: [command] };
    const opened = openFamily({
      decide,
      snapshotWhen: ({ sequenceNr }: never) => sequenceNr === 2,
    });
    await opened.host.whenRecovered(opened.actor);
    await opened.tell('ask');
    await settle();
    expect(await opened.numbers()).to.deep.equal([]);
    await opened.tell('note');
    await settle();
    expect(await opened.numbers()).to.deep.equal([3]);
  });

  it('lets the snapshot wait while `decide` keeps it in the stash', async () => {
    const opened = openFamily({ decide: hold, snapshotWhen: () => true });
    await opened.host.whenRecovered(opened.actor);
    await opened.tell('ask');
    await opened.tell('note');
    await settle();
    expect(await opened.numbers()).to.deep.equal([]);
  });

  it('is named in the log, once, when the snapshot has waited for a thousand events', async () => {
    const decide: Decide = ({ command }) =>
      command.type === 'note'
        ? { type: 'persist', events: Array.from({ length: 500 }, () => command) }
        : hold({ command });
    const warnings: unknown[] = [];
    const log = { ...silentLogger, warn: (...line: unknown[]) => void warnings.push(line) };
    const opened = openFamily({ decide, snapshotWhen: () => true }, { log });
    await opened.tell('ask'); // number 2
    for (const waited of [0, 500, 1000, 1500]) {
      expect(warnings, `after ${waited}`).to.have.lengthOf(waited < 1000 ? 0 : 1);
      await opened.tell('note');
    }
    expect(warnings).to.have.lengthOf(1);
    expect(warnings[0])
      .to.have.nested.property('[0].err.message')
      .match(/since 2,/);
  });

  it('keeps events from being deleted that only a snapshot could stand for', async () => {
    const opened = openFamily({});
    const word = await noteBesideWord(opened);
    const error = await failureOf(opened.host.deleteEvents(opened.actor, 2));
    expect(error.message).to.match(/events of e were not deleted: .* a message of a child/);
    word.open();
    await settle();
    await opened.host.deleteEvents(opened.actor, 2);
    expect(await opened.numbers()).to.deep.equal([3]);
  });

  it('is not lost with an entity that stops: it takes no snapshot after it has left it out', async () => {
    const opened = openFamily();
    await stopBesideWord(opened);
    expect(await opened.numbers()).to.deep.equal([]);
    expect((await afterCrash(opened)).context).to.deep.equal({ heard: 1, notes: 1 });
  });

  it('is not lost with an entity that stops, when its sender has ended: that is left out as well', async () => {
    const last = setup({}).createMachine({
      id: 'kid',
      initial: 'waiting',
      states: {
        waiting: { after: { 10: 'told' } },
        told: { entry: sendParent({ type: 'heard' }), type: 'final' },
      },
    });
    const machine = family.provide({ actors: { kid: last as never } });
    const world = new World();
    await stopBesideWord({ world, ...world.start(machine) });
    const next = world.crash();
    const again = next.start(machine);
    await again.host.whenRecovered(again.actor);
    await next.pass(10);
    expect(again.actor.getSnapshot().context).to.deep.equal({ heard: 1, notes: 1 });
  });
});
