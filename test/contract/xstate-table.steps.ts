import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import {
  assign,
  createActor,
  emit,
  enqueueActions,
  log,
  raise,
  sendParent,
  sendTo,
  setup,
} from 'xstate';
import { failureOf } from '../unit/actor/support.ts';
import { earOf, Life, type Row } from './xstate-table.fixture.ts';

const hourMs = 3_600_000;

/** Rows about what a machine does and becomes by itself. */
export const stepRows: Readonly<Record<string, Row>> = {
  'custom action, log: once, after the write | not in replay | not after recovery': async (
    scene,
  ) => {
    const { see, take } = scene;
    const machine = setup({}).createMachine({
      id: 'm',
      initial: 'a',
      states: {
        a: {
          entry: () => see('entry a'),
          exit: () => see('exit a'),
          on: { go: { target: 'b', actions: [() => see('go'), log('words')] } },
        },
        b: { entry: () => see('entry b') },
      },
    });
    const life = await Life.begin(scene, machine);
    expect(take()).to.deep.equal(['recovered', 'stored xstate.init', 'entry a']);
    await life.ask('go');
    expect(take()).to.deep.equal([
      'asked go',
      'stored go',
      'exit a',
      'go',
      'log: words',
      'entry b',
    ]);
    await life.again();
    expect(take()).to.deep.equal(['recovered']);
    expect(life.value).to.equal('b');
  },

  'emit, actor.on: once, after the write | not in replay | not after recovery': async (scene) => {
    const { take } = scene;
    const machine = setup({ types: { emitted: {} as { type: 'said' } } }).createMachine({
      id: 'm',
      on: { go: { actions: emit({ type: 'said' }) } },
    });
    const life = await Life.begin(scene, machine);
    await life.ask('go');
    expect(take()).to.deep.equal(['recovered', 'asked go', 'stored go', 'emitted said']);
    await life.again();
    expect(take()).to.deep.equal(['recovered']);
    await life.ask('go');
    expect(take()).to.deep.equal(['asked go', 'stored go', 'emitted said']);
  },

  'sendTo, sendParent at once: once, after the write | not in replay | not after recovery': async (
    scene,
  ) => {
    const { see, take } = scene;
    const machine = setup({ actors: { ear: earOf(see) } }).createMachine({
      id: 'm',
      invoke: { id: 'ear', src: 'ear' },
      on: {
        go: { actions: [sendTo('ear', { type: 'hello' }), sendParent({ type: 'hi' })] },
      },
    });
    const life = await Life.begin(scene, machine, { hasParent: true });
    take();
    await life.ask('go');
    expect(take()).to.deep.equal(['asked go', 'stored go', 'ear got hello', 'parent got hi']);
    await life.again();
    expect(take()).to.deep.equal(['recovered']);
  },

  'raise without delay, always: part of the step, not stored by themselves | computed again | –':
    async (scene) => {
      const { take } = scene;
      const machine = setup({}).createMachine({
        id: 'm',
        initial: 'a',
        states: {
          a: { on: { go: { target: 'b', actions: raise({ type: 'on' }) } } },
          b: { on: { on: 'c' } },
          c: { always: 'd' },
          d: {},
        },
      });
      const life = await Life.begin(scene, machine);
      await life.ask('go');
      expect(life.value).to.equal('d');
      expect(take()).to.deep.equal(['recovered', 'asked go', 'stored go']);
      await life.again();
      expect(life.value).to.equal('d');
      expect(take()).to.deep.equal(['recovered']);
    },

  'assign, guards, enqueueActions: in a dry run, and at the commit | evaluated | –': async (
    scene,
  ) => {
    const { see, take, way } = scene;
    const machine = setup({
      types: { context: {} as { n: number } },
      guards: {
        may: () => {
          see('guard');
          return true;
        },
      },
      actions: {
        add: assign({
          n: ({ context }) => {
            see('assign');
            return context.n + 1;
          },
        }),
      },
    }).createMachine({
      id: 'm',
      context: { n: 0 },
      on: {
        go: {
          guard: 'may',
          actions: [
            'add',
            enqueueActions(({ enqueue }) => {
              see('enqueue');
              enqueue(() => see('action'));
            }),
          ],
        },
      },
    });
    const evaluated = ['guard', 'assign', 'enqueue'];
    const life = await Life.begin(scene, machine);
    await life.ask('go');
    expect(once(take())).to.deep.equal([
      'recovered',
      ...evaluated,
      'asked go',
      'stored go',
      ...evaluated,
      'action',
    ]);
    await life.again();
    expect(life.context).to.deep.equal({ n: 1 });
    const inReplay = way === 'its events' ? evaluated : [];
    expect(once(take())).to.deep.equal([...inReplay, 'recovered']);
  },

  'after, delayed raise: a timer, stored when it fires | not armed | fires at its first deadline':
    async (scene) => {
      const { see, take } = scene;
      const machine = setup({}).createMachine({
        id: 'm',
        initial: 'off',
        states: {
          off: { on: { go: 'waiting' } },
          waiting: {
            entry: [
              raise({ type: 'soon' }, { delay: 1 }),
              raise({ type: 'overdue' }, { delay: 4 }),
              raise({ type: 'later' }, { delay: hourMs }),
            ],
            on: { '*': { actions: ({ event }) => see(`got ${event.type}`) } },
            after: { [2 * hourMs]: 'late' },
          },
          late: {},
        },
      });
      const life = await Life.begin(scene, machine);
      await life.ask('go');
      life.clock.increment(1);
      await life.until(
        'the first timer',
        () => life.actor.getSnapshot().persistence.sequenceNr === 2,
      );
      expect(take()).to.deep.equal([
        'recovered',
        'asked go',
        'stored go',
        'stored soon',
        'got soon',
      ]);
      await sleep(5);
      await life.again();
      expect(take()).to.deep.equal(['recovered']);
      await passes(life, 0, 3);
      expect(take()).to.deep.equal(['stored overdue', 'got overdue']);
      await passes(life, hourMs - 60_000, 3);
      // Some ms of the first life count: a whole delay anew would not be over yet.
      await passes(life, 60_000 - 1, 4);
      expect(take()).to.deep.equal(['stored later', 'got later']);
      await passes(life, hourMs, 5);
      expect(take()).to.deep.equal([`stored xstate.after.${2 * hourMs}.m.waiting`]);
      expect(life.value).to.equal('late');
    },

  'delayed sendTo: a timer | not armed | armed again for itself, its parent and its children, not for others':
    async (scene) => {
      const { see, take, warnings } = scene;
      const stranger = createActor(earOf(see)).start();
      const delay = (ms: number, id: string) => ({ delay: ms, id });
      const machine = setup({ actors: { ear: earOf(see) } }).createMachine({
        id: 'm',
        invoke: { id: 'ear', src: 'ear' },
        on: {
          go: {
            actions: [
              sendTo('ear', { type: 'soon' }, delay(1, 'soon')),
              sendTo('ear', { type: 'hello' }, delay(hourMs, 'child')),
              sendTo(({ self }) => self, { type: 'note' }, delay(hourMs, 'self')),
              sendParent({ type: 'hi' }, delay(hourMs, 'parent')),
              sendTo(() => stranger, { type: 'lost' }, delay(hourMs, 'other')),
            ],
          },
          note: {},
        },
      });
      const life = await Life.begin(scene, machine, { hasParent: true });
      take();
      await life.ask('go');
      life.clock.increment(1);
      expect(take()).to.deep.equal(['asked go', 'stored go', 'ear got soon']);
      // What a later event in the journal shows to have left is not sent again.
      await sleep(5);
      await life.ask('note');
      const before = warnings().length;
      await life.again();
      expect(take()).to.deep.equal(['recovered']);
      const text = 'a delayed event is lost: nobody can tell whom it was for';
      expect(warnings().slice(before)).to.deep.equal([text]);
      await passes(life, hourMs, 4);
      expect(take()).to.deep.equal(['ear got hello', 'parent got hi', 'stored note']);
    },

  'final state: done, with output, the parent hears it | done | done at once, takes nothing':
    async (scene) => {
      const { see, take, persistence } = scene;
      const machine = setup({}).createMachine({
        id: 'm',
        initial: 'a',
        states: {
          a: { on: { note: {}, end: 'z' } },
          z: { type: 'final', entry: () => see('entry z') },
        },
        output: 42,
      });
      const life = await Life.begin(scene, machine, { hasParent: true });
      await life.ask('note');
      await life.keep();
      const { actor } = life;
      await life.ask('end');
      const parentHeard = 'parent got xstate.done.actor.entity';
      const isDone = { status: 'done', output: 42 };
      expect(take()).to.deep.equal([
        'recovered',
        'asked note',
        'stored note',
        'asked end',
        'stored end',
        'entry z',
        parentHeard,
      ]);
      expect(actor.getSnapshot()).to.include(isDone);
      await life.again();
      expect(take()).to.deep.equal(['recovered', parentHeard]);
      expect(life.actor.getSnapshot()).to.include(isDone);
      const refused = await failureOf(
        persistence.ask(life.actor as never, { type: 'note' } as never),
      );
      expect(refused.code).to.equal('ENTITY_DONE');
    },

  'history states, parallel regions: as in xstate | as in xstate | as before': async (scene) => {
    const { take } = scene;
    const machine = setup({}).createMachine({
      id: 'm',
      type: 'parallel',
      states: {
        work: {
          initial: 'on',
          states: {
            on: {
              initial: 'one',
              states: { one: { on: { deeper: 'two' } }, two: {}, back: { type: 'history' } },
              on: { pause: 'paused' },
            },
            paused: { on: { resume: 'on.back' } },
          },
        },
        light: {
          initial: 'dark',
          states: { dark: { on: { flip: 'bright' } }, bright: { on: { flip: 'dark' } } },
        },
      },
    });
    const life = await Life.begin(scene, machine);
    for (const type of ['deeper', 'flip', 'pause']) await life.ask(type);
    expect(life.value).to.deep.equal({ work: 'paused', light: 'bright' });
    take();
    await life.again();
    expect(life.value).to.deep.equal({ work: 'paused', light: 'bright' });
    expect(take()).to.deep.equal(['recovered']);
    await life.ask('resume');
    expect(life.value).to.deep.equal({ work: { on: 'two' }, light: 'bright' });
  },

  'input: the context is made of it | of the stored one | of the stored one': async (scene) => {
    const { take } = scene;
    const machine = setup({
      types: { input: {} as { limit: number }, context: {} as { limit: number } },
    }).createMachine({
      id: 'm',
      context: ({ input }) => ({ limit: input.limit }),
      on: { go: {} },
    });
    const life = await Life.begin(scene, machine, { input: { limit: 1 } });
    await life.ask('go');
    expect(life.actor.getSnapshot().persistence.sequenceNr).to.equal(2);
    expect(take()).to.deep.equal(['recovered', 'asked go', 'stored go']);
    await life.again({ limit: 2 });
    expect(life.context).to.deep.equal({ limit: 1 });
    expect(life.actor.getSnapshot().persistence.input).to.deep.equal({ limit: 1 });
    expect(take()).to.deep.equal(['recovered']);
  },
};

/** xstate may ask a guard several times in a row. */
function once(seen: readonly string[]): readonly string[] {
  return seen.filter((what, i) => what !== seen[i - 1]);
}

/** Lets the timers of the actor run, and waits until the last event has that number. */
async function passes(life: Life, ms: number, sequenceNr: number): Promise<void> {
  life.clock.increment(ms);
  await life.until(`number ${sequenceNr}`, () => {
    const { persistence } = life.actor.getSnapshot();
    return persistence.phase === 'ready' && persistence.sequenceNr === sequenceNr;
  });
}
