import { expect } from 'chai';
import { initialTransition, transition } from 'xstate';
import {
  type BreakerFact,
  breakerMachine,
  breakerTable,
} from '../../../../src/plugin/host/breaker.machine.ts';

function run(...facts: readonly BreakerFact[]): readonly [state: unknown, effects: string[]] {
  let [state] = initialTransition(breakerMachine);
  const effects: string[] = [];
  for (const type of facts) {
    const [next, actions] = transition(breakerMachine, state, { type });
    state = next;
    effects.push(...actions.map((action) => action.type));
  }
  return [state.value, effects];
}

describe('the machine of a circuit breaker', () => {
  it('leaves a plugin alone that keeps failing, until one call has got through', () => {
    expect(run('limit.reached')).to.deep.equal(['open', ['leaveAlone']]);
    expect(run('limit.reached', 'reset.elapsed')).to.deep.equal(['halfOpen', ['leaveAlone']]);
    const trying = ['limit.reached', 'reset.elapsed', 'trial.started'] as const;
    expect(run(...trying)[0]).to.equal('trying');
    expect(run(...trying, 'trial.succeeded')).to.deep.equal([
      'closed',
      ['leaveAlone', 'reportClosed'],
    ]);
    expect(run(...trying, 'trial.failed')).to.deep.equal(['open', ['leaveAlone', 'leaveAlone']]);
    expect(run(...trying, 'trial.dropped')[0]).to.equal('halfOpen');
  });

  it('takes no notice of facts that mean nothing where it is', () => {
    expect(run('reset.elapsed', 'trial.failed', 'trial.succeeded')).to.deep.equal(['closed', []]);
    expect(run('limit.reached', 'trial.succeeded', 'limit.reached')[0]).to.equal('open');
  });

  it('is the same as a table', () => {
    const table = breakerTable();
    expect(table.closed['limit.reached']).to.deep.equal({ state: 'open', effects: ['leaveAlone'] });
    expect(table.trying['trial.succeeded']).to.deep.equal({
      state: 'closed',
      effects: ['reportClosed'],
    });
    expect(table.open['trial.succeeded']).to.equal(undefined);
  });
});
