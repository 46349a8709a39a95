import { expect } from 'chai';
import { setup } from 'xstate';
import { type Step, stepTable } from '../../../src/runtime/step-table.ts';

type State = 'open' | 'closed' | 'locked';
type Fact = 'push' | 'turn';
type Effect = 'light' | 'ring' | 'leave';

const door = setup({
  types: { context: {} as { hasKey: boolean }, events: {} as { type: Fact } },
  actions: { light: () => {}, ring: () => {}, leave: () => {} },
  guards: { hasKey: ({ context }) => context.hasKey },
}).createMachine({
  id: 'door',
  context: { hasKey: false },
  initial: 'open',
  states: {
    open: { exit: 'leave', on: { push: { target: 'closed', actions: 'ring' } } },
    closed: { entry: 'light', on: { push: 'open', turn: { target: 'locked', guard: 'hasKey' } } },
    locked: { type: 'final' },
  },
});

describe('the step table of a machine', () => {
  const tableOf = (hasKey: boolean) =>
    stepTable<State, Fact, Effect>(door, ['push', 'turn'], { hasKey });

  it('has the state that follows and the effects in their order: of the exit, the step, the entry', () => {
    const expected: Step<State, Effect> = { state: 'closed', effects: ['leave', 'ring', 'light'] };
    expect(tableOf(false).open).to.deep.equal({ push: expected });
  });

  it('has no entry for a fact that means nothing, and none after an end', () => {
    expect(tableOf(true).open.turn).to.equal(undefined);
    expect(tableOf(true).locked).to.deep.equal({});
  });

  it('holds for the given context', () => {
    expect(tableOf(false).closed.turn).to.equal(undefined);
    expect(tableOf(true).closed.turn).to.deep.equal({ state: 'locked', effects: [] });
  });
});
