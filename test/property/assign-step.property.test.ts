import { expect } from 'chai';
import fc from 'fast-check';
import type { AnyActorScope, AnyMachineSnapshot } from 'xstate';
import { assign, createActor, fromPromise, setup } from 'xstate';
import { MachineVersions } from '../../src/actor/machine/machine-versions.ts';
import { ShadowScope } from '../../src/actor/machine/shadow-scope.ts';
import { seed } from './codec/seed.ts';

type Event =
  | { type: 'add'; n: number }
  | { type: 'twice'; n: number }
  | { type: 'small'; n: number }
  | { type: 'move' }
  | { type: 'note' }
  | { type: 'hatch' }
  | { type: 'nothing' }
  | { type: 'unknown' };

/** Inline, named, several and spawning assignments, guards, targets, effects, nesting. */
const machine = setup({
  types: { context: {} as { n: number; log: string }, events: {} as Event },
  actors: { kid: fromPromise(() => new Promise(() => {})) },
  guards: { isSmall: ({ context }) => context.n < 10 },
  actions: {
    add: assign({ n: ({ context, event }) => context.n + ('n' in event ? event.n : 0) }),
    note: () => {},
    write: assign({ log: ({ context }, params: string) => context.log + params }),
  },
}).createMachine({
  id: 'm',
  initial: 'a',
  context: { n: 0, log: '' },
  on: { twice: { actions: ['add', assign({ log: ({ context }) => `${context.log}t` }), 'add'] } },
  states: {
    a: {
      on: {
        add: { actions: 'add' },
        small: [
          { guard: 'isSmall', actions: 'add' },
          { target: 'b', actions: { type: 'write', params: 's' } },
        ],
        hatch: {
          actions: [
            'add',
            assign(({ context, spawn }) => {
              spawn('kid', { id: `kid-${context.n}` });
              return { n: context.n + 1 };
            }),
          ],
        },
        move: 'b',
        nothing: {},
      },
    },
    b: {
      initial: 'c',
      states: {
        c: { on: { move: 'd', add: { actions: assign(({ context }) => ({ n: context.n * 2 })) } } },
        d: { on: { move: '#m.a' } },
      },
      on: { note: { actions: ['note', 'add'] }, add: { actions: { type: 'write', params: 'b' } } },
    },
  },
});

const number = fc.integer({ min: -5, max: 5 });
const event: fc.Arbitrary<Event> = fc.oneof(
  fc.record({ type: fc.constantFrom('add', 'twice', 'small'), n: number }) as fc.Arbitrary<Event>,
  fc.record({
    type: fc.constantFrom('move', 'note', 'nothing', 'unknown', 'hatch'),
  }) as fc.Arbitrary<Event>,
);

function shown(state: AnyMachineSnapshot): string {
  return JSON.stringify({ ...(state.toJSON() as object), children: Object.keys(state.children) });
}

describe(`property: a dry run (seed ${seed})`, () => {
  it('leads to the states that xstate itself leads to', () => {
    const property = fc.property(fc.array(event, { maxLength: 40 }), (events) => {
      const actor = createActor(machine).start();
      const real = { self: actor, system: actor.system } as unknown as AnyActorScope;
      const shadow = new ShadowScope(new MachineVersions(machine), real, true);
      let state: AnyMachineSnapshot = shadow.initial(undefined);
      for (const [index, next] of events.entries()) {
        const before = state;
        state = shadow.apply(state, next, index + 1);
        const selected = machine.getTransitionData(before as never, next);
        expect(shadow.handled, next.type).to.equal(selected.length > 0);
        actor.send(next);
        expect(shown(state)).to.equal(shown(actor.getSnapshot()));
      }
    });
    fc.assert(property, { seed, numRuns: 200 });
  });
});
