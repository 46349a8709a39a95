import { expect } from 'chai';
import { createActor, fromPromise, initialTransition, SimulatedClock, transition } from 'xstate';
import {
  missesBeforeGone,
  type ReplicatorEvent,
  replicatorMachine,
} from '../../../replicator/replicator.machine.ts';
import { topicReplicatorMachine } from '../../../replicator/topic/topic-replicator.machine.ts';
import { Topic } from '../../../src/model/position.ts';
import { settle } from '../../support/replicator/manual-clock.ts';

const orders = Topic.of('journal.orders');
const carts = Topic.of('journal-carts');
const input = { discoveryIntervalMs: 3_000 };

type Event = { readonly type: string; readonly [field: string]: unknown };

const found = (...output: Topic[]): Event => ({ type: 'xstate.done.actor.discovery', output });
const notFound: Event = {
  type: 'xstate.error.actor.discovery',
  error: 'no broker',
  actorId: 'discovery',
};
const intervalOver: Event = { type: 'xstate.after.discoveryDelay.replicator.waiting' };
const broke = (topic: Topic): Event => ({
  type: `xstate.error.actor.topic:${topic}`,
  actorId: `topic:${topic}`,
  error: 'a bug',
});
const stopped = (topic: Topic): Event => ({
  type: `xstate.done.actor.topic:${topic}`,
  actorId: `topic:${topic}`,
  output: undefined,
});
const stop: Event = { type: 'stop' };

function stateAfter(...events: readonly Event[]) {
  let [state, actions] = initialTransition(replicatorMachine, input);
  for (const event of events) {
    [state, actions] = transition(replicatorMachine, state, event as unknown as ReplicatorEvent);
  }
  return { state, effects: actions };
}

function spawned(effects: readonly { readonly type: string; readonly params?: unknown }[]) {
  return effects
    .filter(({ type }) => type === 'xstate.spawnChild')
    .map(({ params }) => (params as { id: string }).id);
}

