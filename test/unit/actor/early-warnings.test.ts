import { expect } from 'chai';
import type { AnyStateMachine } from 'xstate';
import { assign, createActor, createMachine, fromCallback, fromPromise, setup } from 'xstate';
import { InvalidInputError } from '../../../src/model/errors.ts';
import { RecordingLogger } from '../../support/recording-logger.ts';
import { failureOf, testHost } from './support.ts';

const job = fromPromise(async () => {});

describe('the ids that xstate makes and the journal holds', () => {
  const cases: readonly (readonly [string, AnyStateMachine, readonly string[]])[] = [
    [
      'are none with an id for everything',
      createMachine({
        id: 'm',
        initial: 'a',
        states: { a: { invoke: { id: 'job', src: job }, after: { 10: 'b' } }, b: {} },
      }),
      [],
    ],
    [
      'are none when nothing of them is stored',
      createMachine({ initial: 'a', states: { a: {} } }),
      [],
    ],
    [
      'are those of invokes, at any depth',
      createMachine({
        id: 'm',
        invoke: { src: job },
        initial: 'a',
        states: {
          a: {
            initial: 'b',
            states: { b: { invoke: [{ id: 'own', src: job }, { src: job }] } },
          },
        },
      }),
      ['0.m', '1.m.a.b'],
    ],
    [
      'are that of the machine with its invokes',
      createMachine({ initial: 'a', states: { a: { invoke: { src: job } } } }),
      ['(machine)', '0.(machine).a'],
    ],
    [
      'are that of the machine with delays',
      createMachine({ initial: 'a', states: { a: { after: { 10: 'b' } }, b: {} } }),
      ['(machine)'],
    ],
  ];
  for (const [rule, machine, ids] of cases) {
    it(rule, () => {
      const log = new RecordingLogger();
      const { host } = testHost({ log });
      host.persistent(machine, { persistenceId: 'm' });
      expect(log.lines.flatMap(({ fields }) => fields.ids ?? [])).to.deep.equal(ids);
      expect(log.lines).to.have.length(ids.length > 0 ? 1 : 0);
    });
  }
});

describe('with check-determinism', () => {
  const open = (checkDeterminism: boolean, mutate: 'context' | 'event' | 'decide') => {
    const test = testHost({ settings: { checkDeterminism } });
    const machine = setup({
      types: {
        context: {} as { readonly items: string[]; readonly map: Map<string, number> },
        events: {} as { type: 'added'; item: { name: string } },
      },
      actions: {
        add: assign(({ context, event }) => {
          if (mutate === 'event') event.item.name = 'changed';
          if (mutate === 'context') context.items.push(event.item.name);
          return { items: [...context.items, event.item.name] };
        }),
      },
    }).createMachine({
      id: 'm',
      context: { items: [], map: new Map() },
      on: { added: { actions: 'add' } },
    });
    const logic = test.host.persistent(machine, {
      persistenceId: 'm',
      decide: ({ snapshot, command }) => {
        if (mutate === 'decide') snapshot.context.items.push('x');
        return { type: 'persist', events: [command] };
      },
    });
    const actor = createActor(logic);
    actor.subscribe({ error: () => {} });
    return { ...test, actor: actor.start() };
  };
  const added = () => ({ type: 'added', item: { name: 'a' } }) as const;

  for (const mutate of ['context', 'event', 'decide'] as const) {
    it(`a change in place (${mutate}) is refused before anything is stored`, async () => {
      const { host, journal, actor } = open(true, mutate);
      for (let i = 0; i < 2; i++) {
        const error = await failureOf(host.ask(actor, added()));
        expect(error).to.include({ code: 'COMMAND_REJECTED', stored: 'no' });
        expect(error.cause).to.be.instanceOf(TypeError);
      }
      expect(
        journal.payloads('m').filter((payload) => (payload as { type: string }).type === 'added'),
      ).to.deep.equal([]);
      expect(actor.getSnapshot().context.items).to.deep.equal([]);
    });
  }

  it('events and contexts are as they were without it', async () => {
    const { host, actor } = open(false, 'context');
    const event = added();
    await host.ask(actor, event);
    expect(Object.isFrozen(event)).to.equal(false);
  });

  it('what is no plain data is left alone', async () => {
    const { host, actor } = open(true, 'context');
    await failureOf(host.ask(actor, added()));
    const { map, items } = actor.getSnapshot().context;
    expect([Object.isFrozen(map), Object.isFrozen(items)]).to.deep.equal([false, true]);
  });
});

