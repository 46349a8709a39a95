import { expect } from 'chai';
import type { EventObject } from 'xstate';
import { AskDeadlines } from '../../../src/actor/command/ask-deadlines.ts';
import { Ask } from '../../../src/actor/entity/ask.ts';
import { durationMs } from '../../../src/actor/entity/duration-ms.ts';
import { restartDelayMs } from '../../../src/actor/entity/restart-delay.ts';
import { fromStored, RemoteError, toStored } from '../../../src/actor/entity/stored-event.ts';
import { Timers } from '../../../src/actor/entity/timers.ts';
import { RecoveryPermits } from '../../../src/actor/recovery/recovery-permits.ts';
import { failureOf, settle } from './support.ts';

describe('recovery permits', () => {
  const { signal } = new AbortController();
  const notAwaited = () => false;
  const entering = (permits: RecoveryPermits, at = signal) => permits.enter(at, notAwaited).granted;

  it('are granted in the order of the requests, never more than the limit', async () => {
    const permits = new RecoveryPermits(1);
    const granted: number[] = [];
    const release = await entering(permits);
    const later = [1, 2].map((n) =>
      entering(permits).then((done) => {
        granted.push(n);
        return done;
      }),
    );
    await settle();
    expect(granted).to.deep.equal([]);
    release();
    release(); // twice does no harm
    const first = await later[0];
    await settle();
    expect(granted).to.deep.equal([1]);
    first?.();
    (await later[1])?.();
    expect(granted).to.deep.equal([1, 2]);
    (await entering(permits))(); // all are back
  });

  it('pass over those who gave up waiting', async () => {
    const permits = new RecoveryPermits(1);
    const gone = new AbortController();
    const release = await entering(permits);
    const abandoned = failureOf(entering(permits, gone.signal));
    const next = entering(permits);
    gone.abort(new Error('stopped'));
    expect((await abandoned).message).to.equal('stopped');
    release();
    (await next)();
    (await entering(permits))(); // all are back
    expect((await failureOf(entering(permits, gone.signal))).message).to.equal('stopped');
  });

  /** The names of those that wait for the one permit, in the order in which they get it. */
  async function orderOf(enter: (line: ReturnType<typeof lineOf>) => void): Promise<string[]> {
    const permits = new RecoveryPermits(1);
    const release = await entering(permits);
    const line = lineOf(permits);
    enter(line);
    release();
    await Promise.all(line.ended);
    return line.order;
  }

  function lineOf(permits: RecoveryPermits) {
    const order: string[] = [];
    const ended: Promise<void>[] = [];
    const enter = (name: string, isAwaited = notAwaited) => {
      const place = permits.enter(signal, isAwaited);
      const end = async (): Promise<void> => {
        const release = await place.granted;
        order.push(name);
        release();
      };
      ended.push(end());
      return place;
    };
    return { enter, order, ended };
  }

  it('go first to those that somebody waits for, from whenever on', async () => {
    const order = await orderOf(({ enter }) => {
      let isAsked = false;
      enter('woken');
      const woken = enter('woken, then asked', () => isAsked);
      enter('asked', () => true);
      isAsked = true;
      woken.hurry();
      woken.hurry(); // twice does no harm
    });
    expect(order).to.deep.equal(['asked', 'woken, then asked', 'woken']);
  });

  it('go to those whose asker has given up in their turn only', async () => {
    const asks = { open: true };
    const order = await orderOf(({ enter }) => {
      enter('woken');
      enter('given up', () => asks.open);
      enter('asked', () => true);
      asks.open = false;
    });
    expect(order).to.deep.equal(['asked', 'woken', 'given up']);
  });

  it('go first to those that are asked again after that', async () => {
    const asks = { open: true };
    const order = await orderOf(({ enter }) => {
      enter('woken');
      const again = enter('asked again', () => asks.open);
      enter('asked', () => {
        queueMicrotask(() => {
          asks.open = true;
          again.hurry();
        });
        return true;
      });
      asks.open = false;
    });
    expect(order).to.deep.equal(['asked', 'asked again', 'woken']);
  });

  it('go to the one that has waited longest now and then, whoever is asked', async () => {
    const order = await orderOf(({ enter }) => {
      for (const name of ['w1', 'w2']) enter(name);
      for (let n = 1; n <= 9; n++) enter(`a${n}`, () => true);
    });
    expect(order.indexOf('w1')).to.be.within(1, 4);
    expect(order.indexOf('w2')).to.be.within(5, 8);
    expect(new Set(order)).to.have.property('size', 11);
  });
});

describe('the deadlines of questions', () => {
  it('end each question at its own time, and forget answered ones', async () => {
    let nowMs = 0;
    const sleeping: { ms: number; wake: () => void }[] = [];
    const deadlines = new AskDeadlines({
      nowMs: () => nowMs,
      steadyMs: () => nowMs,
      sleep: (ms) => new Promise((resolve) => sleeping.push({ ms, wake: resolve })),
    });
    const ask = (timeoutMs: number): Ask => {
      const question = new Ask({ type: 'q' }, nowMs + timeoutMs);
      deadlines.watch(question, timeoutMs);
      return question;
    };
    const [first, answered] = [ask(10), ask(10)];
    nowMs = 4;
    const second = ask(10);
    answered.answer({ sequenceNr: 1, events: [], snapshot: undefined, reply: 'yes' });
    const failures = [failureOf(first.promise), failureOf(second.promise)];
    nowMs = 10;
    sleeping.shift()?.wake();
    expect(await failures[0]).to.include({ code: 'ASK_TIMEOUT' });
    await settle();
    expect(second.settled).to.equal(false);
    expect(sleeping[0]?.ms).to.equal(4);
    nowMs = 14;
    sleeping.shift()?.wake();
    expect((await failures[1])?.message)
      .to.contain('"q"')
      .and.to.contain('10 ms');
    expect((await answered.promise).reply).to.equal('yes');
  });
});

