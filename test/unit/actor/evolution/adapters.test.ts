import { expect } from 'chai';
import { assign, createMachine, type EventObject } from 'xstate';
import { Bindings } from '../../../../src/actor/evolution/bindings.ts';
import type { EventAdapter } from '../../../../src/actor/evolution/event-adapter.ts';
import { upcasters } from '../../../../src/actor/evolution/upcasters.ts';
import { eventually, failureOf } from '../support.ts';
import { World } from '../world.ts';

interface Noted extends EventObject {
  readonly n?: number;
}

/** Notes what it is given, in order. */
const notes = createMachine({
  id: 'notes',
  context: { seen: [] as unknown[] },
  initial: 'open',
  states: {
    open: {
      on: {
        'note.*': { actions: assign({ seen: ({ context, event }) => [...context.seen, event] }) },
        ring: {
          actions: assign({ seen: ({ context }) => [...context.seen, 'rang'] }),
        },
        later: { target: 'waiting' },
      },
    },
    waiting: { after: { 100: 'open' } },
  },
});

type Started = ReturnType<World['start']>;
const contextOf = ({ actor }: Started) =>
  (actor.getSnapshot() as unknown as { context: { seen: unknown[] } }).context;

async function recovered(world: World, options: object): Promise<Started> {
  const started = world.crash().start(notes, undefined, options);
  await started.host.whenRecovered(started.actor);
  return started;
}

const short: EventAdapter<Noted> = {
  manifest: () => 'short',
  toJournal: ({ n }) => ({ type: 'n', n }),
  fromJournal: (stored) => [{ type: 'note.read', n: (stored as Noted).n }] as Noted[],
};

