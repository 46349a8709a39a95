import { expect } from 'chai';
import { initialTransition, transition } from 'xstate';
import type { LifeFact, LifeState } from '../../../../src/actor/entity/lifecycle.machine.ts';
import { lifecycleMachine, lifeTable } from '../../../../src/actor/entity/lifecycle.machine.ts';

function lifeAfter(restarts: boolean, ...facts: LifeFact[]) {
  let [state, actions] = initialTransition(lifecycleMachine, { restarts });
  for (const type of facts) [state, actions] = transition(lifecycleMachine, state, { type });
  return { state: state.value, effects: actions.map((action) => action.type) };
}

describe('the life of an entity', () => {
  it('asks for its permit first', () => {
    expect(lifeAfter(false)).to.deep.equal({ state: 'awaitingPermit', effects: ['recover'] });
  });

  it('takes what waits once the replay is complete', () => {
    expect(lifeAfter(false, 'permit.granted', 'replay.completed')).to.deep.equal({
      state: 'ready',
      effects: ['drainStash'],
    });
  });

  it('asks for snapshots on its way, and ends in the same ways meanwhile', () => {
    const loading: LifeFact[] = ['permit.granted', 'snapshot.asked'];
    expect(lifeAfter(false, ...loading)).to.deep.equal({ state: 'loadingSnapshot', effects: [] });
    expect(lifeAfter(false, ...loading, 'snapshot.answered')).to.deep.equal({
      state: 'replaying',
      effects: [],
    });
    for (const fact of [
      'replay.completed',
      'init.started',
      'tenure.lost',
      'recovery.failed',
    ] as const) {
      for (const restarts of [true, false]) {
        const same = lifeAfter(restarts, 'permit.granted', fact);
        expect(lifeAfter(restarts, ...loading, fact), fact).to.deep.equal(same);
      }
    }
    const late = lifeAfter(false, 'permit.granted', 'replay.completed', 'snapshot.asked');
    expect(late.state, 'of an attempt that was dropped').to.equal('ready');
  });

  it('stores the init record of a new journal before it is ready', () => {
    expect(lifeAfter(false, 'permit.granted', 'init.started').state).to.equal('initialising');
    const ready = lifeAfter(false, 'permit.granted', 'init.started', 'write.settled');
    expect(ready).to.deep.equal({ state: 'ready', effects: ['drainStash'] });
  });

  it('takes what waits after each write', () => {
    const settled = lifeAfter(
      false,
      'permit.granted',
      'replay.completed',
      'write.started',
      'write.settled',
    );
    expect(settled).to.deep.equal({ state: 'ready', effects: ['drainStash'] });
  });

  it('starts no second write while one is in flight', () => {
    const facts: LifeFact[] = [
      'permit.granted',
      'replay.completed',
      'write.started',
      'write.started',
    ];
    expect(lifeAfter(false, ...facts)).to.deep.equal({ state: 'persisting', effects: [] });
  });

  it('ends after a failed write or recovery unless it has a backoff', () => {
    const failed = { state: 'failed', effects: ['stopChildren', 'endAskers'] };
    const ready: LifeFact[] = ['permit.granted', 'replay.completed'];
    expect(lifeAfter(false, 'permit.granted', 'recovery.failed')).to.deep.equal(failed);
    expect(lifeAfter(false, ...ready, 'write.started', 'write.failed')).to.deep.equal(failed);
    const backingOff = {
      state: 'backingOff',
      effects: ['stopChildren', 'forgetState', 'scheduleRestart'],
    };
    expect(lifeAfter(true, 'recovery.failed')).to.deep.equal(backingOff);
    expect(lifeAfter(true, ...ready, 'write.started', 'write.failed')).to.deep.equal(backingOff);
  });

  it('recovers again when the backoff is over', () => {
    const again = lifeAfter(true, 'recovery.failed', 'backoff.elapsed');
    expect(again).to.deep.equal({ state: 'awaitingPermit', effects: ['recover'] });
  });

  it('rests after the loss of its tenure until there is something to do, and that is no failure', () => {
    const ready: LifeFact[] = ['permit.granted', 'replay.completed'];
    const ways: LifeFact[][] = [
      ['permit.granted'],
      ['permit.granted', 'init.started'],
      ready,
      [...ready, 'write.started'],
    ];
    for (const restarts of [true, false]) {
      for (const way of ways) {
        expect(lifeAfter(restarts, ...way, 'tenure.lost')).to.deep.equal({
          state: 'unowned',
          effects: ['stopChildren', 'forgetState', 'lookForWork'],
        });
        const again = lifeAfter(restarts, ...way, 'tenure.lost', 'work.found');
        expect(again).to.deep.equal({ state: 'awaitingPermit', effects: ['recover'] });
      }
    }
    const failed = lifeAfter(false, ...ready, 'write.started', 'tenure.lost', 'write.failed');
    expect(failed.state).to.equal('failed');
  });

  it('ends from any state, and for good', () => {
    const ways: LifeFact[][] = [
      [],
      ['permit.granted'],
      ['permit.granted', 'replay.completed'],
      ['permit.granted', 'replay.completed', 'write.started'],
      ['recovery.failed'],
      ['permit.granted', 'tenure.lost'],
    ];
    for (const way of ways) {
      expect(lifeAfter(true, ...way, 'entity.ended')).to.deep.equal({
        state: 'stopped',
        effects: ['endAskers'],
      });
      expect(lifeAfter(true, ...way, 'entity.failed').state).to.equal('failed');
      expect(lifeAfter(true, ...way, 'entity.ended', 'permit.granted').state).to.equal('stopped');
    }
  });

  it('is the same as a table as it is as a machine', () => {
    const facts: LifeFact[] = [
      'permit.granted',
      'replay.completed',
      'recovery.failed',
      'init.started',
      'write.started',
      'write.settled',
      'write.failed',
      'tenure.lost',
      'work.found',
      'backoff.elapsed',
      'entity.failed',
      'entity.ended',
    ];
    for (const restarts of [true, false]) {
      const table = lifeTable(restarts);
      for (const value of Object.keys(lifecycleMachine.states) as LifeState[]) {
        const from = lifecycleMachine.resolveState({ value, context: { restarts } });
        for (const type of facts) {
          const [to, actions] = transition(lifecycleMachine, from, { type });
          const step = table[value][type];
          const ended = value === 'stopped' || value === 'failed';
          expect(step?.state ?? value).to.equal(ended ? value : to.value);
          if (!ended && step !== undefined) {
            expect(step.effects).to.deep.equal(actions.map((action) => action.type));
          }
        }
      }
    }
  });
});