describe('durations', () => {
  it('are milliseconds, or numbers with a unit', () => {
    const cases: [string | number, number][] = [
      [250, 250],
      ['200ms', 200],
      ['1.5 s', 1500],
      ['2m', 120_000],
      ['1h', 3_600_000],
      ['1d', 86_400_000],
    ];
    for (const [text, ms] of cases) expect(durationMs(text, 'x')).to.equal(ms);
    for (const wrong of ['', 'soon', '5 weeks', -1, Number.NaN]) {
      expect(() => durationMs(wrong, 'minBackoff')).to.throw('minBackoff');
    }
  });

  it('are nothing that JavaScript would only turn into a number', () => {
    for (const wrong of [' ', '0x10', '1e3', '-0', null, false, [5]]) {
      expect(() => durationMs(wrong as string, 'expireAfter')).to.throw('expireAfter');
    }
  });
});

describe('the delay before a restart', () => {
  it('doubles up to its maximum, with jitter on top', () => {
    const backoff = { minMs: 100, maxMs: 1000, randomFactor: 0.5, maxRestarts: 9 };
    const delays = [1, 2, 3, 4, 5, 50].map((failures) => restartDelayMs(backoff, failures, 0));
    expect(delays).to.deep.equal([100, 200, 400, 800, 1000, 1000]);
    expect(restartDelayMs(backoff, 1, 1)).to.equal(150);
  });
});

describe("xstate's own events", () => {
  const roundTrip = (event: object): unknown =>
    fromStored(JSON.parse(JSON.stringify(toStored(event as EventObject))));

  it('are stored as plain data: results without what is undefined', () => {
    const done = { type: 'xstate.done.actor.pay', output: undefined, actorId: 'pay' };
    expect(toStored(done)).to.deep.equal({ type: done.type, actorId: 'pay' });
  });

  it('bring a failure back with name, message, code and causes', () => {
    const cause = Object.assign(new TypeError('inner'), { code: 7 });
    const error = Object.assign(new RangeError('outer', { cause }), {
      code: 'E',
      extra: new Map(),
    });
    const revived = roundTrip({ type: 'xstate.error.actor.pay', error, actorId: 'pay' }) as {
      error: RemoteError;
    };
    expect(revived.error).to.be.instanceOf(RemoteError);
    expect(revived.error).to.include({ name: 'RangeError', message: 'outer', code: 'E' });
    expect(revived.error.cause).to.include({ name: 'TypeError', message: 'inner', code: 7 });
  });

  it('keep a failure that is no Error as it is', () => {
    const event = { type: 'xstate.error.actor.pay', error: 'text', actorId: 'pay' };
    expect(roundTrip(event)).to.deep.equal(event);
  });

  it('store of a child snapshot what is data', () => {
    const snapshot = { status: 'active', context: { n: 1 }, value: 'a', machine: {}, matches() {} };
    expect(toStored({ type: 'xstate.snapshot.kid', snapshot } as EventObject)).to.deep.equal({
      type: 'xstate.snapshot.kid',
      snapshot: { status: 'active', value: 'a', context: { n: 1 } },
    });
  });
});

describe('the timers of an entity', () => {
  const self = { type: 'self' } as const;
  const event = { type: 'tick' };

  it('know the very object that fires from one that looks like it', () => {
    const timers = new Timers();
    timers.note(
      [{ type: 'schedule', id: 't', event, target: self, delayMs: 5 }],
      { seqNr: 3, delaysMs: [] },
      100,
    );
    expect(timers.firedBy({ type: 'tick' })).to.equal(undefined);
    expect(timers.firedBy(event)?.id).to.equal('t');
  });

  it('name those without an id by event and place, live as in replay', () => {
    const change = { type: 'schedule', id: undefined, event, target: self, delayMs: 5 } as const;
    const [live, replayed] = [new Timers(), new Timers()];
    live.beginStep({ seqNr: 7, delaysMs: [] });
    expect(
      [live.noteLive(change, 0), live.noteLive(change, 0)].map(
        ({ key }) => key && live.get(key)?.id,
      ),
    ).to.deep.equal(['#7.0', '#7.1']);
    replayed.note([change, change], { seqNr: 7, delaysMs: [] }, 0);
    expect(replayed.pending().map(({ id }) => id)).to.deep.equal(['#7.0', '#7.1']);
  });

  it('do not bring a message to others back that left before the last event', () => {
    const timers = new Timers();
    const target = { type: 'child', id: 'kid' } as const;
    timers.note(
      [{ type: 'schedule', id: 'early', event, target, delayMs: 5 }],
      { seqNr: 1, delaysMs: [] },
      100,
    );
    timers.note(
      [{ type: 'schedule', id: 'late', event, target, delayMs: 50 }],
      { seqNr: 1, delaysMs: [] },
      100,
    );
    timers.note(
      [{ type: 'schedule', id: 'own', event, target: self, delayMs: 5 }],
      { seqNr: 1, delaysMs: [] },
      100,
    );
    timers.forgetSent(120);
    expect(timers.pending().map(({ id }) => id)).to.deep.equal(['own', 'late']);
  });
});
