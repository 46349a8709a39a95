import { expect } from 'chai';
import { initialTransition, transition } from 'xstate';
import {
  type TopicReplicatorEvent,
  topicReplicatorMachine,
} from '../../../../replicator/topic/topic-replicator.machine.ts';
import { topic } from '../../../support/replicator/records.ts';

type Event = TopicReplicatorEvent | { readonly type: string; readonly error?: unknown };

const opened = { type: 'xstate.done.actor.0.topicReplicator.opening' };
const notOpened = { type: 'xstate.error.actor.0.topicReplicator.opening', error: 'no broker' };
const drained = { type: 'xstate.done.actor.0.topicReplicator.draining' };
const closed = { type: 'xstate.done.actor.0.topicReplicator.stopping' };
const backoffOver = { type: 'xstate.after.reopenDelay.topicReplicator.backingOff' };
const workStarted = { type: 'work.started' };
const workSettled = { type: 'work.settled' };
const failed = { type: 'subscription.failed', error: 'no coordinator' };
const stop = { type: 'stop' };

function stateAfter(...events: readonly Event[]) {
  let [state, actions] = initialTransition(topicReplicatorMachine, { topic });
  for (const event of events) {
    [state, actions] = transition(topicReplicatorMachine, state, event as TopicReplicatorEvent);
  }
  return { state, effects: actions.map(({ type }) => type) };
}

describe('topicReplicatorMachine', () => {
  it('opens a group member first', () => {
    expect(stateAfter().state.value).to.equal('opening');
  });

  it('polls once it is open', () => {
    expect(stateAfter(opened).state.value).to.deep.equal({ subscribed: 'polling' });
  });

  it('replicates while work is in hand, then polls again', () => {
    expect(stateAfter(opened, workStarted).state.value).to.deep.equal({
      subscribed: 'replicating',
    });
    const settled = stateAfter(opened, workStarted, workSettled);
    expect(settled.state.value).to.deep.equal({ subscribed: 'polling' });
  });

  it('drains the started work before it backs off from a failure', () => {
    const draining = stateAfter(opened, workStarted, failed);
    expect(draining.state.value).to.equal('draining');
    expect(stateAfter(opened, workStarted, failed, drained).state.value).to.equal('backingOff');
  });

  it('reports a failure once, with its cause, when it backs off', () => {
    const { state, effects } = stateAfter(opened, failed, drained);
    expect(effects).to.include('reportFailure');
    expect(state.context).to.deep.include({ failures: 1, error: 'no coordinator' });
  });

  it('opens again after the pause', () => {
    expect(stateAfter(opened, failed, drained, backoffOver).state.value).to.equal('opening');
  });

  it('backs off from a member that does not open, and counts the failures in a row', () => {
    const { state } = stateAfter(notOpened, backoffOver, notOpened);
    expect(state.value).to.equal('backingOff');
    expect(state.context.failures).to.equal(2);
  });

  it('forgets the failures once work was done', () => {
    const { state } = stateAfter(notOpened, backoffOver, opened, workStarted, workSettled);
    expect(state.context.failures).to.equal(0);
  });

  for (const [name, events] of [
    ['opening', []],
    ['polling', [opened]],
    ['replicating', [opened, workStarted]],
    ['draining', [opened, failed]],
    ['backing off', [opened, failed, drained]],
  ] as const) {
    it(`closes what it holds and stops when told to while ${name}`, () => {
      expect(stateAfter(...events, stop).state.value).to.equal('stopping');
      const { state } = stateAfter(...events, stop, closed);
      expect(state.value).to.equal('stopped');
      expect(state.status).to.equal('done');
    });
  }

  it('does not close twice when told twice', () => {
    const { state, effects } = stateAfter(opened, stop, stop);
    expect(state.value).to.equal('stopping');
    expect(effects).to.deep.equal([]);
  });
});
