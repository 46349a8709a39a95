import { expect } from 'chai';
import type { EventObject } from 'xstate';
import { assign, createActor, sendTo, setup } from 'xstate';
import type { Decision } from '../../../src/actor/entity/entity-options.ts';
import { JournalError, StoreUnavailableError } from '../../../src/model/errors.ts';
import { MemoryJournalPlugin } from '../../support/memory-journal-plugin.ts';
import { RecordingLogger } from '../../support/recording-logger.ts';
import type { TestHostOptions } from './support.ts';
import { failureOf, settle, testHost } from './support.ts';

type Command = { readonly type: string; readonly answer?: unknown };

/** A behaviour that counts, and does at each command what the command says. */
function openCounting(options: object = {}, hostOptions: TestHostOptions = {}) {
  const test = testHost(hostOptions);
  const logic = test.host.behavior({
    types: { commands: {} as Command, events: {} as EventObject },
    persistenceId: 'b',
    initialState: 0,
    decide: ({ command }) => {
      if (command.type === 'throw') throw command.answer;
      return command.type === 'count'
        ? { type: 'persist', events: [{ type: 'counted' }] }
        : (command.answer as Decision<EventObject>);
    },
    evolve: (state) => state + 1,
    ...options,
  });
  const actor = createActor(logic);
  actor.subscribe({ error: () => {} });
  const ask = (command: Command) => test.host.ask(actor, command);
  return { ...test, logic, ask, actor: actor.start() };
}

function openLogged(options: object, hostOptions: TestHostOptions = {}) {
  const log = new RecordingLogger();
  return { log, ...openCounting(options, { ...hostOptions, log }) };
}

/** A machine with the same commands. */
function openMachine(options: object = {}) {
  const test = testHost();
  const machine = setup({ types: { events: {} as EventObject } }).createMachine({
    id: 'm',
    on: { counted: {} },
  });
  const logic = test.host.persistent(machine, {
    types: { commands: {} as Command },
    persistenceId: 'b',
    decide: ({ command }) =>
      command.type === 'count'
        ? { type: 'persist', events: [{ type: 'counted' }] }
        : (command.answer as Decision<EventObject>),
    ...options,
  });
  const actor = createActor(logic);
  actor.subscribe({ error: () => {} });
  const ask = (command: Command) => test.host.ask(actor, command);
  return { ...test, ask, actor: actor.start() };
}

const ok = { type: 'counted' };

/** [what decide answers, what the message says] */
const wrongAnswers: readonly (readonly [unknown, string])[] = [
  [undefined, 'nothing'],
  [null, 'null'],
  [Promise.resolve({ type: 'none' }), 'a promise'],
  [7, 'number'],
  ['none', 'string'],
  [[], 'an array'],
  [{}, 'without a type'],
  [{ type: 'save' }, '"save"'],
  [{ type: 'persist' }, 'must be an array'],
  [{ type: 'persist', events: ok }, 'must be an array'],
  [{ type: 'persist', events: new Set([ok]) }, 'must be an array'],
  [{ type: 'persist', events: [ok, 'text'] }, 'number 1'],
  [{ type: 'persist', events: [{ n: 1 }] }, 'number 0'],
  [{ type: 'persist', events: [5] }, 'number 0'],
  [{ type: 'persist', events: [null] }, 'number 0'],
  [{ type: 'persist', events: [new Uint8Array(2)] }, 'number 0'],
  [{ type: 'persist', events: Array.from({ length: 1 }) }, 'number 0'],
  [{ type: 'persist', events: [{ type: 3 }] }, 'number 0'],
  [{ type: 'persist', events: [{ type: '' }] }, 'number 0'],
  [{ type: 'persist', events: [{ type: 'xstate.init' }] }, 'xstate'],
  [{ type: 'persist', events: [ok], thenRun: 'later' }, 'thenRun'],
  [
    { type: 'persist', events: [ok], replay: 1 },
    '"replay"; beside its type it may have "events", ',
  ],
  [{ type: 'persist', events: [ok], thenrun: () => {} }, '"thenrun"'],
  [{ type: 'none', events: [ok] }, '"events"; beside its type it may have "reply"'],
  [{ type: 'reject', error: new Error('no') }, '"error"; beside its type it may have "reason"'],
  [{ type: 'stash', reply: 1 }, '"reply"; beside its type it may have nothing'],
  [{ type: 'toString' }, '"toString"'],
];

