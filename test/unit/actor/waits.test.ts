import { expect } from 'chai';
import { fromPromise, raise, setup } from 'xstate';
import { WriteRejectedError } from '../../../src/model/errors.ts';
import type { Wake } from '../../../src/model/wake-up.ts';
import { settle } from './support.ts';
import { World } from './world.ts';

/** A lamp with timers and a charger, which is invoked work. */
function lamp(charge: Promise<void> = new Promise(() => {})) {
  return setup({
    types: {
      events: {} as { type: 'on' | 'off' | 'glance' | 'charge' | 'unplug' | 'break' },
    },
    actors: { charger: fromPromise(() => charge) },
  }).createMachine({
    id: 'lamp',
    type: 'parallel',
    states: {
      light: {
        initial: 'dark',
        states: {
          dark: { on: { on: 'bright' } },
          bright: {
            id: 'bright',
            after: { 5000: 'dim', 60000: 'dark' },
            on: { off: 'dark', glance: {} },
          },
          dim: { id: 'dim', after: { 1000: 'dark' } },
        },
      },
      battery: {
        initial: 'idle',
        states: {
          idle: { on: { charge: 'charging' } },
          charging: {
            invoke: { src: 'charger', id: 'charger', onDone: 'full' },
            on: { unplug: 'idle' },
          },
          full: { type: 'final' },
        },
      },
      life: {
        initial: 'whole',
        states: { whole: { on: { break: 'broken' } }, broken: { type: 'final' } },
      },
    },
    onDone: {},
  });
}

/** What each append said so far, `undefined` = nothing. */
function told(world: World): readonly (Wake | undefined)[] {
  return world.journal.writes.flatMap((writes) => writes.map(({ wake }) => wake));
}

describe('what an entity says of what it waits for', () => {
  it('is its earliest deadline, and nothing when no timer is left', async () => {
    const world = new World();
    const { tell } = world.start(lamp(), undefined, { initEvent: 'never' });
    await tell('on');
    expect(told(world)).to.deep.equal([world.nowMs() + 5_000]);
    await tell('off');
    expect(told(world).at(-1)).to.equal('none');
  });

  for (const [what, delayMs, wake] of [
    ['nothing for a deadline that no date can hold', 8.64e15, 'none'],
    ['nothing for one without an end', Number.POSITIVE_INFINITY, 'none'],
    ['the present where a delay is no number, since that timer fires at once', Number.NaN, 0],
  ] as const) {
    it(`is ${what}`, async () => {
      const world = new World();
      const fuse = setup({ types: { events: {} as { type: 'lit' | 'burnt' } } }).createMachine({
        id: 'fuse',
        initial: 'cold',
        states: {
          cold: { on: { lit: 'hot' } },
          hot: {
            entry: raise({ type: 'burnt' }, { delay: () => delayMs, id: 'odd' }),
            after: wake === 'none' ? {} : { 5000: 'cold' },
            on: { burnt: {} },
          },
        },
      });
      const { tell } = world.start(fuse, undefined, { initEvent: 'never' });
      await tell('lit');
      expect(told(world)).to.deep.equal([wake === 'none' ? wake : world.nowMs() + wake]);
    });
  }

  it('is said again only when it has changed', async () => {
    const world = new World();
    const { tell } = world.start(lamp(), undefined, { initEvent: 'never' });
    await tell('on');
    await tell('glance');
    await tell('glance');
    expect(told(world).slice(1)).to.deep.equal([undefined, undefined]);
  });

  it('is the next deadline after a timer has fired', async () => {
    const world = new World();
    const { tell } = world.start(lamp(), undefined, { initEvent: 'never' });
    await tell('on');
    await world.pass(5_000);
    expect(told(world).at(-1)).to.equal(world.nowMs() + 1_000);
    await world.pass(1_000);
    expect(told(world).at(-1)).to.equal('none');
  });

  it('is the same deadline after a recovery, and is said with the first append', async () => {
    const world = new World();
    const first = world.start(lamp(), undefined, { initEvent: 'never' });
    await first.tell('on');
    const dueMs = world.nowMs() + 5_000;
    await world.pass(2_000);
    const after = world.crash();
    const { tell } = after.start(lamp(), undefined, { initEvent: 'never' });
    await tell('glance');
    expect(told(after).at(-1)).to.equal(dueMs);
  });

  it('is work while a child runs, until its end is stored', async () => {
    const world = new World();
    const work = Promise.withResolvers<void>();
    const { tell } = world.start(lamp(work.promise), undefined, { initEvent: 'never' });
    await tell('charge');
    expect(told(world)).to.deep.equal(['now']);
    await tell('on');
    expect(told(world).at(-1)).to.equal(undefined); // it still is
    work.resolve();
    await settle();
    expect(told(world).at(-1)).to.equal(world.nowMs() + 5_000);
  });

  it('is work when the child has ended and its end is not stored', async () => {
    const world = new World();
    const work = Promise.withResolvers<void>();
    const options = { initEvent: 'never', groupCommit: 1 };
    const { tell } = world.start(lamp(work.promise), undefined, options);
    await tell('charge');
    const gate = world.journal.blockNextWrite();
    const on = tell('on');
    await gate.reached;
    const glance = tell('glance');
    work.resolve(); // its end comes after the glance
    await settle();
    gate.open();
    await Promise.all([on, glance]);
    await settle();
    const said = told(world);
    const ends = world.journal.writes.flatMap((writes) =>
      writes.map(({ events }) => events.some(({ payload }) => isEnd(payload))),
    );
    expect(said.slice(0, ends.indexOf(true)).filter((wake) => wake !== undefined)).to.deep.equal([
      'now',
    ]);
    expect(said[ends.indexOf(true)]).to.equal(world.nowMs() + 5_000);
  });

  it('is nothing once a child was stopped', async () => {
    const world = new World();
    const { tell } = world.start(lamp(), undefined, { initEvent: 'never' });
    await tell('charge');
    await tell('unplug');
    expect(told(world)).to.deep.equal(['now', 'none']);
  });

  it('is not taken for said when its append was rejected', async () => {
    const world = new World();
    const { tell } = world.start(lamp(), undefined, { initEvent: 'never' });
    world.journal.rejectNextWrite(new WriteRejectedError('no'));
    await tell('on').catch(() => {});
    await tell('on');
    expect(told(world)).to.deep.equal([world.nowMs() + 5_000, world.nowMs() + 5_000]);
  });

  it('is said by the init record of an entity that begins with a timer', async () => {
    const world = new World();
    const machine = setup({}).createMachine({
      id: 'fuse',
      initial: 'lit',
      states: { lit: { id: 'lit', after: { 3000: 'burnt' } }, burnt: { type: 'final' } },
    });
    world.start(machine);
    await settle();
    expect(told(world)).to.deep.equal([world.nowMs() + 3_000]);
    await world.pass(3_000);
    expect(told(world).at(-1)).to.equal('none'); // its final state
  });
});

function isEnd(payload: unknown): boolean {
  return (payload as { readonly type: string }).type.startsWith('xstate.done.actor');
}