describe('replicatorMachine', () => {
  it('discovers at once', () => {
    expect(stateAfter().state.value).to.equal('discovering');
  });

  it('starts one child for each topic found', () => {
    const { state, effects } = stateAfter(found(orders, carts));
    expect(state.value).to.equal('waiting');
    expect(spawned(effects)).to.deep.equal([`topic:${orders}`, `topic:${carts}`]);
  });

  it('starts a child only for topics that are new', () => {
    const { effects } = stateAfter(found(orders), intervalOver, found(orders, carts));
    expect(spawned(effects)).to.deep.equal([`topic:${carts}`]);
  });

  const missed = (times: number): Event[] =>
    Array.from({ length: times }, () => [intervalOver, found(carts)]).flat();

  it('keeps the child of a topic that some looks did not find', () => {
    const events = [found(orders, carts), ...missed(missesBeforeGone - 1)];
    expect(stateAfter(...events).state.context.topics[orders]?.status).to.equal('running');
    const again = stateAfter(...events, intervalOver, found(orders, carts), ...missed(1));
    expect(again.state.context.topics[orders]).to.deep.include({ status: 'running', misses: 1 });
  });

  it('stops the child of a topic that is gone, says so once, and starts another when it is back', () => {
    const events = [found(orders, carts), ...missed(missesBeforeGone)];
    const gone = stateAfter(...events);
    expect(gone.state.context.topics[orders]?.status).to.equal('leaving');
    expect(gone.effects.map(({ type }) => type)).to.include.members([
      'reportGone',
      'xstate.sendTo',
    ]);
    const types = stateAfter(...events, ...missed(1)).effects.map(({ type }) => type);
    expect(types).to.not.include('reportGone');
    const left = stateAfter(...events, stopped(orders));
    expect(Object.keys(left.state.context.topics)).to.deep.equal([carts]);
    const back = stateAfter(...events, stopped(orders), intervalOver, found(orders, carts));
    expect(spawned(back.effects)).to.deep.equal([`topic:${orders}`]);
  });

  it('starts no second child beside one that is leaving', () => {
    const events = [found(orders, carts), ...missed(missesBeforeGone), intervalOver];
    expect(spawned(stateAfter(...events, found(orders, carts)).effects)).to.deep.equal([]);
  });

  it('does not start a broken child again when its topic is gone', () => {
    const events = [found(orders, carts), broke(orders), ...missed(missesBeforeGone)];
    const { state, effects } = stateAfter(...events);
    expect(Object.keys(state.context.topics)).to.deep.equal([carts]);
    expect(effects.map(({ type }) => type)).to.include('xstate.cancel');
  });

  it('stops only when a child that is leaving has left', () => {
    const events = [found(orders, carts), ...missed(missesBeforeGone), stop, stopped(carts)];
    expect(stateAfter(...events).state.value).to.equal('stopping');
    expect(stateAfter(...events, stopped(orders)).state.value).to.equal('stopped');
  });

  it('goes on after a discovery that failed', () => {
    const { state, effects } = stateAfter(found(orders), intervalOver, notFound);
    expect(state.value).to.equal('waiting');
    expect(state.context.discoveryFailures).to.equal(1);
    expect(state.context.topics[orders]?.status).to.equal('running');
    expect(effects.map(({ type }) => type)).to.include('reportDiscoveryFailure');
    expect(stateAfter(notFound, intervalOver, found()).state.context.discoveryFailures).to.equal(0);
  });

  it('starts a broken child again after a pause, and leaves the others alone', () => {
    const broken = stateAfter(found(orders, carts), broke(orders));
    expect(broken.state.context.topics).to.deep.equal({
      [orders]: { status: 'ended', failures: 1, misses: 0 },
      [carts]: { status: 'running', failures: 0, misses: 0 },
    });
    expect(spawned(broken.effects)).to.deep.equal([]);
    const restart = { type: 'topic.restart', topic: orders };
    const again = stateAfter(found(orders, carts), broke(orders), restart);
    expect(spawned(again.effects)).to.deep.equal([`topic:${orders}`]);
  });

  it('stops when every child that runs has stopped', () => {
    const events = [found(orders, carts), stop, stopped(orders)];
    expect(stateAfter(...events).state.value).to.equal('stopping');
    expect(stateAfter(...events, stopped(carts)).state.value).to.equal('stopped');
  });

  it('does not wait for a child that broke', () => {
    expect(stateAfter(found(orders), broke(orders), stop).state.value).to.equal('stopped');
    expect(stateAfter(found(orders), stop, broke(orders)).state.value).to.equal('stopped');
  });

  it('stops at once before anything was found', () => {
    expect(stateAfter(stop).state.value).to.equal('stopped');
  });

  it('tells each child to stop', () => {
    const { effects } = stateAfter(found(orders, carts), stop);
    const told = effects.filter(({ type }) => type === 'xstate.sendTo');
    expect(told).to.have.length(2);
  });
});

describe('replicatorMachine, run', () => {
  it('survives a child that throws and starts it again with growing pauses', async () => {
    const clock = new SimulatedClock();
    let starts = 0;
    const machine = replicatorMachine.provide({
      actors: {
        discoverTopics: fromPromise<readonly Topic[]>(() => Promise.resolve([orders])),
        topicReplicator: topicReplicatorMachine.provide({
          actors: {
            openTopic: fromPromise<void, { topic: Topic }>(() => {
              starts++;
              return Promise.reject(new Error('not open'));
            }),
          },
          actions: {
            reportFailure: () => {
              throw new Error('a bug');
            },
          },
        }),
      },
    });
    const actor = createActor(machine, { clock, input });
    actor.start();
    await settle();
    expect(starts).to.equal(1);
    clock.increment(100);
    await settle();
    expect(starts).to.equal(2);
    clock.increment(100);
    await settle();
    expect(starts).to.equal(2);
    clock.increment(100);
    await settle();
    expect(starts).to.equal(3);
    actor.send({ type: 'stop' });
    expect(actor.getSnapshot().status).to.equal('done');
  });
});