for (const [name, open] of [
  ['a behaviour', openCounting],
  ['a machine', openMachine],
] as const) {
  describe(`what decide of ${name} answers`, () => {
    it('is refused at once when it is no decision, nothing is stored, and the entity lives', async () => {
      const { journal, ask } = open();
      for (const [answer, says] of wrongAnswers) {
        const error = await failureOf(ask({ type: 'do', answer }));
        expect(error).to.include({ code: 'INVALID_INPUT', stored: 'no', retryable: false });
        expect(error.message).to.contain(says).and.to.contain('nothing was stored');
      }
      await ask({ type: 'count' });
      const types = journal.payloads('b').map((payload) => (payload as EventObject).type);
      expect(types.filter((type) => type !== 'xstate.init')).to.deep.equal(['counted']);
    });

    it('may fail later when it is a promise: nobody but the asker hears of it', async () => {
      const { ask } = open();
      const answer = Promise.reject(new Error('later'));
      expect((await failureOf(ask({ type: 'do', answer }))).message).to.contain('promise');
      await settle(); // an unhandled rejection would end the process
    });

    it('is a rejection whatever its reason is', async () => {
      const { ask } = open();
      for (const reason of ['closed', { message: 'closed' }, new Error('closed')]) {
        const error = await failureOf(ask({ type: 'do', answer: { type: 'reject', reason } }));
        expect(error).to.include({ code: 'COMMAND_REJECTED', message: 'closed', cause: reason });
      }
      const error = await failureOf(ask({ type: 'do', answer: { type: 'reject' } }));
      expect(error).to.include({ code: 'COMMAND_REJECTED', stored: 'no' });
    });

    it('may be an exception of any value', async () => {
      const { ask } = openCounting();
      for (const answer of [undefined, null, 'text', new Error('bad')]) {
        const error = await failureOf(ask({ type: 'throw', answer }));
        expect(error).to.include({ code: 'COMMAND_REJECTED', cause: answer });
      }
    });
  });

  describe(`the tags of ${name}`, () => {
    it('are refused before the write unless they are texts that are not blank', async () => {
      let answer: unknown;
      const { journal, ask } = open({
        tagger: () => {
          if (answer instanceof Error) throw answer;
          return answer;
        },
      });
      const wrong = [
        4711,
        [4711],
        'text',
        [''],
        [' '],
        [null],
        {},
        null,
        undefined,
        Promise.resolve([]),
      ];
      for (answer of wrong) {
        const error = await failureOf(ask({ type: 'count' }));
        expect(error).to.include({ code: 'INVALID_INPUT', stored: 'no' });
      }
      answer = new Error('no tags');
      const error = await failureOf(ask({ type: 'count' }));
      expect(error).to.include({ code: 'COMMAND_REJECTED', cause: answer, stored: 'no' });
      answer = new Set(['a', 'b']);
      await ask({ type: 'count' });
      expect(journal.stored('b').at(-1)?.tags).to.deep.equal(['a', 'b']);
      expect(
        journal.stored('b').filter(({ payload }) => (payload as EventObject).type === 'counted'),
      ).to.have.length(1);
    });
  });
}

