import { expect } from 'chai';
import { assign, createActor, type SnapshotFrom, setup } from 'xstate';
import { WriteFailedError } from '../../../src/model/errors.ts';
import { RecordingLogger } from '../../support/recording-logger.ts';
import { failureOf, settle, type TestHostOptions, testHost } from './support.ts';

type Event = { type: 'opened' } | { type: 'shut' } | { type: 'noted'; of: string };
type Command =
  | { type: 'open' }
  | { type: 'shut' }
  | { type: 'wait'; of: string }
  | { type: 'note' };

/** A door whose `wait` is stashed unless it is open. */
const door = setup({
  types: { context: {} as { notes: readonly string[] }, events: {} as Event },
}).createMachine({
  id: 'door',
  context: { notes: [] },
  initial: 'closed',
  on: {
    noted: {
      actions: assign({
        notes: ({ context, event }) => [...context.notes, event.type === 'noted' ? event.of : ''],
      }),
    },
  },
  states: {
    closed: { on: { opened: 'open' } },
    open: { initial: 'wide', states: { wide: {} }, on: { shut: 'closed' } },
  },
});

function openDoor(options: object = {}, test: TestHostOptions = {}) {
  const { host, journal } = testHost(test);
  const decided: string[] = [];
  const logic = host.persistent(door, {
    types: { commands: {} as Command },
    persistenceId: 'door',
    decide: ({ snapshot, command }: { snapshot: SnapshotFrom<typeof door>; command: Command }) => {
      decided.push(command.type);
      switch (command.type) {
        case 'open':
          return { type: 'persist', events: [{ type: 'opened' }] };
        case 'shut':
          return { type: 'persist', events: [{ type: 'shut' }] };
        case 'note':
          return { type: 'persist', events: [{ type: 'noted', of: 'note' }] };
        case 'wait':
          return snapshot.matches('open')
            ? { type: 'persist', events: [{ type: 'noted', of: command.of }] }
            : { type: 'stash' };
      }
    },
    ...options,
  } as never);
  const actor = createActor(logic);
  actor.subscribe({ error: () => {} });
  actor.start();
  const ask = (command: Command) => host.ask(actor, command as never);
  return { host, journal, actor, ask, decided };
}

const timesOf = (decided: readonly string[], type: string) =>
  decided.filter((one) => one === type).length;

describe('what decide has stashed', () => {
  it('comes back after each event unless the actor says when', async () => {
    const { ask, decided } = openDoor();
    const waiting = ask({ type: 'wait', of: 'a' });
    await ask({ type: 'note' });
    await ask({ type: 'note' });
    await settle();
    expect(timesOf(decided, 'wait')).to.equal(3);
    await ask({ type: 'open' });
    expect((await waiting).events).to.deep.equal([{ type: 'noted', of: 'a' }]);
  });

  for (const unstashOn of ['open', ['open.wide'], ['closed', 'open']]) {
    it(`comes back when a state is entered: ${JSON.stringify(unstashOn)}`, async () => {
      const { ask, decided } = openDoor({ unstashOn });
      const waiting = ['a', 'b'].map((of) => ask({ type: 'wait', of }));
      for (let i = 0; i < 3; i++) await ask({ type: 'note' });
      await settle();
      expect(timesOf(decided, 'wait')).to.equal(2);
      await ask({ type: 'open' });
      const [a, b] = await Promise.all(waiting);
      expect(a?.sequenceNr).to.equal(5);
      expect(b?.sequenceNr).to.equal(6);
    });
  }

  it('comes back when a state was entered in between, among events written together', async () => {
    const { ask, decided, journal } = openDoor({ unstashOn: 'open', groupCommit: 10 });
    const waiting = ask({ type: 'wait', of: 'a' });
    const gate = journal.blockNextWrite();
    const first = ask({ type: 'note' });
    await gate.reached;
    const others = [ask({ type: 'open' }), ask({ type: 'shut' })];
    gate.open();
    await Promise.all([first, ...others]);
    await settle();
    expect(timesOf(decided, 'wait'), 'tried again, and stashed again').to.equal(2);
    await ask({ type: 'open' });
    await waiting;
  });

  it('comes back when the function says so', async () => {
    const { ask, decided } = openDoor({
      unstashOn: ({ context }: { context: { notes: readonly string[] } }) =>
        context.notes.length === 2,
    });
    const waiting = ask({ type: 'wait', of: 'a' });
    for (const times of [1, 2, 2]) {
      await ask({ type: 'note' });
      await settle();
      expect(timesOf(decided, 'wait')).to.equal(times);
    }
    waiting.catch(() => {});
  });

  it('of a behaviour comes back when its function says so', async () => {
    const { host } = testHost();
    let tries = 0;
    const logic = host.behavior({
      types: { commands: {} as { type: 'add' | 'wait' }, events: {} as { type: 'added' } },
      persistenceId: 'b',
      initialState: 0,
      decide: ({ state, command }) => {
        if (command.type === 'wait') tries++;
        const isReady = command.type === 'add' || state >= 2;
        return isReady ? { type: 'persist', events: [{ type: 'added' }] } : { type: 'stash' };
      },
      evolve: (state) => state + 1,
      unstashOn: (state) => state >= 2,
    });
    const actor = createActor(logic).start();
    const waiting = host.ask(actor, { type: 'wait' });
    await host.ask(actor, { type: 'add' });
    await settle();
    expect(tries).to.equal(1);
    await host.ask(actor, { type: 'add' });
    expect((await waiting).sequenceNr).to.equal(3);
    expect(tries).to.equal(2);
  });

  it('comes back after a failed write, which may have stored what it waits for', async () => {
    const onPersistFailure = { minBackoff: 1, maxBackoff: 1 };
    const { ask, journal } = openDoor({ unstashOn: 'open', onPersistFailure });
    const waiting = ask({ type: 'wait', of: 'a' });
    await settle();
    journal.failNextWrite(new WriteFailedError('no answer'), { stored: true });
    expect((await failureOf(ask({ type: 'open' }))).code).to.equal('WRITE_FAILED');
    expect((await waiting).events).to.deep.equal([{ type: 'noted', of: 'a' }]);
  });

  it('is named by states that exist', () => {
    for (const unstashOn of ['ajar', 'open.narrow', ['open', 'x'], 5]) {
      expect(() => openDoor({ unstashOn })).to.throw('"unstashOn"');
    }
  });
});

