import { getEventListeners } from 'node:events';
import { expect } from 'chai';
import { systemClock } from '../../../src/runtime/clock.ts';
import { onAbort } from '../../../src/runtime/on-abort.ts';
import {
  aborted,
  Deadline,
  nextTurn,
  unlessAborted,
  within,
} from '../../../src/runtime/waiting.ts';
import { failureOf } from '../../contract/action-log.fixture.ts';

const never = new Promise<never>(() => {});
const listeners = (signal: AbortSignal): number => getEventListeners(signal, 'abort').length;

/** Counts the sleeps that are under way; they end only when their signal fires, or by `pass`. */
class StoppedClock {
  sleeping = 0;
  pass: () => void = () => {};
  nowMs = (): number => 0;
  steadyMs = (): number => 0;
  sleep(_ms: number, { signal }: { signal?: AbortSignal | undefined } = {}): Promise<void> {
    this.sleeping += 1;
    const sleeping = new Promise<void>((resolve, reject) => {
      this.pass = resolve;
      signal?.addEventListener('abort', () => reject(signal.reason));
    });
    const end = (): void => {
      this.sleeping -= 1;
    };
    sleeping.then(end, end);
    return sleeping;
  }
}

describe('a wait', () => {
  it('for the next turn lets what is ready run first', async () => {
    const story: string[] = [];
    setImmediate(() => story.push('ready'));
    await nextTurn();
    expect(story).to.deep.equal(['ready']);
  });

  it('within a limit settles as the work does, and keeps no timer', async () => {
    const clock = new StoppedClock();
    expect(await within(Promise.resolve('done'), 10, clock)).to.equal('done');
    const failure = new Error('failed');
    expect(await failureOf(within(Promise.reject(failure), 10, clock))).to.equal(failure);
    await nextTurn();
    expect(clock.sleeping).to.equal(0);
  });

  it('within a limit is over when the limit is, whatever the work does later', async () => {
    const clock = new StoppedClock();
    const work = Promise.withResolvers<void>();
    const waiting = within(work.promise, 10, clock);
    clock.pass();
    expect(await waiting).to.equal('expired');
    work.reject(new Error('late'));
    await nextTurn();
  });

  it('of several has one deadline for all', async () => {
    const clock = new StoppedClock();
    const deadline = new Deadline(10, clock);
    expect(await deadline.within(Promise.resolve(1))).to.equal(1);
    clock.pass();
    expect(await deadline.within(never)).to.equal('expired');
    expect(await deadline.within(never)).to.equal('expired');
  });

  it('for a signal resolves when it fires, and when it has fired', async () => {
    const controller = new AbortController();
    const waiting = aborted(controller.signal);
    controller.abort('over');
    await waiting;
    await aborted(controller.signal);
  });

  it('that a signal ends rejects with its reason, and listens no longer than it waits', async () => {
    const { signal } = new AbortController();
    expect(await unlessAborted(Promise.resolve(1), signal)).to.equal(1);
    await nextTurn();
    expect(listeners(signal)).to.equal(0);
    const controller = new AbortController();
    const waiting = failureOf(unlessAborted(never, controller.signal));
    controller.abort('over');
    expect(await waiting).to.equal('over');
    expect(await failureOf(unlessAborted(never, controller.signal))).to.equal('over');
  });

  it('of the system clock ends with its signal, and listens no longer than it sleeps', async () => {
    const controller = new AbortController();
    await systemClock.sleep(1, controller);
    expect(listeners(controller.signal)).to.equal(0);
    const sleeping = failureOf(systemClock.sleep(60_000, controller));
    controller.abort('over');
    expect(await sleeping).to.equal('over');
    expect(await failureOf(systemClock.sleep(60_000, controller))).to.equal('over');
  });
});

describe('a listener of a signal', () => {
  it('is called once, also when the signal has fired before', () => {
    const story: unknown[] = [];
    const controller = new AbortController();
    onAbort(controller.signal, (reason) => story.push(reason));
    controller.abort('first');
    controller.abort('second');
    onAbort(controller.signal, (reason) => story.push(reason));
    expect(story).to.deep.equal(['first', 'first']);
  });

  it('is not called after it stopped listening', () => {
    const controller = new AbortController();
    const stopListening = onAbort(controller.signal, () => expect.fail('it was called'));
    stopListening();
    controller.abort();
    onAbort(undefined, () => expect.fail('there is no signal'))();
  });
});