describe('options that are no functions', () => {
  it('are refused when the logic is made', () => {
    const { host } = testHost();
    const machine = setup({}).createMachine({});
    for (const name of ['decide', 'transient', 'tagger', 'onSignal']) {
      expect(() => host.persistent(machine, { persistenceId: 'm', [name]: 'text' }))
        .to.throw(`"${name}"`)
        .with.property('code', 'INVALID_INPUT');
    }
    const options = { persistenceId: 'b', initialState: 0 };
    for (const rest of [{}, { decide: () => {} }, { decide: () => {}, evolve: 7 }]) {
      expect(() => host.behavior({ ...options, ...rest } as never))
        .to.throw('"evolve"')
        .with.property('code', 'INVALID_INPUT');
    }
    for (const machine of [undefined, {}, 'text']) {
      expect(() => host.persistent(machine as never, { persistenceId: 'm' }))
        .to.throw('takes a state machine')
        .with.property('code', 'INVALID_INPUT');
    }
  });
});

describe('a state that evolve', () => {
  for (const [what, next] of [
    ['does not return', undefined],
    ['only promises', Promise.resolve(1)],
  ] as const) {
    it(`${what} is refused before the write, and the entity lives`, async () => {
      let broken = true;
      const { journal, ask } = openCounting({
        evolve: (state: number) => (broken ? next : state + 1),
      });
      const error = await failureOf(ask({ type: 'count' }));
      expect(error).to.include({ code: 'INVALID_INPUT', stored: 'no' });
      expect(error.message).to.contain('evolve').and.to.contain('counted');
      expect(journal.stored('b')).to.deep.equal([]);
      broken = false;
      expect((await ask({ type: 'count' })).snapshot.context).to.equal(1);
    });
  }
});

describe('the transient option', () => {
  it('is refused when it throws or does not say yes or no, and nothing is stored', async () => {
    let answer: unknown;
    const { journal, ask } = openMachine({
      transient: () => {
        if (answer instanceof Error) throw answer;
        return answer;
      },
    });
    for (answer of [Promise.resolve(true), 1, 'yes', null, new Error('broken')]) {
      const error = await failureOf(ask({ type: 'count' }));
      expect(error).to.include({ stored: 'no' });
      expect(error.code).to.equal(answer instanceof Error ? 'COMMAND_REJECTED' : 'INVALID_INPUT');
    }
    expect(journal.stored('b')).to.deep.equal([]);
    answer = false;
    await ask({ type: 'count' });
  });
});