describe('a full stash', () => {
  it('has room for the command that what decide has stashed waits for', async () => {
    const { host, actor, ask } = openDoor({ stashCapacity: 2, unstashOn: 'open' });
    await host.whenRecovered(actor);
    const waiting = [ask({ type: 'wait', of: 'a' }), ask({ type: 'wait', of: 'b' })];
    const refused = await failureOf(ask({ type: 'wait', of: 'c' }));
    expect(refused).to.include({ code: 'STASH_OVERFLOW', stored: 'no' });
    await ask({ type: 'open' });
    const answers = await Promise.all(waiting);
    expect(answers.flatMap(({ events }) => events)).to.deep.equal([
      { type: 'noted', of: 'a' },
      { type: 'noted', of: 'b' },
    ]);
  });

  it('that fails the entity among commands written together lets none of them act twice', async () => {
    const ran: string[] = [];
    const decide = ({ command }: { command: Command }) =>
      command.type === 'wait'
        ? { type: 'stash' }
        : {
            type: 'persist',
            events: [{ type: 'noted', of: 'note' }],
            thenRun: () => ran.push(command.type),
          };
    const options = { stashCapacity: 2, stashOverflow: 'fail', groupCommit: 9, unstashOn: 'open' };
    const { host, journal, actor, ask } = openDoor({ ...options, decide });
    await host.whenRecovered(actor);
    const stashed = [ask({ type: 'wait', of: 'a' }), ask({ type: 'wait', of: 'b' })];
    const gate = journal.blockNextWrite();
    const first = ask({ type: 'note' });
    await gate.reached;
    const second = ask({ type: 'open' });
    const overflowing = failureOf(ask({ type: 'wait', of: 'c' }));
    gate.open();
    expect((await overflowing).code).to.equal('STASH_OVERFLOW');
    await Promise.all([first, second]);
    for (const { status } of await Promise.allSettled(stashed)) expect(status).to.equal('rejected');
    expect(ran).to.deep.equal(['note', 'open']);
  });

  it('drops the command or fails the entity, as the actor says', async () => {
    const drops = openDoor(
      { stashCapacity: 1, stashOverflow: 'drop' },
      { settings: { stashOverflow: 'fail' } },
    );
    const waiting = drops.ask({ type: 'wait', of: 'a' });
    expect((await failureOf(drops.ask({ type: 'wait', of: 'b' }))).code).to.equal('STASH_OVERFLOW');
    await settle();
    expect(drops.actor.getSnapshot().persistence.phase).to.equal('ready');
    const fails = openDoor({ stashCapacity: 1, stashOverflow: 'fail' });
    const lost = failureOf(fails.ask({ type: 'wait', of: 'a' }));
    await failureOf(fails.ask({ type: 'wait', of: 'b' }));
    expect((await lost).code).to.equal('ENTITY_STOPPED');
    expect(fails.actor.getSnapshot().status).to.equal('error');
    waiting.catch(() => {});
  });
});

describe('log-stashing', () => {
  it('is a line for each command that waits, and none unless it is on', async () => {
    for (const logStashing of [true, false]) {
      const log = new RecordingLogger();
      const { ask, journal } = openDoor({}, { log, settings: { logStashing } });
      const gate = journal.blockNextWrite();
      const asked = [ask({ type: 'note' }), ask({ type: 'open' })];
      await gate.reached;
      gate.open();
      await Promise.all(asked);
      await ask({ type: 'shut' });
      ask({ type: 'wait', of: 'a' }).catch(() => {});
      await settle();
      const lines = log.lines.filter(({ message }) => message === 'a command is stashed');
      const commands = lines.map(({ fields }) => (fields as { command: string }).command);
      expect(commands.includes('open')).to.equal(logStashing);
      expect(commands.includes('wait')).to.equal(logStashing);
    }
  });
});
