import { expect } from 'chai';
import { protocolError } from '../../../../src/kafka/driver/kafkajs.ts';
import { heartbeats } from '../../../../src/kafka/group/group-heartbeats.ts';
import { GroupLease } from '../../../../src/kafka/group/group-lease.ts';
import type { LogCluster } from '../../../../src/kafka/log-cluster.ts';
import { systemClock } from '../../../../src/runtime/clock.ts';

const never = new Promise<void>(() => {});

describe('heartbeats of a group member', () => {
  let over: AbortController;
  let story: string[];
  beforeEach(() => {
    over = new AbortController();
    story = [];
  });

  /** Answers come in turn; the last one stays. */
  function beating(answers: readonly (() => Promise<void>)[]): Promise<void> {
    const consumer = { heartbeatIntervalMs: 1, sessionTimeoutMs: 1_000 };
    const cluster = { deps: { clock: systemClock }, settings: { consumer } };
    let turn = 0;
    const membership = {
      heartbeat: async () => await answers[Math.min(turn++, answers.length - 1)]?.(),
      locate: async () => {
        story.push('located');
      },
    };
    return heartbeats(cluster as unknown as LogCluster, membership, {
      isOver: () => over.signal.aborted,
      over: over.signal,
      lease: new GroupLease({ sessionTimeoutMs: 1_000, rebalanceTimeoutMs: 60_000 }),
      events: {
        onRebalance: () => story.push('rebalance'),
        onLost: () => story.push('lost'),
        onBeat: async () => {
          if (turn >= answers.length) over.abort();
        },
      },
    });
  }
  const fails = (error: Error) => () => Promise.reject(error);
  const ok = () => Promise.resolve();

  it('look for the coordinator again when it does not answer, and the member stays', async () => {
    await beating([fails(new Error('ECONNREFUSED')), ok]);
    expect(story).to.deep.equal(['located']);
  });

  it('tell of a rebalance and of being expelled', async () => {
    await beating([fails(protocolError(27)), fails(protocolError(25)), ok]);
    expect(story).to.deep.equal(['rebalance', 'lost']);
  });

  it('end at once with the session, also while a coordinator does not answer', async () => {
    setTimeout(() => over.abort(), 20);
    await beating([() => never]);
    expect(story).to.deep.equal([]);
  });
});
