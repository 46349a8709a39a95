import { expect } from 'chai';
import { createActor, setup } from 'xstate';
import { eventually, failureOf, testHost } from './support.ts';

interface Command {
  readonly type: 'put';
  readonly name: string;
}
interface Stored {
  readonly type: 'stored';
  readonly name: string;
}

function openList(hooks: object) {
  const test = testHost();
  const logic = test.host.behavior({
    types: { commands: {} as Command, events: {} as Stored },
    persistenceId: 'list',
    initialState: 0,
    decide: ({ command: { name } }) => ({ type: 'persist', events: [{ type: 'stored', name }] }),
    evolve: (state) => state + 1,
    ...hooks,
  });
  const actor = createActor(logic).start();
  return {
    ...test,
    put: (name: string) => test.host.ask(actor, { type: 'put', name }),
    beside: () => test.journal.writes.flat().map((write) => write.beside),
  };
}

describe('what the hooks of a write say', () => {
  it('is asked with the command and its events, and goes with its write', async () => {
    const asked: unknown[] = [];
    const { put, beside } = openList({
      metadata: (given: unknown) => {
        asked.push(given);
        return { by: 'me', no: undefined, at: -0 };
      },
      headers: ({ events }: { events: readonly Stored[] }) => ({ name: events[0]?.name }),
      expireAfter: '90 m',
    });
    await put('a');
    expect(asked).to.deep.equal([
      { command: { type: 'put', name: 'a' }, events: [{ type: 'stored', name: 'a' }] },
    ]);
    expect(beside()).to.deep.equal([
      {
        metadata: { by: 'me', at: 0 },
        headers: { name: 'a' },
        expireAfter: { length: 90n, unit: 'minute' },
      },
    ]);
  });

  it('may differ from write to write, and be nothing', async () => {
    const { put, beside } = openList({
      expireAfter: ({ command }: { command: Command }) =>
        command.name === 'last' ? '30d' : undefined,
    });
    await put('a');
    await put('last');
    expect(beside()).to.deep.equal([{}, { expireAfter: { length: 30n, unit: 'day' } }]);
    const plain = openList({});
    await plain.put('a');
    expect(plain.beside()).to.deep.equal([undefined]);
  });

  it('rejects the command when it cannot be stored; the entity lives', async () => {
    const wrong: readonly (readonly [object, string])[] = [
      [{ metadata: () => ({ at: new Date(0) }) }, 'metadata.at'],
      [{ metadata: () => Promise.reject(new Error('late')) }, 'metadata'],
      [{ headers: () => ({ a: 5 }) }, 'headers["a"]'],
      [{ headers: () => 'x' }, 'headers must be an object'],
      [{ expireAfter: () => 'soon' }, 'expireAfter must be'],
      [{ expireAfter: () => -1 }, 'expireAfter must be'],
      [{ expireAfter: () => ({}) }, 'expireAfter must be'],
    ];
    for (const [hooks, text] of wrong) {
      const { put, journal } = openList(hooks);
      for (let i = 0; i < 2; i++) {
        const error = await failureOf(put('a'));
        expect(error.message, text).to.contain(text);
        expect(error).to.include({ stored: 'no' });
      }
      expect(journal.writes).to.deep.equal([]);
    }
    const thrown = openList({
      headers: () => {
        throw new Error('broken hook');
      },
    });
    const error = await failureOf(thrown.put('a'));
    expect(String(error.cause)).to.contain('broken hook');
    expect(error.code).to.equal('COMMAND_REJECTED');
  });

  it('is refused at once where it can be seen to be wrong', () => {
    expect(() => openList({ expireAfter: 'soon' })).to.throw('expireAfter must be');
    expect(() => openList({ metadata: {} })).to.throw('"metadata" must be a function');
    expect(() => openList({ headers: {} })).to.throw('"headers" must be a function');
  });

  it('goes with the init record, and with the events of timers and children', async () => {
    const { host, journal } = testHost();
    const machine = setup({
      types: { input: {} as { id: string } },
    }).createMachine({
      id: 'm',
      initial: 'waiting',
      states: { waiting: { after: { 1: 'over' } }, over: {} },
    });
    const commands: unknown[] = [];
    const logic = host.persistent(machine, {
      persistenceId: 'm',
      metadata: ({ command, events }) => {
        commands.push(command?.type);
        return events.map(({ type }) => type);
      },
    });
    createActor(logic, { input: { id: '1' } }).start();
    await eventually(() => journal.writes.length === 2);
    const after = 'xstate.after.1.m.waiting';
    expect(commands).to.deep.equal([undefined, after]);
    expect(journal.writes.flat().map(({ beside }) => beside)).to.deep.equal([
      { metadata: ['xstate.init'] },
      { metadata: [after] },
    ]);
  });
});