describe('with check-determinism, a state that is not the same again', () => {
  /** `compute` gives what an event makes of the context. */
  function open(compute: () => unknown, { hasWork = false, checkDeterminism = true } = {}) {
    const test = testHost({ settings: { checkDeterminism } });
    const machine = setup({
      types: { context: {} as { at: unknown }, events: {} as { type: 'set' } },
      actors: { worker: fromCallback(() => {}) },
      actions: { set: assign({ at: () => compute() }) },
    }).createMachine({
      id: 'm',
      context: { at: 0 },
      initial: 'a',
      states: {
        a: { on: { set: { ...(hasWork && { target: 'b' }), actions: 'set' } } },
        b: { invoke: { src: 'worker', id: 'worker' } },
      },
    });
    const actor = createActor(test.host.persistent(machine, { persistenceId: 'm' }));
    actor.subscribe({ error: () => {} });
    return { ...test, actor: actor.start() };
  }

  it('rejects the command where the dry run is taken as it is', async () => {
    let calls = 0;
    const { host, actor, journal } = open(() => ({ deep: [1, calls++] }));
    const error = await failureOf(host.ask(actor, { type: 'set' }));
    expect(error).to.include({ code: 'INVALID_INPUT', path: 'context.at.deep[1]' });
    expect(error.message).to.contain('"set" leads to another state');
    expect(journal.writes).to.deep.equal([]);
    expect(actor.getSnapshot().value).to.equal('a');
    let more = 0;
    const off = open(() => more++, { checkDeterminism: false });
    expect((await off.host.ask(off.actor, { type: 'set' })).snapshot.context.at).to.equal(0);
  });

  it('ends the entity where the commit computes it again', async () => {
    let calls = 0;
    const { host, actor } = open(() => calls++, { hasWork: true });
    const error = await failureOf(host.ask(actor, { type: 'set' }));
    expect(error).to.include({ code: 'ENTITY_STOPPED', stored: 'yes' });
    expect(actor.getSnapshot().status).to.equal('error');
    expect(String(error.cause)).to.contain('context.at');
  });

  it('is none where it holds the same, actors among it', async () => {
    const machine = setup({
      types: { context: {} as { ref: unknown; map: Map<string, Date> } },
      actors: { worker: fromCallback(() => {}) },
    }).createMachine({
      id: 'm',
      context: { ref: undefined, map: new Map() },
      on: {
        set: {
          actions: assign({
            ref: ({ spawn }) => spawn('worker', { id: 'w' }),
            map: () => new Map([['a', new Date(5)]]),
          }),
        },
      },
    });
    const { host } = testHost({ settings: { checkDeterminism: true } });
    const actor = createActor(host.persistent(machine, { persistenceId: 'm' })).start();
    const { snapshot } = await host.ask(actor, { type: 'set' });
    expect(snapshot.context.map.get('a')).to.deep.equal(new Date(5));
    actor.stop();
  });

  it('of a behaviour rejects the command', async () => {
    const { host, journal } = testHost({ settings: { checkDeterminism: true } });
    const logic = host.behavior({
      types: { commands: {} as { type: 'set' }, events: {} as { type: 'set' } },
      persistenceId: 'b',
      initialState: 0,
      decide: () => ({ type: 'persist', events: [{ type: 'set' }] }),
      evolve: () => Math.random(),
    });
    const asked = host.ask(createActor(logic).start(), { type: 'set' });
    expect(await failureOf(asked)).to.include({ code: 'INVALID_INPUT', path: 'context' });
    expect(journal.writes).to.deep.equal([]);
  });
});

