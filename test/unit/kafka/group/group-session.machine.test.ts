import { expect } from 'chai';
import { initialTransition, transition } from 'xstate';
import {
  groupSessionMachine,
  type SessionFact,
  type SessionState,
  sessionSteps,
} from '../../../../src/kafka/group/group-session.machine.ts';

const allFacts: readonly SessionFact[] = [
  'starts.located',
  'join.proven',
  'group.rebalances',
  'membership.lost',
  'stop.requested',
  'work.failed',
  'partitions.returned',
];

/** State and effects of all steps, of the machine itself. */
function lifeAfter(...facts: readonly SessionFact[]) {
  let [state, actions] = initialTransition(groupSessionMachine);
  const effects = actions.map(({ type }) => type);
  for (const type of facts) {
    [state, actions] = transition(groupSessionMachine, state, { type });
    effects.push(...actions.map((action) => action.type));
  }
  return { state: state.value, effects };
}

/** Ways into each state in which the partitions are ours. */
const held: readonly (readonly SessionFact[])[] = [
  [],
  ['starts.located'],
  ['join.proven'],
  ['starts.located', 'join.proven'],
];

describe('the life of a group session', () => {
  it('fetches nothing before it knows where to begin and that the join is good', () => {
    for (const facts of held.slice(0, 3)) expect(lifeAfter(...facts).effects).to.deep.equal([]);
    const fetching = { state: 'fetching', effects: ['startFetching'] };
    expect(lifeAfter('starts.located', 'join.proven')).to.deep.equal(fetching);
    expect(lifeAfter('join.proven', 'starts.located')).to.deep.equal(fetching);
  });

  it('starts to fetch once, however often the group answers', () => {
    const { effects } = lifeAfter('join.proven', 'join.proven', 'starts.located', 'join.proven');
    expect(effects).to.deep.equal(['startFetching']);
  });

  for (const [fact, giving, end] of [
    ['group.rebalances', 'rebalancing', 'rebalance'],
    ['stop.requested', 'stopping', 'stopped'],
    ['membership.lost', 'losing', 'lost'],
    ['work.failed', 'failing', 'failed'],
  ] as const) {
    it(`ends as ${end} when ${fact} comes first, wherever it is`, () => {
      for (const facts of held) {
        expect(lifeAfter(...facts, fact).state).to.equal(giving);
        const { state, effects } = lifeAfter(...facts, fact, 'partitions.returned');
        expect(state).to.equal(end);
        expect(effects.slice(-2)).to.deep.equal(['stopFetching', 'end']);
      }
    });
  }

  it('keeps its first reason, except for a graver one', () => {
    const graver: Readonly<Record<string, SessionState>> = {
      'group.rebalances, membership.lost': 'losing',
      'group.rebalances, work.failed': 'failing',
      'stop.requested, membership.lost': 'losing',
    };
    const reasons = [
      'group.rebalances',
      'stop.requested',
      'membership.lost',
      'work.failed',
    ] as const;
    for (const first of reasons) {
      for (const second of reasons) {
        const expected = graver[`${first}, ${second}`] ?? lifeAfter(first).state;
        expect(lifeAfter(first, second).state, `${first}, ${second}`).to.equal(expected);
      }
    }
  });

  it('starts nothing any more when it ends, and stops fetching once', () => {
    for (const first of ['group.rebalances', 'stop.requested', 'membership.lost'] as const) {
      const { effects } = lifeAfter(first, 'starts.located', 'join.proven', 'membership.lost');
      expect(effects).to.deep.equal(['stopFetching']);
    }
  });

  it('is the same as a table', () => {
    const states = Object.keys(sessionSteps) as SessionState[];
    expect(states).to.have.members(Object.keys(groupSessionMachine.states));
    for (const value of states) {
      const from = groupSessionMachine.resolveState({ value });
      for (const type of allFacts) {
        const [to, actions] = transition(groupSessionMachine, from, { type });
        const step = sessionSteps[value][type] ?? { state: value, effects: [] };
        const effects = actions.map((action) => action.type);
        expect(step, `${value} ${type}`).to.deep.equal({ state: to.value, effects });
      }
    }
  });
});