describe('an event adapter', () => {
  it('stores its own form with its manifest; the live entity goes by what it reads back', async () => {
    const world = new World();
    const options = { eventAdapter: short };
    const live = world.start(notes, undefined, options);
    const answer = await live.tell('note.given', { n: 7 });
    expect(world.journal.payloads('e')).to.deep.equal([{ type: 'n', n: 7 }]);
    expect(world.journal.stored('e')[0]?.manifest).to.equal('short');
    const seen = [{ type: 'note.read', n: 7 }];
    expect(answer.events).to.deep.equal(seen);
    expect(contextOf(live).seen).to.deep.equal(seen);
    expect(contextOf(await recovered(world, options)).seen).to.deep.equal(seen);
  });

  it('gives none or several events of a stored one, all with its number', async () => {
    const world = new World();
    world.journal.seed('e', [{ type: 'gone' }, { type: 'pair', n: 1 }, { type: 'note.one' }]);
    const eventAdapter: EventAdapter<Noted, Noted> = {
      toJournal: (event) => event,
      fromJournal(stored) {
        if (stored.type === 'gone') return [];
        if (stored.type !== 'pair') return [stored];
        return [{ type: 'note.a' }, { type: 'note.b' }];
      },
    };
    const { actor, tell } = await recovered(world, { eventAdapter });
    const seen = [{ type: 'note.a' }, { type: 'note.b' }, { type: 'note.one' }];
    expect((actor.getSnapshot() as never as { context: object }).context).to.deep.equal({ seen });
    expect((await tell('note.new')).sequenceNr).to.equal(4);
  });

  it('lets a new event be applied as the several that a replay will make of it', async () => {
    const world = new World();
    const eventAdapter: EventAdapter<Noted, Noted> = {
      toJournal: (event) => event,
      fromJournal: (stored) =>
        stored.type === 'note.two' ? [{ type: 'note.a' }, { type: 'note.b' }] : [stored],
    };
    const live = world.start(notes, undefined, { eventAdapter, groupCommit: 8 });
    const answers = await Promise.all([
      live.tell('note.two'),
      live.tell('note.x'),
      live.tell('note.two'),
    ]);
    expect(answers.map(({ sequenceNr }) => sequenceNr)).to.deep.equal([1, 2, 3]);
    expect(answers[0]?.events).to.deep.equal([{ type: 'note.a' }, { type: 'note.b' }]);
    expect(world.journal.payloads('e').length).to.equal(3);
    const seen = ['a', 'b', 'x', 'a', 'b'].map((name) => ({ type: `note.${name}` }));
    expect(contextOf(live).seen).to.deep.equal(seen);
    expect(contextOf(await recovered(world, { eventAdapter })).seen).to.deep.equal(seen);
  });

  it('rejects the command when nothing would be read back, or something without a type', async () => {
    const world = new World();
    let back: readonly unknown[] = [];
    const eventAdapter: EventAdapter = {
      toJournal: (event) => event,
      fromJournal: () => back as readonly EventObject[],
    };
    const { tell } = world.start(notes, undefined, { eventAdapter });
    const nothing = await failureOf(tell('note.a'));
    expect(nothing.code).to.equal('INVALID_INPUT');
    expect(nothing.message).to.contain('gives nothing back of "note.a"');
    back = [{}];
    expect((await failureOf(tell('note.a'))).message).to.contain('has undefined as its "type"');
    back = [{ type: 'unheard' }];
    expect((await failureOf(tell('note.a'))).code).to.equal('COMMAND_UNHANDLED');
    expect(world.journal.payloads('e')).to.deep.equal([]);
  });

  it('rejects the command when the stored form would be taken for the end of a child', async () => {
    const world = new World();
    const eventAdapter: EventAdapter<Noted, Noted> = {
      toJournal: () => ({ type: 'xstate.done.actor.pay' }),
      fromJournal: () => [{ type: 'note.read' }],
    };
    const error = await failureOf(world.start(notes, undefined, { eventAdapter }).tell('note.x'));
    expect(error.code).to.equal('WRITE_REJECTED');
    expect(error.message).to.match(/gives "xstate.done.actor.pay", which only the library may sto/);
    expect(world.journal.payloads('e')).to.deep.equal([]);
  });

  it('that throws rejects the command; the entity lives', async () => {
    const world = new World();
    let isBroken = true;
    const eventAdapter: EventAdapter = {
      toJournal(event) {
        if (isBroken) throw new Error('broken');
        return event;
      },
      fromJournal: (stored) => [stored as EventObject],
    };
    const { tell } = world.start(notes, undefined, { eventAdapter });
    const error = await failureOf(tell('note.a'));
    expect(error.code).to.equal('WRITE_REJECTED');
    expect(error.message).to.contain('its event adapter failed: broken');
    isBroken = false;
    expect((await tell('note.a')).sequenceNr).to.equal(1);
  });

  it('that cannot read a stored event fails the recovery, which names the event', async () => {
    const world = new World();
    world.journal.seed('e', [{ type: 'note.a' }]);
    const eventAdapter: EventAdapter = {
      toJournal: (event) => event,
      fromJournal: () => {
        throw new Error('no way back');
      },
    };
    const { host, actor } = world.start(notes, undefined, { eventAdapter });
    const error = await failureOf(host.whenRecovered(actor));
    expect(error.code).to.equal('RECOVERY_FAILED');
    expect(error.message).to.equal('event 1 ("note.a") of e cannot be read: no way back');
  });

  it('does not see what xstate stores: delays and ends of children stay as they are', async () => {
    const world = new World();
    const options = { eventAdapter: short };
    const live = world.start(notes, undefined, {
      eventAdapter: { ...short, fromJournal: () => [{ type: 'later' }] },
    });
    await live.tell('later');
    await world.pass(100);
    await eventually(() => world.journal.payloads('e').length === 2);
    expect(world.journal.payloads('e')[1]).to.deep.equal({
      type: 'xstate.after.100.notes.waiting',
    });
    expect(options.eventAdapter.manifest?.({ type: 'x' })).to.equal('short');
  });

  it('must be one: anything else is refused when the actor is defined', () => {
    const start = () => new World().start(notes, undefined, { eventAdapter: {} });
    expect(start).to.throw('the option "eventAdapter" needs the functions "toJournal" and');
  });
});