describe('an option that TypeScript would refuse', () => {
  const wrong = {
    decide: ['always', 'a function, not a string'],
    tagger: [['a'], 'a function, not an array'],
    timers: ['deadlines', 'one of deadline, remaining, restart, not "deadlines"'],
    initEvent: [true, 'one of auto, always, never, not true'],
    onRejected: ['go on', 'one of stop, continue, not "go on"'],
    unhandledReplayedEvent: ['skip', 'one of fail, warn, ignore, not "skip"'],
    stashOverflow: [null, 'one of drop, fail, not null'],
  } as const;
  for (const [name, [value, allowed]] of Object.entries(wrong)) {
    it(`is refused when the logic is made: ${name}`, () => {
      const { host } = testHost();
      const options = { persistenceId: 'a', [name]: value };
      const make = () => host.persistent(setup({}).createMachine({ id: 'm' }), options as never);
      expect(make).to.throw(InvalidInputError, `the option "${name}" must be ${allowed}`);
    });
  }

  for (const [name, value, message] of [
    [
      'retention',
      { snapshotEvery: 2, keepSnapshot: 5 },
      /retention" may have .*, not keepSnapshot/,
    ],
    ['retention', null, /retention" may have snapshotEvery, .*, not null/],
    ['recovery', { to: 5 }, /recovery" may have toSeqNr, .*, not to$/],
    ['commandIds', 5, /commandIds" may have maxCount, maxAge, not 5/],
    ['deliveries', { burst: 5 }, /deliveries" may have to, .*, not burst/],
    [
      'onPersistFailure',
      { minBackoff: 1, maxBackoff: 1, randomFactor: 2 },
      /within 0 \.\. 1, not 2/,
    ],
    [
      'onPersistFailure',
      { minBackoff: 1, maxBackoff: 1, maxRestarts: -1 },
      /maxRestarts must be an/,
    ],
    [
      'onPersistFailure',
      { minBackoff: 1, maxBackoff: 1, maxRestart: 3 },
      /onPersistFailure" may have minBackoff, .*, not maxRestart$/,
    ],
  ] as const) {
    it(`is refused with its members: ${name} ${JSON.stringify(value)}`, () => {
      const { host } = testHost();
      const options = { persistenceId: 'a', [name]: value };
      const make = () => host.persistent(setup({}).createMachine({ id: 'm' }), options as never);
      expect(make).to.throw(InvalidInputError, message);
    });
  }
});

describe('options', () => {
  const { host } = testHost();
  const machine = createMachine({ id: 'm' });
  const behavior = { types: {}, initialState: 0, decide: () => {}, evolve: () => 0 };

  for (const [what, make, message] of [
    ['misspelt', [machine, { decid: () => {} }], 'persistent() has no option "decid"'],
    [
      'misspelt, and not those that are undefined,',
      [machine, { encrytion: {}, decid: undefined, retentions: {} }],
      'persistent() has no option "encrytion", "retentions"',
    ],
    ['of a behaviour', [machine, { evolve: () => 0 }], 'persistent() has no option "evolve"'],
    ['forgotten', [machine], 'persistent() needs an object of options, not undefined'],
    ['misspelt', [{ ...behavior, encrypt: {} }], 'behavior() has no option "encrypt"'],
    ['forgotten', [], 'behavior() needs an object of options, not undefined'],
  ] as const) {
    it(`that are ${what} are refused: ${message}`, () => {
      const making = message.startsWith('persistent') ? host.persistent : host.behavior;
      const untyped = making as (...args: readonly unknown[]) => unknown;
      expect(() => untyped(...make)).to.throw(InvalidInputError, message);
    });
  }
});
