import { expect } from 'chai';
import { assign, fromPromise, type PromiseActorLogic, setup, spawnChild } from 'xstate';
import { NotOwnerError, WriteFailedError } from '../../../src/model/errors.ts';
import { type Call, pay, payment, policy } from './payments.ts';
import { settle, testHost } from './support.ts';
import { World } from './world.ts';

describe('a retry policy of invoked work', () => {
  it('runs it again with its first input after its backoff; the machine sees nothing of it', async () => {
    const { world, calls, fail, state, tell } = await pay();
    await tell('note');
    await fail();
    expect(state()).to.equal('paying');
    await world.pass(9_999);
    expect(calls).to.have.length(1);
    await world.pass(1);
    expect(calls.map(({ input, attempt }) => [input, attempt])).to.deep.equal([
      [{ cents: 5 }, 1],
      [{ cents: 5 }, 2],
    ]);
    expect(state()).to.equal('paying');
  });

  it('doubles the backoff up to its limit, and hands over the last failure alone', async () => {
    const { world, calls, fail, state, failures } = await pay();
    await fail('one');
    await world.pass(10_000);
    await fail('two');
    await world.pass(14_999);
    expect(calls).to.have.length(2);
    await world.pass(1);
    await fail('three');
    expect(state()).to.equal('idle');
    expect(failures().map(({ name, message }) => `${name} ${message}`)).to.deep.equal([
      'RangeError three',
    ]);
    await world.pass(100_000);
    expect(calls).to.have.length(3);
  });

  it('hands over the result of the attempt that succeeds', async () => {
    const { world, last, fail, actor, types } = await pay();
    await fail();
    await world.pass(10_000);
    last().resolve('receipt');
    await settle();
    expect(actor.getSnapshot()).to.deep.include({ value: 'paid' });
    expect(actor.getSnapshot().context.result).to.equal('receipt');
    expect(types()).to.deep.equal([
      'pay',
      'xstate.attempt.failed',
      'xstate.attempt.begun',
      'xstate.done.actor.call',
    ]);
  });

  it('stores the failure with its error before the backoff, and the beginning before the attempt', async () => {
    const { world, calls, fail } = await pay();
    await fail('no line');
    const [, failed] = world.journal.stored('e');
    expect(failed?.payload).to.deep.equal({
      type: 'xstate.attempt.failed',
      actorId: 'call',
      attempt: 1,
      error: { name: 'RangeError', message: 'no line' },
      retryInMs: 10_000,
    });
    expect(failed?.facts).to.deep.equal({ unhandled: true });
    const write = world.journal.blockNextWrite();
    await world.pass(10_000);
    await write.reached;
    await settle();
    expect(calls).to.have.length(1);
    write.open();
    await settle();
    expect(calls).to.have.length(2);
    expect(world.journal.payloads('e').at(-1)).to.deep.equal({
      type: 'xstate.attempt.begun',
      actorId: 'call',
      attempt: 2,
    });
  });

  it('keeps the actor itself: its reference, its place in the system, its observers', async () => {
    const { world, last, fail, actor } = await pay();
    const before = actor.getSnapshot().children.call;
    const seen: unknown[] = [];
    before?.subscribe({
      next: ({ status, output }) => seen.push([status, output]),
      error: (error) => seen.push(error),
      complete: () => seen.push('complete'),
    });
    await fail();
    await world.pass(10_000);
    expect(actor.getSnapshot().children.call).to.equal(before);
    expect(actor.system.get('the-bank')).to.equal(before);
    last().resolve('receipt');
    await settle();
    expect(seen.at(-1)).to.equal('complete');
    expect(seen.filter((one) => Array.isArray(one) && one[0] !== 'active')).to.deep.equal([
      ['done', 'receipt'],
    ]);
  });

  it('ends an attempt whose time is over: its signal fires, and its late result is dropped', async () => {
    const { world, calls, last, state, failures } = await pay();
    for (let attempt = 1; attempt <= 3; attempt++) {
      await world.pass(59_999);
      expect(last().signal.aborted).to.equal(false);
      await world.pass(1);
      expect(last().signal.reason).to.include({ code: 'ATTEMPT_TIMED_OUT', stored: 'unknown' });
      last().resolve('late');
      await settle();
      if (attempt < 3) expect(state()).to.equal('paying');
      await world.pass(15_000);
    }
    expect(calls).to.have.length(3);
    expect(state()).to.equal('idle');
    expect(failures()).to.have.length(1);
    expect(failures()[0]).to.include({ name: 'AttemptTimedOutError', code: 'ATTEMPT_TIMED_OUT' });
  });

  it('drops the result of an earlier attempt while the next one runs', async () => {
    const { world, calls, last, state, actor } = await pay();
    await world.pass(60_000);
    await world.pass(10_000);
    expect(calls).to.have.length(2);
    calls[0]?.resolve('of the first');
    await settle();
    expect(state()).to.equal('paying');
    last().resolve('of the second');
    await settle();
    expect(actor.getSnapshot().context.result).to.equal('of the second');
  });

  it('takes a function that throws at once as an attempt that failed', async () => {
    const world = new World();
    let calls = 0;
    const machine = setup({
      actors: {
        job: fromPromise(() => {
          if (++calls < 3) throw new Error('at once');
          return Promise.resolve(calls);
        }),
      },
    }).createMachine({
      invoke: { id: 'job', src: 'job', onDone: { target: '.over' } },
      initial: 'busy',
      states: { busy: {}, over: {} },
    });
    const { actor } = world.start(machine, undefined, { retry: { job: policy } });
    await settle();
    await world.pass(10_000);
    await world.pass(15_000);
    expect(actor.getSnapshot().value).to.equal('over');
    expect(calls).to.equal(3);
  });

  it('is over when the state is left: the signal fires, and no further attempt begins', async () => {
    const running = await pay();
    await running.tell('cancel');
    expect(running.last().signal.aborted).to.equal(true);
    const waiting = await pay();
    await waiting.fail();
    await waiting.tell('cancel');
    for (const { world, calls, types } of [running, waiting]) {
      const before = types().length;
      await world.pass(200_000);
      expect([calls.length, types().length]).to.deep.equal([1, before]);
    }
  });

  it('stores nothing of an attempt that fails in the turn in which its state is left', async () => {
    const { world, last, tell, types } = await pay();
    const write = world.journal.blockNextWrite();
    const cancelled = tell('cancel');
    await write.reached;
    last().reject(new Error('too late'));
    await settle();
    write.open();
    await cancelled;
    await settle();
    expect(types()).to.deep.equal(['pay', 'cancel']);
  });

  it('does not let a wildcard of the machine take what is stored of attempts', async () => {
    const { fail, state, crash } = await pay();
    await fail();
    expect(state()).to.equal('paying');
    expect((await crash()).state()).to.equal('paying');
  });

  it('counts for actors that the machine spawns by that name', async () => {
    const world = new World();
    const calls: Call[] = [];
    const { actors } = payment(calls).implementations;
    const machine = setup({
      types: { context: {} as { ref: unknown }, events: {} as { type: 'go' } },
      actors: { bank: actors.bank as PromiseActorLogic<unknown, { cents: number }> },
    }).createMachine({
      context: { ref: undefined },
      on: {
        go: { actions: assign(({ spawn }) => ({ ref: spawn('bank', { input: { cents: 1 } }) })) },
      },
    });
    const { tell } = world.start(machine, undefined, { retry: { bank: policy } });
    await tell('go');
    calls[0]?.reject(new Error('busy'));
    await settle();
    await world.pass(10_000);
    expect(calls.map(({ attempt, idempotencyKey }) => [attempt, idempotencyKey])).to.deep.equal([
      [1, 'e:1:#1.0'],
      [2, 'e:1:#1.0'],
    ]);
  });

  it('gives two actors with one id, which one event spawns, keys of their own', async () => {
    const calls: Call[] = [];
    const { actors } = payment(calls).implementations;
    const child = { id: 'call', input: { cents: 1 } };
    const machine = setup({
      types: { events: {} as { type: 'go' } },
      actors: { bank: actors.bank as PromiseActorLogic<unknown, { cents: number }> },
    }).createMachine({
      on: { go: { actions: [spawnChild('bank', child), spawnChild('bank', child)] } },
    });
    const { tell } = new World().start(machine, undefined, { retry: { bank: policy } });
    await tell('go');
    await tell('go');
    const keys = calls.map(({ idempotencyKey }) => idempotencyKey);
    expect(keys).to.deep.equal(['e:1:call', 'e:1/1:call', 'e:2:call', 'e:2/1:call']);
  });
});

