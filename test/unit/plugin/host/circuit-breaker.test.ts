import { expect } from 'chai';
import {
  DataIntegrityError,
  DeadlineExceededError,
  NotOwnerError,
  StoreUnavailableError,
  WriteRejectedError,
} from '../../../../src/model/errors.ts';
import { BreakerOpenError, CircuitBreaker } from '../../../../src/plugin/host/circuit-breaker.ts';
import { RecordingLogger } from '../../../support/recording-logger.ts';
import { ManualClock, settle } from '../../../support/replicator/manual-clock.ts';

const settings = { maxFailures: 2, callTimeoutMs: 100, resetTimeoutMs: 1000 };
const away = new StoreUnavailableError('away');
const fail = (error: unknown = away) => Promise.reject(error);
const answer = async () => 'answer';

describe('CircuitBreaker', () => {
  let clock: ManualClock;
  let log: RecordingLogger;
  let breaker: CircuitBreaker;
  beforeEach(() => {
    clock = new ManualClock();
    log = new RecordingLogger();
    breaker = new CircuitBreaker({ settings, name: 'journal mine', log, clock });
  });

  async function outcome(work: () => Promise<unknown>): Promise<unknown> {
    return await breaker.run(work).catch((error: unknown) => error);
  }

  it('passes answers and errors on', async () => {
    expect(await outcome(answer)).to.equal('answer');
    expect(await outcome(() => fail())).to.equal(away);
    const thrown = new Error('thrown');
    const throws = (): Promise<never> => {
      throw thrown;
    };
    expect(await outcome(throws)).to.equal(thrown);
  });

  it('opens after as many failures in a row as allowed: then nothing is called', async () => {
    await outcome(() => fail());
    await outcome(answer);
    await outcome(() => fail());
    expect(await outcome(answer), 'not in a row').to.equal('answer');
    await outcome(() => fail());
    await outcome(() => fail());
    let called = 0;
    const refused = await outcome(async () => called++);
    expect(refused).to.be.instanceOf(BreakerOpenError);
    expect(refused).to.include({ code: 'STORE_UNAVAILABLE', retryable: true, stored: 'no' });
    expect((refused as Error).message).to.equal(
      'the circuit breaker of journal mine is open for 1000 ms more, so nothing was sent',
    );
    expect((refused as Error).cause).to.equal(away);
    expect(called).to.equal(0);
    expect(log.of('warn')).to.have.lengthOf(1);
  });

  async function open(): Promise<void> {
    await outcome(() => fail());
    await outcome(() => fail());
  }

  it('lets one call try after the reset time, and closes when it succeeds', async () => {
    await open();
    await clock.advance(999);
    expect(await outcome(answer)).to.be.instanceOf(BreakerOpenError);
    await clock.advance(1);
    const trial = Promise.withResolvers<string>();
    const trying = outcome(() => trial.promise);
    const other = await outcome(answer);
    expect(other).to.be.instanceOf(BreakerOpenError);
    expect((other as Error).message).to.match(/is open while one call tries it/);
    trial.resolve('back');
    expect(await trying).to.equal('back');
    expect(await outcome(answer)).to.equal('answer');
    expect(log.of('info')).to.deep.equal(['the plugin answers again']);
  });

  it('stays open for the reset time again when the trial fails', async () => {
    await open();
    await clock.advance(1000);
    expect(await outcome(() => fail())).to.equal(away);
    expect(await outcome(answer)).to.be.instanceOf(BreakerOpenError);
    await clock.advance(1000);
    expect(await outcome(answer)).to.equal('answer');
  });

  it('watches a call that begins while the watch of those before it ends', async () => {
    const sleep = clock.sleep.bind(clock);
    const woken = Promise.withResolvers<void>();
    clock.sleep = () => woken.promise;
    await outcome(answer);
    clock.sleep = sleep;
    let error: unknown = 'nobody watched it';
    woken.resolve();
    queueMicrotask(() => {
      breaker
        .run(() => new Promise(() => {}))
        .catch((reason: unknown) => {
          error = reason;
        });
    });
    await settle();
    await clock.advance(100);
    expect(error).to.be.instanceOf(DeadlineExceededError);
  });

  it('counts anew once it has closed', async () => {
    await open();
    await clock.advance(1000);
    await outcome(answer);
    await outcome(() => fail());
    expect(await outcome(answer)).to.equal('answer');
  });

  it('does not count the failures of those who gave up', async () => {
    const signal = AbortSignal.abort('gave up');
    for (let i = 0; i < 5; i++) await breaker.run(() => fail(), { signal }).catch(() => {});
    expect(await outcome(answer)).to.equal('answer');
  });

  it('lets the next call try when the caller of the trial gave up', async () => {
    await open();
    await clock.advance(1000);
    const over = new AbortController();
    const work = ({ signal }: { readonly signal?: AbortSignal | undefined }) =>
      new Promise<never>((_, reject) => {
        signal?.addEventListener('abort', () => reject(signal.reason));
      });
    const trying = breaker.run(work, { signal: over.signal }).catch((error: unknown) => error);
    over.abort('gave up');
    expect(await trying).to.equal('gave up');
    expect(await outcome(answer)).to.equal('answer');
  });

  it('gives a call up after the call time: its signal fires, and a late answer is dropped', async () => {
    const late = Promise.withResolvers<string>();
    let signal: AbortSignal | undefined;
    const call = breaker
      .run((how) => {
        signal = how.signal;
        return late.promise;
      })
      .catch((error: unknown) => error);
    await clock.advance(99);
    expect(signal?.aborted).to.equal(false);
    await clock.advance(1);
    const error = await call;
    expect(error).to.be.instanceOf(DeadlineExceededError);
    expect((error as Error).message).to.equal(
      'journal mine did not answer within call-timeout, 100 ms',
    );
    expect(signal?.reason).to.equal(error);
    late.resolve('too late');
    await settle();
    expect(clock.sleeping).to.equal(0);
  });

  it('does not take a late answer for one that shows that the plugin works', async () => {
    const late = Promise.withResolvers<string>();
    const call = outcome(() => late.promise);
    await clock.advance(100);
    expect(await call).to.be.instanceOf(DeadlineExceededError);
    late.resolve('too late');
    await settle();
    await outcome(() => fail());
    expect(await outcome(answer)).to.be.instanceOf(BreakerOpenError);
  });

  it('gives each of several calls its own time, with one timer', async () => {
    const never = () => new Promise<never>(() => {});
    const ends: string[] = [];
    const note = (name: string, call: Promise<unknown>): void => {
      call.catch(() => ends.push(`${name} at ${clock.nowMs() - startMs}`));
    };
    const startMs = clock.nowMs();
    note('a', breaker.run(never));
    await clock.advance(40);
    note('b', breaker.run(never));
    await breaker.run(answer);
    expect(clock.sleeping).to.equal(1);
    await clock.advance(200);
    expect(ends).to.deep.equal(['a at 100', 'b at 140']);
    // By now nothing was under way, and the breaker lets one call try.
    await clock.advance(1000);
    note('c', breaker.run(never));
    await clock.advance(200);
    expect(ends.at(-1)).to.equal('c at 1340');
  });

  it('opens by calls that take too long', async () => {
    const never = () => new Promise<never>(() => {});
    const calls = [outcome(never), outcome(never)];
    await clock.advance(100);
    await Promise.all(calls);
    expect(await outcome(answer)).to.be.instanceOf(BreakerOpenError);
  });

  for (const [name, error] of [
    ['a lost tenure', new NotOwnerError('lost')],
    ['an event that cannot be stored', new WriteRejectedError('too large')],
    ['damaged data', new DataIntegrityError('damaged')],
  ] as const) {
    it(`does not count what says nothing about the plugin: ${name}`, async () => {
      for (let i = 0; i < 5; i++) expect(await outcome(() => fail(error))).to.equal(error);
      expect(await outcome(answer)).to.equal('answer');
    });
  }

  it('counts a write that could not be sent', async () => {
    const cause = new StoreUnavailableError('away');
    const notSent = new WriteRejectedError('not sent', { cause });
    await outcome(() => fail(notSent));
    await outcome(() => fail(notSent));
    expect(await outcome(answer)).to.be.instanceOf(BreakerOpenError);
  });

  it('takes no notice of calls that began before it opened', async () => {
    const early = Promise.withResolvers<string>();
    const call = breaker.run(() => early.promise);
    await open();
    early.resolve('late');
    expect(await call).to.equal('late');
    expect(await outcome(answer)).to.be.instanceOf(BreakerOpenError);
  });

  it('leaves no timer when it is closed', async () => {
    breaker.run(() => new Promise<never>(() => {})).catch(() => {});
    expect(clock.sleeping).to.equal(1);
    breaker.close();
    await settle();
    expect(clock.sleeping).to.equal(0);
  });
});
