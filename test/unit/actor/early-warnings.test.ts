import { expect } from 'chai';
import type { AnyStateMachine } from 'xstate';
import { assign, createActor, createMachine, fromPromise, setup } from 'xstate';
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