describe('after a crash, a retry policy', () => {
  it('goes on with the number of attempts and the rest of the backoff', async () => {
    const before = await pay();
    await before.fail();
    await before.world.pass(4_000);
    const { world, calls, fail, failures } = await before.crash();
    await world.pass(5_999);
    expect(calls).to.have.length(1);
    await world.pass(1);
    expect(calls.map(({ attempt }) => attempt)).to.deep.equal([1, 2]);
    await fail();
    await world.pass(15_000);
    await fail('last');
    expect(calls).to.have.length(3);
    expect(failures().map(({ message }) => message)).to.deep.equal(['last']);
  });

  it('counts the attempt that was interrupted, and begins the next one at once', async () => {
    const { calls, types } = await (await pay()).crash();
    expect(calls.map(({ attempt }) => attempt)).to.deep.equal([1, 2]);
    expect(types()).to.deep.equal(['pay', 'xstate.attempt.begun']);
  });

  it('never begins more attempts than it has, whatever ends them; then the failure says so', async () => {
    const first = await pay();
    const second = await first.crash();
    const third = await second.crash();
    const { calls, state, failures, crash } = await third.crash();
    expect(calls).to.have.length(3);
    expect(state()).to.equal('idle');
    expect(failures()).to.have.length(1);
    expect(failures()[0]).to.include({ code: 'ATTEMPT_INTERRUPTED', stored: 'unknown' });
    expect(failures()[0]?.message).to.contain('attempt 3 of 3 of "call" in e');
    const again = await crash();
    expect([again.calls.length, again.failures().length]).to.deep.equal([3, 1]);
  });

  it('with one attempt begins the work at most once', async () => {
    const once = { bank: { ...policy, attempts: 1 } };
    const { calls, failures } = await (await pay(new World(), [], once)).crash();
    expect(calls).to.have.length(1);
    expect(failures()[0]).to.include({ code: 'ATTEMPT_INTERRUPTED' });
  });

  it('hands over the failure that is stored when it allows less by now', async () => {
    const before = await pay();
    await before.fail('stored');
    const { calls, failures } = await before.crash({ bank: { ...policy, attempts: 1 } });
    expect(calls).to.have.length(1);
    expect(failures().map(({ message }) => message)).to.deep.equal(['stored']);
  });

  it('is read over by a program that has none', async () => {
    const before = await (await pay()).crash();
    const { calls, state } = await before.crash({});
    expect(calls.map(({ attempt }) => attempt)).to.deep.equal([1, 2, 1]);
    calls[2]?.resolve('receipt');
    await settle();
    expect(state()).to.equal('paid');
  });

  it('gives the same key in all attempts of all processes, and another one to the next call', async () => {
    const before = await pay();
    await before.fail();
    const { world, tell, last, calls, fail } = await before.crash();
    await world.pass(10_000);
    await fail();
    await world.pass(15_000);
    await fail();
    const keys = calls.map(({ idempotencyKey }) => idempotencyKey);
    expect(keys).to.deep.equal(['e:1:call', 'e:1:call', 'e:1:call']);
    await tell('pay', { cents: 6 });
    const seqNr = world.journal.stored('e').length;
    expect(last()).to.deep.include({
      idempotencyKey: `e:${seqNr}:call`,
      attempt: 1,
      persistenceId: 'e',
    });
  });

  it('begins nothing while a look at the journal replays it', async () => {
    const before = await pay();
    await before.fail();
    const { calls, world } = before;
    const { host } = testHost({ journal: world.journal, clock: world });
    const logic = host.persistent(payment(calls), { persistenceId: 'e', retry: { bank: policy } });
    const { value } = await host.entities('payment', logic).peek('e');
    expect(value).to.equal('paying');
    await world.pass(9_999);
    expect(calls).to.have.length(1);
  });
});

