import { expect } from 'chai';
import type { AnyActorRef, AnyStateMachine } from 'xstate';
import {
  assign,
  createActor,
  fromCallback,
  fromObservable,
  fromPromise,
  sendTo,
  setup,
  spawnChild,
} from 'xstate';
import { earOf, Life, newId, type Row, type Scene } from './xstate-table.fixture.ts';

/** Rows about children. */
export const childRows: Readonly<Record<string, Row>> = {
  'invoke of a promise: runs after the write, its result is stored | not started | runs again with its first input':
    async (scene) => {
      const { see, take } = scene;
      const { machine, calls } = jobMachine(see);
      const life = await Life.begin(scene, machine);
      await life.ask('go', { n: 1 });
      await life.ask('note', { n: 2 });
      expect(take()).to.deep.equal([
        'recovered',
        'asked go',
        'stored go',
        'job 1',
        'asked note',
        'stored note',
      ]);
      await life.again();
      expect(take()).to.deep.equal(['recovered', 'job 1']);
      calls.at(-1)?.('seven');
      await life.until('the job', () => life.value === 'done');
      expect(take()).to.deep.equal(['stored xstate.done.actor.job', 'got seven']);
      await life.again();
      expect(take()).to.deep.equal(['recovered']);
      expect(life.context).to.deep.equal({ n: 2, result: 'seven' });
    },

  'invoke of a callback or an observable: runs after the write | not started | starts again':
    async (scene) => {
      const { see, take } = scene;
      const machine = setup({
        actors: {
          callback: fromCallback(() => see('callback')),
          ticks: fromObservable(() => ({
            subscribe: () => {
              see('observable');
              return { unsubscribe: () => {} };
            },
          })),
        },
      }).createMachine({
        id: 'm',
        initial: 'off',
        states: {
          off: { on: { go: 'on' } },
          on: {
            invoke: [
              { id: 'callback', src: 'callback' },
              { id: 'ticks', src: 'ticks' },
            ],
          },
        },
      });
      const life = await Life.begin(scene, machine);
      await life.ask('go');
      expect(take()).to.deep.equal([
        'recovered',
        'asked go',
        'stored go',
        'callback',
        'observable',
      ]);
      await life.again();
      expect(take()).to.deep.equal(['recovered', 'callback', 'observable']);
    },

  'invoke, spawn of a plain machine: its state is not stored | not started | from its first state, or from a snapshot':
    async (scene) => {
      const { see, take, way } = scene;
      const child = setup({ types: { input: {} as { n: number } } }).createMachine({
        id: 'child',
        context: ({ input }) => input,
        initial: 'one',
        states: {
          one: {
            entry: ({ context }) => see(`child in one, ${JSON.stringify(context)}`),
            on: { step: 'two' },
            after: { 1000: { actions: () => see('its timer') } },
          },
          two: { entry: () => see('child in two') },
        },
      });
      const machine = setup({ actors: { child } }).createMachine({
        id: 'm',
        invoke: { id: 'child', src: 'child', input: { n: 7 } },
        on: { go: { actions: sendTo('child', { type: 'step' }) } },
      });
      const first = 'child in one, {"n":7}';
      const life = await Life.begin(scene, machine);
      expect(take()).to.deep.equal(['recovered', 'stored xstate.init', first]);
      await life.ask('go');
      expect(take()).to.deep.equal(['asked go', 'stored go', 'child in two']);
      await life.again();
      life.clock.increment(1000);
      const fromEvents = way === 'its events';
      const anew = ['recovered', first, 'its timer'];
      expect(take()).to.deep.equal(fromEvents ? anew : ['recovered']);
      expect(childOf(life, 'child').getSnapshot().value).to.equal(fromEvents ? 'one' : 'two');
    },

  'invoke, spawn of a persistent machine: has a journal of its own | not started | recovers itself':
    async (scene) => {
      const { see, take } = scene;
      const child = persistentChild(scene);
      const machine = setup({ actors: { child: child as AnyStateMachine } }).createMachine({
        id: 'm',
        invoke: { id: 'invoked', src: 'child', input: { id: newId() } },
        entry: spawnChild('child', { id: 'spawned', input: { id: newId() } }),
        on: {
          go: {
            actions: [
              sendTo('invoked', { type: 'add' }),
              sendTo('spawned', { type: 'add' }),
              () => see('sent'),
            ],
          },
        },
      });
      const counts = (): unknown[] =>
        ['invoked', 'spawned'].map((id) => {
          const { context, persistence } = childOf(life, id).getSnapshot();
          return `${context.n} at ${persistence.sequenceNr}`;
        });
      const life: Life = await Life.begin(scene, machine);
      await life.ask('go');
      await life.until('the children', () => counts().join() === '1 at 2,1 at 2');
      const [, ...lived] = take();
      expect(lived).to.have.members([
        'stored xstate.init',
        'asked go',
        'stored go',
        'sent',
        'child added',
        'child added',
      ]);
      await life.again();
      await life.until('the children', () => counts().join() === '1 at 2,1 at 2');
      expect(take()).to.deep.equal(['recovered']);
    },

  'spawn in assign, with its reference in the context: after the write | not started | the context refers to the new child':
    async (scene) => {
      const { see, take } = scene;
      const machine = setup({
        types: { context: {} as { kids: AnyActorRef[] } },
        actors: { ear: earOf(see, true) },
      }).createMachine({
        id: 'm',
        context: { kids: [] },
        on: {
          go: {
            actions: assign({
              kids: ({ context, event, spawn }) => [
                ...context.kids,
                spawn('ear', { id: event['id'] as string }),
              ],
            }),
          },
          talk: {
            actions: sendTo(({ context }) => context.kids[1] as AnyActorRef, { type: 'hello' }),
          },
        },
      });
      const life = await Life.begin(scene, machine);
      await life.ask('go', { id: 'k1' });
      await life.ask('go', { id: 'k2' });
      expect(take()).to.deep.equal([
        'recovered',
        'asked go',
        'stored go',
        'k1',
        'asked go',
        'stored go',
        'k2',
      ]);
      await life.again();
      expect(take()).to.deep.equal(['recovered', 'k1', 'k2']);
      await life.ask('talk');
      expect(take()).to.deep.equal(['asked talk', 'stored talk', 'k2 got hello']);
      const { kids } = life.context;
      expect(kids).to.deep.equal([childOf(life, 'k1'), childOf(life, 'k2')]);
    },

  'systemId: taken after the write | kept apart | taken once': async (scene) => {
    const { see, take } = scene;
    const machine = setup({ actors: { radio: earOf(see) } }).createMachine({
      id: 'm',
      initial: 'off',
      states: {
        off: { on: { flip: 'on' } },
        on: {
          invoke: { id: 'radio', src: 'radio', systemId: 'radio' },
          on: { flip: 'off', again: { target: 'on', reenter: true } },
        },
      },
    });
    const name = ({ system }: AnyActorRef): unknown => system.get('radio');
    const aside = (entity: AnyActorRef) => (name(entity) === undefined ? 'free' : 'taken');
    const life = await Life.begin(scene, machine, { aside });
    await life.ask('flip');
    expect(take()).to.deep.equal(['recovered: free', 'asked flip', 'stored flip: free']);
    expect(name(life.actor)).to.equal(childOf(life, 'radio'));
    await life.again();
    expect(take()).to.deep.equal(['recovered: free']);
    expect(name(life.actor)).to.equal(childOf(life, 'radio'));
    await life.ask('again');
    expect(name(life.actor)).to.equal(childOf(life, 'radio'));
    await life.ask('flip');
    expect(name(life.actor)).to.equal(undefined);
    expect(take()).to.deep.equal([
      'asked again',
      'stored again: taken',
      'asked flip',
      'stored flip: taken',
    ]);
  },

  'a child that has ended, and whose end is stored: – | its end is applied | not started again':
    async (scene) => {
      const { see, take } = scene;
      const { machine, calls } = jobMachine(see, 'stays');
      const life = await Life.begin(scene, machine);
      await life.ask('go', { n: 1 });
      calls.at(-1)?.('seven');
      await life.until('the job', () => life.context['result'] === 'seven');
      expect(take()).to.deep.equal([
        'recovered',
        'asked go',
        'stored go',
        'job 1',
        'stored xstate.done.actor.job',
        'got seven',
      ]);
      await life.again();
      expect(take()).to.deep.equal(['recovered']);
      expect(life.context).to.deep.equal({ n: 1, result: 'seven' });
      const { status, output } = childOf(life, 'job').getSnapshot();
      expect({ status, output }).to.deep.equal({ status: 'done', output: 'seven' });
    },

  'a persistent child that has ended: – | – | says so again, to a parent that has not heard it':
    async (scene) => {
      const { see, take, persistence } = scene;
      const child = persistentChild(scene);
      const input = { id: newId() };
      const machine = setup({ actors: { child: child as AnyStateMachine } }).createMachine({
        id: 'm',
        initial: 'waiting',
        states: {
          waiting: {
            entry: spawnChild('child', { id: 'child', input }),
            on: {
              'xstate.done.actor.child': { target: 'told', actions: () => see('heard the end') },
            },
          },
          told: { on: { note: {} } },
        },
      });
      const life = await Life.begin(scene, machine);
      await life.keep();
      await life.end();
      // The child comes to its end while its parent is not there to hear it.
      const alone = createActor(child as AnyStateMachine, { input }).start();
      await persistence.ask(alone as never, { type: 'finish' } as never);
      take();
      await life.restart();
      await life.until('the end of the child', () => life.value === 'told');
      expect(take()).to.deep.equal([
        'recovered',
        'stored xstate.done.actor.child',
        'heard the end',
      ]);
      await life.again();
      await life.ask('note');
      expect(take()).to.deep.equal(['recovered', 'asked note', 'stored note']);
    },
};