describe('what runs after a write', () => {
  it('fails the entity when thenRun throws: the asker has the answer, the others know what is stored', async () => {
    const { journal, ask } = openCounting({}, { settings: { groupCommitMaxCommands: 10 } });
    await ask({ type: 'count' });
    const write = journal.blockNextWrite();
    const first = ask({ type: 'count' });
    const answer = {
      type: 'persist',
      events: [ok],
      thenRun: () => {
        throw new Error('thenRun is broken');
      },
    };
    const asked = [ask({ type: 'do', answer }), ask({ type: 'count' })] as const;
    write.open();
    await Promise.all([first, asked[0]]);
    const error = await failureOf(asked[1]);
    expect(error).to.include({ code: 'ENTITY_STOPPED', stored: 'yes', retryable: false });
    expect((error.cause as Error).message).to.equal('thenRun is broken');
    expect(journal.stored('b')).to.have.length(4);
  });

  it('fails the entity when an async thenRun or onSignal rejects, for those who see the actor, too', async () => {
    const rejected = async () => {
      throw new Error('later');
    };
    const answer = { type: 'persist', events: [ok], thenRun: rejected };
    const onSignal = ({ type }: { type: string }) =>
      type === 'persist-rejected' ? rejected() : undefined;
    for (const [options, refuses] of [
      [{}, false],
      [{ onSignal, onRejected: 'continue' }, true],
    ] as const) {
      const { journal, log, ask, actor } = openLogged(options);
      const errors: unknown[] = [];
      actor.subscribe({ error: (error: unknown) => errors.push(error) });
      await ask({ type: 'count' });
      if (refuses) {
        journal.rejectNextWrite(new Error('too large'));
        expect(await failureOf(ask({ type: 'count' }))).to.include({ code: 'WRITE_REJECTED' });
      } else await ask({ type: 'do', answer });
      await settle(); // an unhandled rejection would end the process
      expect(errors.map(String)).to.deep.equal(['Error: later']);
      expect(log.of('error')).to.deep.equal(['an async onSignal or thenRun has failed']);
      const late = await failureOf(ask({ type: 'count' }));
      expect(late).to.include({ code: 'ENTITY_STOPPED', stored: 'no' });
      expect(late.cause).to.equal(errors[0]);
    }
  });

  it('only logs the rejection of an async onSignal that hears of a failed recovery', async () => {
    const onSignal = async ({ type }: { type: string }) => {
      if (type === 'recovery-failed') throw new Error('later');
    };
    const onPersistFailure = { minBackoff: 1, maxBackoff: 1 };
    const journal = new MemoryJournalPlugin();
    journal.failNextRecovery(new StoreUnavailableError('no answer'));
    const { log, ask } = openLogged({ onSignal, onPersistFailure }, { journal });
    expect((await ask({ type: 'count' })).snapshot.context).to.equal(1);
    expect(log.of('error')).to.deep.equal(['an async onSignal or thenRun has failed']);
  });

  it('says so to the asker when an effect of the stored event ends the actor', async () => {
    const { host, journal } = testHost();
    const machine = setup({ types: { events: {} as { type: 'go' } } }).createMachine({
      id: 'm',
      on: { go: { actions: sendTo((() => ({})) as never, { type: 'x' } as never) } }, // no actor
    });
    const actor = createActor(host.persistent(machine, { persistenceId: 'm' }));
    actor.subscribe({ error: () => {} });
    actor.start();
    const outcome = await host.ask(actor, { type: 'go' }).then(
      () => 'yes',
      (error: JournalError) => error.stored,
    );
    expect(outcome).to.equal('yes');
    expect(journal.stored('m').at(-1)?.payload).to.deep.equal({ type: 'go' });
    expect(actor.getSnapshot().status).to.equal('error');
    const error = await failureOf(host.ask(actor, { type: 'go' }));
    expect(error).to.include({ code: 'ENTITY_STOPPED', stored: 'no' });
  });

  it('says so to the asker when an action of the first state ends the actor', async () => {
    const { host, journal } = testHost();
    const fail = (): never => {
      throw new Error('the action is broken');
    };
    const machine = setup({ types: { events: {} as { type: 'go' } } }).createMachine({
      id: 'm',
      entry: fail,
      on: { go: {} },
    });
    const actor = createActor(host.persistent(machine, { persistenceId: 'm' }));
    actor.subscribe({ error: () => {} });
    actor.start();
    const error = await failureOf(host.ask(actor, { type: 'go' }));
    expect(error).to.include({ code: 'ENTITY_STOPPED', stored: 'no' });
    expect(error.cause).to.include({ message: 'the action is broken' });
    expect(journal.stored('m')).to.have.length(1);
  });

  it('does not lose a refused command when onSignal throws', async () => {
    const { journal, ask } = openCounting({
      onSignal: ({ type }: { type: string }) => {
        if (type === 'persist-rejected') throw new Error('onSignal is broken');
      },
    });
    await ask({ type: 'count' });
    journal.rejectNextWrite(new Error('too large'));
    const asked = ask({ type: 'count' });
    const waiting = ask({ type: 'count' });
    expect(await failureOf(asked)).to.include({ code: 'WRITE_REJECTED', stored: 'no' });
    expect(await failureOf(waiting)).to.include({ code: 'ENTITY_STOPPED', stored: 'no' });
  });
});

