import { expect } from 'chai';
import type { AnyActorRef } from 'xstate';
import {
  assign,
  fromCallback,
  fromPromise,
  raise,
  sendTo,
  setup,
  spawnChild,
  stopChild,
} from 'xstate';
import { WriteFailedError } from '../../../src/model/errors.ts';
import { eventually, failureOf, settle } from './support.ts';
import { World } from './world.ts';

describe('what was acknowledged comes back the same', () => {
  describe('events, inputs and delayed events', () => {
    const machine = setup({
      types: {
        context: {} as { seen: unknown[]; input: unknown },
        events: {} as { type: string; [field: string]: unknown },
      },
    }).createMachine({
      id: 'm',
      context: ({ input }) => ({ seen: [], input }),
      on: {
        later: { actions: raise(({ event }) => ({ ...event, type: 'add' }), { delay: 10 }) },
        add: [
          {
            guard: ({ event }) => 'note' in event,
            actions: assign({ seen: ({ context }) => [...context.seen, 'note'] }),
          },
          { actions: assign({ seen: ({ context, event }) => [...context.seen, event.n] }) },
        ],
      },
    });

    for (const [name, value, path] of [
      ['a Date', new Date(9), 'event.n'],
      ['a Map', new Map(), 'event.n'],
      ['a class instance deep inside', { list: [{ at: new URL('a:b') }] }, 'event.n.list[0].at'],
      ['NaN', Number.NaN, 'event.n'],
      ['a bigint', 5n, 'event.n'],
      ['a function', () => 1, 'event.n'],
      ['an array with a hole', Array(1), 'event.n[0]'],
    ] as const) {
      it(`refuse ${name}, naming its path, and the entity lives (ADR 8)`, async () => {
        const world = new World();
        const { tell } = world.start(machine);
        const error = await failureOf(tell('add', { n: value }));
        expect(error).to.include({ code: 'WRITE_REJECTED', path });
        const delayed = await failureOf(tell('later', { n: value }));
        expect(delayed.code, 'a delayed event that could not be stored').to.equal('WRITE_REJECTED');
        await tell('add', { n: 1 });
        expect(world.journal.payloads('e')).to.deep.equal([{ type: 'add', n: 1 }]);
        const input = world.crash().start(machine, { value });
        expect(input.actor.getSnapshot()).to.have.nested.property('error.code', 'WRITE_REJECTED');
      });
    }

    it('are applied in the form that a replay sees: no undefined members, no -0', async () => {
      const world = new World();
      const { tell } = world.start(machine, { absent: undefined, zero: -0 });
      await tell('add', { note: undefined, n: -0 });
      const { snapshot } = await tell('later', { note: undefined, n: 7 });
      expect(snapshot).to.have.nested.property('context.seen').deep.equal([0]);
      await world.pass(10);
      const live = world.crash().start(machine);
      await live.host.whenRecovered(live.actor);
      const { context } = live.actor.getSnapshot();
      expect(context).to.deep.equal({ seen: [0, 7], input: { zero: 0 } });
      expect(Object.is(context.seen[0], 0)).to.equal(true);
    });

    it('are those of the moment of the command, whatever the caller does to the object', async () => {
      const world = new World();
      const { tell, actor } = world.start(machine);
      const n = { deep: 1 };
      await tell('add', { n });
      n.deep = 2;
      expect(actor.getSnapshot().context.seen).to.deep.equal([{ deep: 1 }]);
    });
  });

  describe('children', () => {
    function jobs(runs: string[] = []) {
      return setup({
        types: {
          context: {} as { done: string[]; ref: unknown; status: unknown },
          events: {} as { type: string; [field: string]: unknown },
        },
        actors: {
          job: fromPromise(async ({ input }: { input: string }) => {
            runs.push(input);
            return input;
          }),
          failing: fromPromise(async () => {
            const cause = new TypeError('no route');
            throw Object.assign(new Error('x', { cause }), { status: 404, socket: new Map() });
          }),
          forever: fromCallback(() => {
            runs.push('forever');
          }),
          counting: setup({}).createMachine({
            initial: 'y',
            context: { n: 4 },
            states: { y: { on: { end: 'z' } }, z: { type: 'final' } },
          }),
        },
      });
    }

    it('without an id finish once: their result finds them again', async () => {
      const runs: string[] = [];
      const machine = jobs(runs).createMachine({
        id: 'm',
        context: { done: [], ref: undefined, status: undefined },
        on: {
          go: { actions: assign({ ref: ({ spawn }) => spawn('job', { input: 'a' }) }) },
          'xstate.done.actor.*': {
            actions: assign({
              done: ({ context, event }) => [...context.done, event.output as string],
            }),
          },
        },
      });
      let world = new World();
      await world.start(machine).tell('go');
      await settle();
      for (let life = 0; life < 2; life++) {
        world = world.crash();
        const { actor, host } = world.start(machine);
        await host.whenRecovered(actor);
        await settle();
        expect(actor.getSnapshot().context.done).to.deep.equal(['a']);
        const [child] = Object.values(actor.getSnapshot().children);
        expect(child?.id).to.equal('#1.0');
        expect(child?.getSnapshot()).to.include({ status: 'done', output: 'a' });
      }
      expect(runs).to.deep.equal(['a']);
    });

    it('whose end nothing handles do not start again', async () => {
      const runs: string[] = [];
      const machine = jobs(runs).createMachine({
        id: 'm',
        context: { done: [], ref: undefined, status: undefined },
        invoke: { id: 'mail', src: 'job', input: 'mail' },
      });
      const world = new World();
      world.start(machine);
      await eventually(() => world.journal.payloads('e').length === 2);
      const { actor, host } = world.crash().start(machine);
      await host.whenRecovered(actor);
      await settle();
      expect(runs).to.deep.equal(['mail']);
      expect(actor.getSnapshot().children.mail?.getSnapshot().status).to.equal('done');
      expect(world.journal.stored('e').at(-1)?.facts).to.deep.equal({ unhandled: true });
    });

    it('that end give their systemId back, in a replay as well, with an id or without', async () => {
      const runs: string[] = [];
      const machine = jobs(runs).createMachine({
        id: 'm',
        context: { done: [], ref: undefined, status: undefined },
        on: { go: { actions: spawnChild('job', { systemId: 'one', input: 'a' }) } },
      });
      let world = new World();
      for (let life = 1; life <= 3; life++) {
        const { tell, actor } = world.start(machine);
        await tell('go');
        await settle();
        expect(runs).to.have.length(life);
        expect(actor.getSnapshot().status).to.equal('active');
        world = world.crash();
      }
    });

    it('whose systemId is taken are refused before the write, as xstate throws', async () => {
      const machine = jobs().createMachine({
        id: 'm',
        context: { done: [], ref: undefined, status: undefined },
        on: {
          go: { actions: spawnChild('forever', { id: 'one', systemId: 'shared' }) },
          again: { actions: spawnChild('forever', { id: 'two', systemId: 'shared' }) },
          instead: {
            actions: [stopChild('one'), spawnChild('forever', { id: 'three', systemId: 'shared' })],
          },
        },
      });
      const world = new World();
      const { tell } = world.start(machine);
      await tell('go');
      const error = await failureOf(tell('again'));
      expect(error).to.include({ code: 'COMMAND_REJECTED' });
      expect((error.cause as Error).message).to.contain("'shared'");
      await tell('instead');
      const { actor, host } = world.crash().start(machine);
      await host.whenRecovered(actor);
      expect(Object.keys(actor.getSnapshot().children)).to.deep.equal(['three']);
      expect(actor.system.get('shared')).to.equal(actor.getSnapshot().children.three);
    });

    it('fail with the same fields live and replayed, and without the others', async () => {
      const machine = jobs().createMachine({
        id: 'm',
        context: { done: [], ref: undefined, status: undefined },
        invoke: {
          id: 'call',
          src: 'failing',
          onError: {
            guard: ({ event }) => (event.error as { status?: number }).status === 404,
            actions: assign({ status: ({ event }) => event.error }),
          },
        },
      });
      const world = new World();
      const live = world.start(machine);
      await eventually(() => live.actor.getSnapshot().context.status !== undefined);
      const { actor, host } = world.crash().start(machine);
      await host.whenRecovered(actor);
      for (const { context } of [live.actor.getSnapshot(), actor.getSnapshot()]) {
        const error = context.status as Error;
        expect(error).to.be.instanceOf(Error).and.to.include({ name: 'Error', message: 'x' });
        expect(Object.entries(error)).to.deep.equal([['status', 404]]);
        expect(error.cause).to.be.instanceOf(Error);
        expect(error.cause).to.include({ name: 'TypeError', message: 'no route' });
      }
    });

    it('that ended show what they ended with', async () => {
      const machine = jobs().createMachine({
        id: 'm',
        context: { done: [], ref: undefined, status: undefined },
        invoke: { id: 'kid', src: 'counting' },
        on: { end: { actions: sendTo('kid', { type: 'end' }) } },
      });
      const world = new World();
      await world.start(machine).tell('end');
      await settle();
      const { actor, host } = world.crash().start(machine);
      await host.whenRecovered(actor);
      const kid = actor.getSnapshot().children.kid?.getSnapshot();
      expect(kid).to.include({ status: 'done', value: 'z' });
      expect(kid?.context).to.deep.equal({ n: 4 });
    });

    it('are found again in objects, arrays, Maps and Sets, also those that were stopped', async () => {
      const machine = jobs().createMachine({
        id: 'm',
        context: { done: [], ref: undefined, status: undefined },
        on: {
          go: {
            actions: assign(({ spawn, self }) => {
              const kid = spawn('counting', { id: 'kid' });
              const gone = spawn('counting', { id: 'gone' });
              return {
                ref: { deep: [new Map([['kid', kid]]), new Set([kid, self])], gone },
              };
            }),
          },
          stop: { actions: stopChild('gone') },
          end: {
            actions: sendTo(
              ({ context }) => (context.ref as Refs).deep[0].get('kid') as AnyActorRef,
              {
                type: 'end',
              },
            ),
          },
          late: { actions: sendTo(({ context }) => (context.ref as Refs).gone, { type: 'end' }) },
        },
      });
      interface Refs {
        readonly deep: readonly [Map<string, AnyActorRef>, Set<AnyActorRef>];
        readonly gone: AnyActorRef;
      }
      const world = new World();
      const before = world.start(machine);
      await before.tell('go');
      await before.tell('stop');
      const { actor, host, tell } = world.crash().start(machine);
      await host.whenRecovered(actor);
      const { deep, gone } = actor.getSnapshot().context.ref as Refs;
      const kid = actor.getSnapshot().children.kid;
      expect(deep[0].get('kid')).to.equal(kid);
      expect([...deep[1]]).to.deep.equal([kid, actor]);
      expect(gone.id).to.equal('gone');
      expect(gone.getSnapshot().status).to.equal('stopped');
      await tell('late'); // lost, as it is for every stopped actor
      await tell('end');
      await settle();
      expect(kid?.getSnapshot().status).to.equal('done');
    });

    it('whose reference would hide in an instance of a class are refused, naming the place', async () => {
      class Box {
        readonly held: AnyActorRef;
        constructor(held: AnyActorRef) {
          this.held = held;
        }
      }
      const machine = jobs().createMachine({
        id: 'm',
        context: { done: [], ref: undefined, status: undefined },
        on: { go: { actions: assign({ ref: ({ spawn }) => [new Box(spawn('forever'))] }) } },
      });
      const world = new World();
      const error = await failureOf(world.start(machine).tell('go'));
      expect(error.code).to.equal('INVALID_INPUT');
      expect(error.message).to.contain('context.ref.0.held');
      expect(world.journal.payloads('e')).to.deep.equal([]);
    });

    it('that a command stops while their result waits for it are forgotten with it', async () => {
      const result = Promise.withResolvers<void>();
      const machine = setup({
        actors: {
          job: fromPromise(() => result.promise),
          forever: fromPromise(() => new Promise(() => {})),
        },
      }).createMachine({
        id: 'm',
        initial: 'a',
        states: {
          a: {
            invoke: { id: 'job', src: 'job', onDone: 'wrong' },
            on: { next: 'b' },
          },
          b: { invoke: { id: 'job', src: 'forever', onDone: 'wrong' } },
          wrong: {},
        },
      });
      const world = new World();
      const { tell, actor, host } = world.start(machine);
      await host.whenRecovered(actor);
      const write = world.journal.blockNextWrite();
      const asked = tell('next');
      await write.reached;
      result.resolve(); // the promise of state a, while `next` is being written
      await settle();
      write.open();
      await asked;
      await settle();
      expect(actor.getSnapshot().value).to.equal('b');
    });
  });

  describe('timers', () => {
    it('keep the delay that was computed when they were armed', async () => {
      const world = new World();
      const machine = setup({
        types: { context: {} as { deadline: number; fired: boolean } },
        delays: { rest: ({ context }) => context.deadline - world.nowMs() },
      }).createMachine({
        id: 'm',
        context: { deadline: world.nowMs() + 4_000, fired: false },
        initial: 'idle',
        states: {
          idle: { on: { go: 'waiting' } },
          waiting: { after: { rest: 'over' } },
          over: {},
        },
      });
      await world.start(machine).tell('go');
      await world.pass(2_400);
      const later = world.crash();
      const { actor, host } = later.start(machine);
      await host.whenRecovered(actor);
      await later.pass(1_599);
      expect(actor.getSnapshot().value).to.equal('waiting');
      await later.pass(1);
      expect(actor.getSnapshot().value).to.equal('over');
    });

    it('that fired where nothing handled them do not fire again', async () => {
      const machine = setup({ types: { context: {} as { ticks: number } } }).createMachine({
        id: 'm',
        context: { ticks: 0 },
        initial: 'deaf',
        states: {
          deaf: { entry: raise({ type: 'tick' }, { delay: 5 }), on: { next: 'open' } },
          open: {
            on: { tick: { actions: assign({ ticks: ({ context }) => context.ticks + 1 }) } },
          },
        },
      });
      const world = new World();
      const before = world.start(machine);
      await before.host.whenRecovered(before.actor);
      await world.pass(5);
      await before.tell('next');
      const later = world.crash();
      const { actor, host } = later.start(machine);
      await host.whenRecovered(actor);
      await later.pass(1_000);
      expect(actor.getSnapshot().context.ticks).to.equal(0);
    });

    it('of one id all fire, but the last of them can be cancelled, as in xstate', async () => {
      const machine = setup({
        types: { context: {} as { ticks: number[] }, events: {} as { type: string; n: number } },
      }).createMachine({
        id: 'm',
        context: { ticks: [] },
        on: {
          arm: {
            actions: raise(({ event }) => ({ type: 'tick', n: event.n }), {
              id: 'same',
              delay: ({ event }) => event.n,
            }),
          },
          tick: { actions: assign({ ticks: ({ context, event }) => [...context.ticks, event.n] }) },
        },
      });
      const world = new World();
      const { tell, actor } = world.start(machine);
      await tell('arm', { n: 10 });
      await tell('arm', { n: 20 });
      await world.pass(10);
      const later = world.crash();
      const after = later.start(machine);
      await after.host.whenRecovered(after.actor);
      await later.pass(10);
      expect(actor.getSnapshot().context.ticks).to.deep.equal([10]);
      expect(after.actor.getSnapshot().context.ticks).to.deep.equal([10, 20]);
    });

    it('of a state that a failed write threw away do not fire, whatever their ids', async () => {
      const machine = setup({ types: { context: {} as { ticks: number } } }).createMachine({
        id: 'm',
        context: { ticks: 0 },
        on: {
          arm: { actions: raise({ type: 'tick' }, { id: 'same', delay: 10 }) },
          tick: { actions: assign({ ticks: ({ context }) => context.ticks + 1 }) },
        },
      });
      const world = new World();
      const { tell, actor } = world.start(machine, undefined, {
        onPersistFailure: { minBackoff: 1, maxBackoff: 1 },
      });
      await tell('arm');
      await tell('arm');
      world.journal.failNextWrite(new WriteFailedError('no answer'));
      await failureOf(tell('arm'));
      await eventually(() => actor.getSnapshot().status === 'active');
      await tell('arm');
      await world.pass(10);
      expect(actor.getSnapshot().context.ticks).to.equal(3);
    });
  });

  it('does not end an entity for what came too early within a group', async () => {
    const kid = setup({}).createMachine({
      initial: 'alive',
      states: { alive: { on: { ping: 'dead' } }, dead: { type: 'final' } },
    });
    const machine = setup({ actors: { kid } }).createMachine({
      id: 'm',
      on: {
        spawn: { actions: spawnChild('kid', { id: 'kid', systemId: 'radio' }) },
        ping: { actions: sendTo('kid', { type: 'ping' }) },
      },
    });
    const world = new World();
    const { tell, actor, host } = world.start(machine);
    await host.whenRecovered(actor);
    const types = ['spawn', 'ping', 'spawn'];
    const settled = await Promise.allSettled(types.map((type) => tell(type)));
    expect(settled.map(({ status }) => status)).to.deep.equal(types.map(() => 'fulfilled'));
  });
});