/** A job whose results the test gives; its end leads to `done`, or leaves the state as it is. */
function jobMachine(see: (what: string) => void, end: 'leaves' | 'stays' = 'leaves') {
  const calls: ((output: string) => void)[] = [];
  const machine = setup({
    types: { context: {} as { n: number; result: unknown } },
    actors: {
      job: fromPromise(({ input }: { input: number }) => {
        see(`job ${input}`);
        return new Promise<string>((resolve) => calls.push(resolve));
      }),
    },
    actions: { setN: assign({ n: ({ event }) => event['n'] as number }) },
  }).createMachine({
    id: 'm',
    context: { n: 0, result: null },
    initial: 'off',
    states: {
      off: { on: { go: { target: 'on', actions: 'setN' } } },
      on: {
        invoke: {
          id: 'job',
          src: 'job',
          input: ({ context }) => context.n,
          onDone: {
            ...(end === 'leaves' && { target: 'done' }),
            actions: [
              assign({ result: ({ event }) => event.output }),
              ({ event }) => see(`got ${event.output}`),
            ],
          },
        },
        on: { note: { actions: 'setN' } },
      },
      done: {},
    },
  });
  return { machine, calls };
}

/** Counts, in a journal of its own, until it is told to finish. */
function persistentChild({ persistence, see }: Scene) {
  const counter = setup({
    types: { input: {} as { id: string }, context: {} as { n: number } },
  }).createMachine({
    id: 'child',
    context: { n: 0 },
    initial: 'open',
    states: {
      open: {
        on: {
          add: {
            actions: [assign({ n: ({ context }) => context.n + 1 }), () => see('child added')],
          },
          finish: 'finished',
        },
      },
      finished: { type: 'final' },
    },
  });
  const logic: unknown = persistence.persistent(counter, {
    persistenceId: ({ input }) => input.id,
  });
  return logic;
}

function childOf(life: Life, id: string): AnyActorRef {
  return life.actor.getSnapshot().children[id] as AnyActorRef;
}