describe('an actor that xstate never starts', () => {
  const broken = new Error('no context');
  const fail = (): never => {
    throw broken;
  };
  const cases: readonly (readonly [
    string,
    (host: ReturnType<typeof testHost>['host']) => unknown,
    object,
  ])[] = [
    [
      'because its context throws',
      (host) => host.persistent(setup({}).createMachine({ context: fail }), { persistenceId: 'm' }),
      { code: 'RECOVERY_FAILED', cause: broken },
    ],
    [
      'because an initial assignment throws',
      (host) =>
        host.persistent(setup({}).createMachine({ context: {}, entry: assign(fail) }), {
          persistenceId: 'm',
        }),
      { code: 'RECOVERY_FAILED', cause: broken },
    ],
    [
      'because its persistenceId throws',
      (host) => host.persistent(setup({}).createMachine({}), { persistenceId: fail }),
      { code: 'INVALID_INPUT', cause: broken },
    ],
    [
      'because its persistenceId is a promise',
      (host) =>
        host.persistent(setup({}).createMachine({}), {
          persistenceId: (async () => fail()) as never,
        }),
      { code: 'INVALID_INPUT' },
    ],
    [
      'because its persistenceId is no well-formed text',
      (host) => host.persistent(setup({}).createMachine({}), { persistenceId: 'a\ud800' }),
      { code: 'INVALID_INPUT' },
    ],
    [
      'because its initialState throws',
      (host) =>
        host.behavior({
          types: { commands: {} as EventObject, events: {} as EventObject },
          persistenceId: 'm',
          initialState: fail,
          decide: () => ({ type: 'none' }),
          evolve: (state) => state,
        }),
      { code: 'RECOVERY_FAILED', cause: broken },
    ],
    [
      'because its initialState is a promise',
      (host) =>
        host.behavior({
          types: { commands: {} as EventObject, events: {} as EventObject },
          persistenceId: 'm',
          initialState: async () => fail(),
          decide: () => ({ type: 'none' }),
          evolve: (state) => state,
        }),
      { code: 'INVALID_INPUT' },
    ],
  ];
  for (const [why, open, expected] of cases) {
    it(`${why} tells those who ask or wait at once`, async () => {
      const { host } = testHost();
      const actor = createActor(open(host) as never, { input: undefined } as never);
      actor.subscribe({ error: () => {} });
      actor.start();
      expect(actor.getSnapshot()).to.include({ status: 'error' });
      for (const waiting of [
        host.ask(actor as never, { type: 'go' }),
        host.whenRecovered(actor),
        host.stop(actor),
      ]) {
        const error = await failureOf(waiting);
        expect(error).to.include(expected);
        expect(error).to.be.instanceOf(JournalError).and.to.include({ stored: 'no' });
      }
    });
  }

  it('because nobody called start tells those who ask or wait so', async () => {
    const { host, logic } = openCounting({ persistenceId: 'other' });
    const actor = createActor(logic);
    for (const waiting of [host.ask(actor, { type: 'count' }), host.whenRecovered(actor)]) {
      const error = await failureOf(waiting);
      expect(error).to.include({ code: 'INVALID_INPUT', stored: 'no' });
      expect(error.message).to.contain('start()');
    }
    await host.stop(actor);
    for (const waiting of [host.ask(actor, { type: 'count' }), host.whenRecovered(actor)]) {
      expect(await failureOf(waiting)).to.include({ code: 'ENTITY_STOPPED', stored: 'no' });
    }
  });

  it('because another has its id tells those who ask or wait so', async () => {
    const { host, logic } = openCounting();
    const second = createActor(logic);
    second.subscribe({ error: () => {} });
    second.start();
    const asked = await failureOf(host.ask(second, { type: 'count' }));
    expect(asked).to.include({ code: 'ENTITY_STOPPED', stored: 'no' });
    expect(asked.cause).to.include({ code: 'DUPLICATE_ENTITY' });
    expect(await failureOf(host.whenRecovered(second))).to.include({ code: 'DUPLICATE_ENTITY' });
  });

  it('because its snapshot had ended says how', async () => {
    const { host, logic } = openCounting({ persistenceId: 'other' });
    const done = createActor(logic, {
      snapshot: {
        status: 'done',
        output: 1,
        error: undefined,
        persistenceId: 'other',
        input: undefined,
        sequenceNr: 3,
      } as never,
    }).start();
    expect(done.getSnapshot()).to.include({ status: 'done', output: 1 });
    expect(await failureOf(host.ask(done, { type: 'count' }))).to.include({ code: 'ENTITY_DONE' });
  });
});