describe('a retry policy of an entity that starts over', () => {
  it('counts the attempt that a failed write interrupted', async () => {
    const { world, calls, tell, last } = await pay();
    world.journal.failNextWrite(new WriteFailedError('no answer'));
    await tell('note').catch(() => {});
    await settle();
    expect(calls[0]?.signal.aborted).to.equal(true);
    expect(calls.map(({ attempt }) => attempt)).to.deep.equal([1, 2]);
    expect(last().signal.aborted).to.equal(false);
  });

  it('goes on when the failure of an attempt may or may not be stored', async () => {
    for (const stored of [true, false]) {
      const { world, calls, fail } = await pay();
      world.journal.failNextWrite(new WriteFailedError('no answer'), { stored });
      await fail();
      await world.pass(10_000);
      expect(calls.map(({ attempt }) => attempt)).to.deep.equal([1, 2]);
    }
  });

  it('begins no attempt whose beginning is not stored', async () => {
    const { world, calls, fail } = await pay();
    await fail();
    world.journal.failNextWrite(new NotOwnerError('another one has it'));
    await world.pass(10_000);
    expect(calls).to.have.length(1);
    await world.pass(1);
    expect(calls.map(({ attempt }) => attempt)).to.deep.equal([1, 2]);
    const begun = world.journal.writes.flat().flatMap(({ events }) => events);
    const types = begun.map(({ payload }) => (payload as { type: string }).type);
    expect(types.filter((type) => type === 'xstate.attempt.begun')).to.have.length(2);
  });

  it('aborts the attempt and begins no other when the actor is stopped', async () => {
    const running = await pay();
    const waiting = await pay();
    await waiting.fail();
    for (const { actor, world, calls } of [running, waiting]) {
      actor.stop();
      await world.pass(100_000);
      expect(calls).to.have.length(1);
    }
    expect(running.last().signal.aborted).to.equal(true);
  });
});
