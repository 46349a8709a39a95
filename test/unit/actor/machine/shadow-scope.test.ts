import { expect } from 'chai';
import type { AnyActorRef, AnyActorScope, AnyMachineSnapshot, AnyStateMachine } from 'xstate';
import {
  assign,
  createActor,
  createMachine,
  emit,
  fromCallback,
  log,
  raise,
  sendParent,
  sendTo,
  setup,
  spawnChild,
} from 'xstate';
import { MachineVersions } from '../../../../src/actor/machine/machine-versions.ts';
import { ShadowScope } from '../../../../src/actor/machine/shadow-scope.ts';
import { Attached } from '../../../../src/runtime/attached.ts';

/** What the design needs of xstate; to be run against each of its minor releases. */
describe('the shadow scope', () => {
  const ran: string[] = [];
  const machine = setup({
    types: { context: {} as { kid: AnyActorRef | undefined } },
    actors: {
      kid: fromCallback(() => {
        ran.push('kid started');
      }),
    },
    actions: { note: () => ran.push('action') },
  }).createMachine({
    id: 'm',
    initial: 'a',
    context: { kid: undefined },
    states: {
      a: {
        on: {
          effects: {
            actions: [
              'note',
              log('log'),
              emit({ type: 'emitted' }),
              sendParent({ type: 'hello' }),
              raise({ type: 'later' }, { delay: 10, id: 'later-id' }),
            ],
          },
          child: 'b',
          spawn: { actions: assign({ kid: ({ spawn }) => spawn('kid', { id: 'spawned' }) }) },
          forbidden: undefined,
          plain: {},
          guarded: { guard: () => false, actions: 'note' },
          loud: { actions: raise({ type: 'child' }) },
          throws: {
            actions: assign(() => {
              throw new Error('assign');
            }),
          },
        },
      },
      b: {
        invoke: { id: 'kid', src: 'kid', systemId: 'kid-1' },
        on: {
          again: { target: 'b', reenter: true },
          talk: { actions: sendTo('kid', { type: 'hi' }) },
          back: 'a',
        },
      },
    },
  });

  function open(logic: AnyStateMachine = machine) {
    ran.length = 0;
    const seen: string[] = [];
    const parent = createActor(fromCallback(() => {}));
    const inspect = (event: { type: string }) => seen.push(event.type);
    const self = createActor(logic, { parent, inspect } as never);
    parent.system.inspect((event) => seen.push(event.type));
    const real = { self, system: self.system, id: self.id, sessionId: self.sessionId };
    const shadow = new ShadowScope(
      new MachineVersions(logic),
      real as unknown as AnyActorScope,
      true,
    );
    seen.length = 0;
    const initial = shadow.initial(undefined);
    const apply = (type: string, state: AnyMachineSnapshot = initial) => {
      if (state === initial) shadow.reset();
      return shadow.apply(state, { type }, 1);
    };
    return { shadow, apply, initial, self, seen };
  }

  it('runs no action, emits and logs nothing, sends nothing, and no inspector sees anything', () => {
    const { shadow, apply, seen } = open();
    apply('effects');
    expect(shadow.handled).to.equal(true);
    expect(shadow.actionCount).to.equal(5);
    expect(ran).to.deep.equal([]);
    expect(seen).to.deep.equal([]);
  });

  it('notes delayed events', () => {
    const { shadow, apply } = open();
    apply('effects');
    expect(shadow.timerChanges).to.deep.equal([
      {
        type: 'schedule',
        id: 'later-id',
        event: { type: 'later' },
        target: { type: 'self' },
        delayMs: 10,
      },
    ]);
    apply('plain');
    expect(shadow.timerChanges).to.deep.equal([]);
  });

  it('never starts a child, and keeps its names to itself', () => {
    const { apply, self } = open();
    const spawned = apply('spawn').children.spawned as AnyActorRef;
    const kid = apply('child').children.kid as AnyActorRef;
    expect(spawned.system).to.equal(kid.system);
    expect(kid.system).to.not.equal(self.system);
    expect(self.system.get('kid-1')).to.equal(undefined);
    expect(ran).to.deep.equal([]);
  });

  it('stands before its actor: the same but for the system, and without what was attached to it', () => {
    const { shadow, self } = open();
    const attached = new Attached<string>('test');
    attached.set(self, 'of the actor');
    expect(shadow.self.id).to.equal(self.id);
    expect(shadow.self.getSnapshot()).to.equal(self.getSnapshot());
    expect(shadow.self.system).to.not.equal(self.system);
    expect(attached.get(shadow.self)).to.equal(undefined);
    expect(() => Object.assign(shadow.self, { id: 'another' })).to.throw(TypeError);
    expect(self.id).to.not.equal('another');
  });

  it('frees a systemId when its state is left and entered again', () => {
    const { shadow, apply } = open();
    let state = apply('child');
    for (let i = 0; i < 3; i++) state = apply('again', state);
    expect(state.status).to.equal('active');
    shadow.mark();
    apply('back', state);
    shadow.undo();
    expect(() => apply('again', state)).to.not.throw();
  });

  it('finds a child that has ended, and its own children, under no systemId any more', () => {
    const found: (string | undefined)[] = [];
    const outer = createMachine({
      invoke: { src: fromCallback(() => {}), systemId: 'inner' },
    });
    const logic = setup({ actors: { outer } }).createMachine({
      on: {
        go: { actions: spawnChild('outer', { id: 'outer', systemId: 'outer' }) },
        look: {
          actions: assign(({ system }) => {
            found.push(['outer', 'inner'].filter((id) => system.get(id)).join());
            return {};
          }),
        },
      },
    });
    const { shadow, initial } = open(logic);
    const state = shadow.apply(initial, { type: 'go' }, 1);
    shadow.apply(state, { type: 'look' }, 2);
    shadow.endChild(state, 'outer', { status: 'done', output: undefined });
    shadow.apply(state, { type: 'look' }, 3);
    expect(found).to.deep.equal(['outer,inner', '']);
  });

  it('tells a handled event from one that nothing takes, as xstate selects transitions', () => {
    const { shadow, apply } = open();
    const handled = (type: string) => {
      apply(type);
      return shadow.handled;
    };
    expect(['plain', 'loud', 'spawn', 'effects'].map(handled)).to.deep.equal([
      true,
      true,
      true,
      true,
    ]);
    expect(['unknown', 'guarded'].map(handled)).to.deep.equal([false, false]);
  });

  it('counts an event as handled that only an always transition reacts to', () => {
    const eventful = setup({}).createMachine({
      id: 'm',
      initial: 'a',
      states: { a: { always: { guard: ({ event }) => event.type === 'go', target: 'b' } }, b: {} },
    });
    const { shadow, apply } = open(eventful);
    expect(apply('go').value).to.equal('b');
    expect(shadow.handled).to.equal(true);
    apply('stay');
    expect(shadow.handled).to.equal(false);
  });

  it('lets only the outcome of pure assignments be adopted', () => {
    const { shadow, apply } = open();
    const adoptable = (type: string) => {
      apply(type);
      return shadow.trace !== undefined;
    };
    expect(adoptable('plain')).to.equal(true);
    expect(['effects', 'child', 'spawn', 'unknown', 'loud'].map(adoptable)).to.deep.equal(
      Array(5).fill(false),
    );
  });

  it('throws what an assignment throws', () => {
    expect(() => open().apply('throws')).to.throw('assign');
  });
});
