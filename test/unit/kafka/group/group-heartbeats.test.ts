import { expect } from 'chai';
import { protocolError } from '../../../../src/kafka/driver/kafkajs.ts';
import { heartbeats } from '../../../../src/kafka/group/group-heartbeats.ts';
import { GroupLease } from '../../../../src/kafka/group/group-lease.ts';
import type { LogCluster } from '../../../../src/kafka/log-cluster.ts';
import { systemClock } from '../../../../src/runtime/clock.ts';
import { ManualClock, settle } from '../../actor/support.ts';

const never = new Promise<void>(() => {});
const requestTimeoutMs = 300;

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
    const settings = { consumer, requestTimeoutMs };
    const cluster = { deps: { clock: systemClock }, settings };
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
      next: 'waits',
      events: {
        onRebalance: () => story.push('rebalance'),
        onLost: () => story.push('lost'),
        onBeat: () => {
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

  it('end at once with the session, and nobody looks for its silent coordinator', async () => {
    setTimeout(() => over.abort(), 20);
    await beating([() => never]);
    await systemClock.sleep(2 * requestTimeoutMs);
    expect(story).to.deep.equal([]);
  });

  /** A fleet whose coordinator answers each heartbeat late, well within the session. */
  function lateAnswers(locate: () => Promise<void>) {
    const clock = new ManualClock();
    const now = () => ({ steadyMs: clock.nowMs(), wallMs: clock.nowMs() });
    const lease = new GroupLease({ sessionTimeoutMs: 1_000, rebalanceTimeoutMs: 60_000, now });
    const settings = {
      requestTimeoutMs,
      consumer: { heartbeatIntervalMs: 200, sessionTimeoutMs: 1_000 },
    };
    const cluster = { deps: { clock }, settings } as unknown as LogCluster;
    const membership = { heartbeat: () => clock.sleep(700), locate };
    const beating = heartbeats(cluster, membership, {
      isOver: () => over.signal.aborted,
      over: over.signal,
      lease,
      next: 'sent',
      events: {
        onRebalance: () => {},
        onLost: () => story.push('lost'),
        onBeat: () => {},
      },
    });
    const isHeldAllTheTime = async (): Promise<void> => {
      await settle();
      await clock.pass(800);
      for (let passedMs = 800; passedMs < 4_000; passedMs += 100) {
        expect(lease.isHeld, `after ${passedMs} ms`).to.equal(true);
        await clock.pass(100);
      }
      over.abort();
      await clock.pass(200);
      await beating;
    };
    return { isHeldAllTheTime };
  }

  it('of a fleet go on while answers are late, and each answer counts from its heartbeat on', async () => {
    let looks = 0;
    const { isHeldAllTheTime } = lateAnswers(async () => {
      looks++;
    });
    await isHeldAllTheTime();
    // The coordinator may have moved.
    expect(looks).to.be.above(0);
    expect(story).not.to.include('lost');
  });

  it('of a fleet count though the brokers take long to say who the coordinator is', async () => {
    const { isHeldAllTheTime } = lateAnswers(() => never);
    await isHeldAllTheTime();
    expect(story).to.deep.equal([]);
  });
});