describe('the event adapters of a journal', () => {
  const upper: EventAdapter<Noted, Noted> = {
    toJournal: ({ type, ...rest }) => ({ ...rest, type: type.toUpperCase() }),
    fromJournal: ({ type, ...rest }) => [{ ...rest, type: type.toLowerCase() }],
  };

  function openWith(world: World, bound: [string, EventAdapter[]][], options: object = {}) {
    const adapters = new Bindings<readonly EventAdapter[]>(bound);
    const coding = { journalCoding: async () => ({ adapters, serializers: undefined }) };
    return world.start(notes, undefined, options, coding);
  }

  it('write and read what is bound to one; others pass', async () => {
    const world = new World();
    const bound: [string, EventAdapter[]][] = [
      ['note.a', [upper]],
      ['NOTE.A', [upper]],
    ];
    const live = openWith(world, bound);
    await live.tell('note.a');
    await live.tell('note.b');
    expect(world.journal.payloads('e')).to.deep.equal([{ type: 'NOTE.A' }, { type: 'note.b' }]);
    const again = openWith(world.crash(), bound);
    await again.host.whenRecovered(again.actor);
    expect(contextOf(again).seen).to.deep.equal([{ type: 'note.a' }, { type: 'note.b' }]);
  });

  it('of which several are bound only read, and their events follow each other', async () => {
    const world = new World();
    const tagged = (tag: string): EventAdapter<Noted, Noted> => ({
      toJournal: () => ({ type: 'never' }),
      fromJournal: ({ type }) => [{ type: `${type}.${tag}` }],
    });
    const live = openWith(world, [['note.a', [tagged('x'), tagged('y')]]]);
    await live.tell('note.a');
    expect(world.journal.payloads('e')).to.deep.equal([{ type: 'note.a' }]);
    expect(contextOf(live).seen).to.deep.equal([{ type: 'note.a.x' }, { type: 'note.a.y' }]);
  });

  it('come after that of the actor when writing, and before it when reading', async () => {
    const world = new World();
    const live = openWith(world, [['*', [upper]]], { eventAdapter: short });
    await live.tell('note.a', { n: 3 });
    expect(world.journal.payloads('e')).to.deep.equal([{ type: 'N', n: 3 }]);
    expect(contextOf(live).seen).to.deep.equal([{ type: 'note.read', n: 3 }]);
  });

  it('may not name a manifest where the actor has named one', async () => {
    const world = new World();
    const live = openWith(world, [['*', [{ ...upper, manifest: () => 'm' }]]], {
      eventAdapter: short,
    });
    const error = await failureOf(live.tell('note.a'));
    expect(error.code).to.equal('INVALID_INPUT');
    expect(error.message).to.contain('two event adapters name a manifest');
  });
});

describe('a machine whose events have upcasters', () => {
  it('reads what was written before there were any, and writes the new version', async () => {
    const world = new World();
    world.journal.seed('e', [{ type: 'note.paid', euros: 2 }]);
    const eventAdapter = upcasters([
      {
        type: 'note.paid',
        from: 1,
        to: 2,
        up: ({ type, euros }: { type: string; euros: number }): EventObject =>
          ({ type, cents: euros * 100 }) as EventObject,
      },
    ]);
    const live = await recovered(world, { eventAdapter });
    await live.tell('note.paid', { cents: 5 });
    expect(contextOf(live).seen).to.deep.equal([
      { type: 'note.paid', cents: 200 },
      { type: 'note.paid', cents: 5 },
    ]);
    expect(world.journal.stored('e')[1]?.manifest).to.equal('note.paid#v2');
  });

  it('writes what a program reads that has another name for it, while both run', async () => {
    const world = new World();
    const eventAdapter = upcasters(
      [
        {
          type: 'note.received',
          from: 1,
          to: 2,
          up: ({ type, euros }: { type: string; euros: number }): EventObject =>
            ({ type, cents: euros * 100 }) as EventObject,
          down: ({ cents }: { cents: number }): EventObject =>
            ({ type: 'note.paid', euros: cents / 100 }) as EventObject,
        },
      ],
      { writeVersions: { 'note.received': 1 } },
    );
    const options = { eventAdapter, renamed: { events: { 'note.paid': 'note.received' } } };
    const live = world.start(notes, undefined, options);
    await live.tell('note.received', { cents: 500 });
    const seen = [{ type: 'note.received', cents: 500 }];
    expect(contextOf(live).seen).to.deep.equal(seen);
    expect(contextOf(await recovered(world, options)).seen).to.deep.equal(seen);
    const former = [{ type: 'note.paid', euros: 5 }];
    expect(contextOf(await recovered(world, {})).seen).to.deep.equal(former);
  });

  it('fail the recovery by a program from before there were any, which would misread it', async () => {
    const world = new World();
    const up = (event: EventObject) => event;
    const adapter = upcasters([{ type: 'note.paid', from: 1, to: 2, up }]);
    await world.start(notes, undefined, { eventAdapter: adapter }).tell('note.paid', { n: 1 });
    const text = /event 1 \("note.paid", manifest "note.paid#v2"\).*it has version 2, and this pro/;
    const others = upcasters([{ type: 'note.sent', from: 1, to: 2, up }]);
    for (const options of [
      {},
      { machineVersion: '1', serializers: {} },
      { eventAdapter: others },
    ]) {
      expect((await failureOf(recovered(world, options))).message).to.match(text);
    }
    const adapters = new Bindings([['*', [adapter]]] as const);
    const coding = { journalCoding: async () => ({ adapters, serializers: undefined }) };
    const started = world.crash().start(notes, undefined, { eventAdapter: others }, coding);
    await started.host.whenRecovered(started.actor); // the journal's own adapter knows it
    expect(contextOf(started).seen).to.deep.equal([{ type: 'note.paid', n: 1 }]);
  });
});
