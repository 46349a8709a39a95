import { expect } from 'chai';
import { createActor, fromCallback, fromPromise, setup } from 'xstate';
import { attemptOf } from '../../../src/actor/entity/invoked-work.ts';
import { InvalidInputError } from '../../../src/model/errors.ts';
import { longestTimeoutMs } from '../../../src/runtime/alarms.ts';
import { MemoryJournalPlugin } from '../../support/memory-journal-plugin.ts';
import { type Call, open, pay, payment, policy } from './payments.ts';
import { TestSnapshotStore } from './snapshots/support.ts';
import { eventually, ManualClock, settle, testHost } from './support.ts';
import { World } from './world.ts';

/** What each append said so far of what the entity waits for. */
function told(world: World): readonly unknown[] {
  return world.journal.writes.flatMap((writes) => writes.map(({ wake }) => wake));
}

describe('work that waits for its next attempt', () => {
  it('is a timer of its entity to whoever wakes it, and work again when it begins', async () => {
    const { world, fail } = await pay();
    expect(told(world)).to.deep.equal(['now']);
    await fail();
    const dueMs = world.nowMs() + 10_000;
    expect(told(world).at(-1)).to.equal(dueMs);
    await world.pass(10_000);
    expect(told(world)).to.deep.equal(['now', dueMs, 'now']);
  });

  it('is the same timer after a recovery', async () => {
    const before = await pay();
    await before.fail();
    const dueMs = before.world.nowMs() + 10_000;
    await before.world.pass(3_000);
    const { world, tell } = await before.crash();
    await tell('note');
    expect(told(world).at(-1)).to.equal(dueMs);
  });

  it('waits no longer than Node can, where the clock of whoever wrote it was far ahead', async () => {
    const time = { ms: 1_700_000_000_000 };
    const before = await pay(new World(time));
    await before.fail();
    time.ms -= 2 * longestTimeoutMs;
    const { world, calls } = await before.crash();
    await world.pass(longestTimeoutMs - 1);
    expect(calls).to.have.length(1);
    await world.pass(1);
    expect(calls).to.have.length(2);
  });

  it('lets the entity be passivated when it waits for long, and begins when it is due', async () => {
    const { clock, calls, payments } = openRegistry();
    await payments.ask('p', { type: 'pay', cents: 5 });
    await clock.pass(3_000);
    expect(payments.ids()).to.deep.equal(['p']); // the attempt runs
    calls[0]?.reject(new Error('busy'));
    await settle();
    await clock.pass(3_000);
    expect(payments.ids()).to.deep.equal([]);
    await clock.pass(6_000);
    expect(calls).to.have.length(1);
    await clock.pass(1_100);
    await eventually(() => calls.length === 2);
    expect(calls[1]?.attempt).to.equal(2);
  });

  it('keeps the entity alive when it is due soon', async () => {
    const { clock, calls, payments } = openRegistry('6s');
    await payments.ask('p', { type: 'pay', cents: 5 });
    calls[0]?.reject(new Error('busy'));
    await settle();
    await clock.pass(9_000);
    expect(payments.ids()).to.deep.equal(['p']);
  });

  it('is begun by nobody who hands the entity over', async () => {
    const { world, fail, actor, host, calls, crash } = await pay();
    await fail();
    const write = world.journal.blockNextWrite();
    const noted = host.ask(actor as never, { type: 'note' } as never);
    await write.reached;
    const shutdown = host.shutdown();
    await world.pass(10_000);
    write.open();
    await Promise.all([noted, shutdown]);
    await settle();
    expect(calls).to.have.length(1);
    const next = await crash();
    await next.world.pass(1);
    expect(next.calls.map(({ attempt }) => attempt)).to.deep.equal([1, 2]);
  });

  function openRegistry(passivateAfter = '1s') {
    const clock = new ManualClock();
    const journal = new MemoryJournalPlugin({ nowMs: () => clock.nowMs() });
    const { host } = testHost({ clock, journal });
    const calls: Call[] = [];
    const retry = { bank: policy };
    const logic = host.persistent(payment(calls), { persistenceId: 'p', passivateAfter, retry });
    return { clock, calls, payments: host.entities('payment', logic, { input: () => undefined }) };
  }
});

describe('snapshots of an entity whose work is tried again', () => {
  /** The process with a snapshot of event `snapshotEvery`, and another one that begins from it. */
  async function twoProcesses(
    snapshotEvery: number,
    before: (process: Awaited<ReturnType<typeof pay>>) => Promise<void>,
  ) {
    const snapshotStore = new TestSnapshotStore();
    const world = new World();
    const options = {
      retention: { snapshotEvery, deleteEvents: true },
      store: async () => snapshotStore,
    };
    const first = await pay(world, [], { bank: policy }, options);
    await before(first);
    await settle();
    const text = await snapshotStore.text('e');
    const second = open(world.crash(), first.calls, { bank: policy }, options);
    await settle();
    expect(second.world.journal.requests.at(-1)?.from).to.equal(snapshotEvery);
    return { ...second, text };
  }

  it('hold the number of the attempt, its backoff and the event that invoked it', async () => {
    const { world, calls, text, fail, failures } = await twoProcesses(2, async ({ fail }) => {
      await fail('in the snapshot');
    });
    expect(text)
      .to.have.nested.property('state.children.call.work')
      .that.deep.equals({
        madeBy: '1',
        attempt: 1,
        backoff: {
          failure: { error: { name: 'RangeError', message: 'in the snapshot' } },
          dueMs: world.nowMs() + 10_000,
        },
      });
    await world.pass(9_999);
    expect(calls).to.have.length(1);
    await world.pass(1);
    await fail();
    await world.pass(15_000);
    await fail('last');
    expect(calls.map(({ attempt }) => attempt)).to.deep.equal([1, 2, 3]);
    expect(new Set(calls.map(({ idempotencyKey }) => idempotencyKey))).to.deep.equal(
      new Set(['e:1:call']),
    );
    expect(failures().map(({ message }) => message)).to.deep.equal(['last']);
  });

  it('hold that an attempt has begun: it counts', async () => {
    const { calls, types } = await twoProcesses(3, async ({ fail, world }) => {
      await fail();
      await world.pass(10_000);
    });
    expect(calls.map(({ attempt }) => attempt)).to.deep.equal([1, 2, 3]);
    expect(types().at(-1)).to.equal('xstate.attempt.begun');
  });

  it('go on with the records after them', async () => {
    const { world, calls } = await twoProcesses(3, async ({ fail, world }) => {
      await fail();
      await world.pass(10_000);
      await fail();
      await world.pass(7_000);
    });
    await world.pass(7_999);
    expect(calls).to.have.length(2);
    await world.pass(1);
    expect(calls.map(({ attempt }) => attempt)).to.deep.equal([1, 2, 3]);
  });
});

describe('attemptOf', () => {
  it('gives the key of work without a policy as well, the same after each recovery', async () => {
    const first = await pay(new World(), [], {});
    const { calls } = await (await first.crash()).crash();
    const known = calls.map(({ idempotencyKey, attempt }) => [idempotencyKey, attempt]);
    expect(known).to.deep.equal(Array(3).fill(['e:1:call', 1]));
  });

  it('knows work of the first state by the number 0, and other logics than promises', async () => {
    const known: unknown[] = [];
    const machine = setup({
      actors: { listen: fromCallback(({ self }) => void known.push(attemptOf(self))) },
    }).createMachine({ invoke: { id: 'ear', src: 'listen' } });
    const world = new World();
    world.start(machine);
    await settle();
    world.crash().start(machine);
    await settle();
    expect(known).to.deep.equal(
      Array(2).fill({ idempotencyKey: 'e:0:ear', attempt: 1, persistenceId: 'e' }),
    );
  });

  it('refuses work that no event of a journal has invoked, and says what to do', async () => {
    const failures: unknown[] = [];
    const work = fromPromise(async ({ self }) => attemptOf(self));
    const inner = setup({ actors: { work } }).createMachine({
      invoke: {
        id: 'w',
        src: 'work',
        onError: { actions: ({ event }) => failures.push(event.error) },
      },
    });
    const outer = setup({ actors: { inner } }).createMachine({
      invoke: { id: 'inner', src: 'inner' },
    });
    new World().start(outer);
    createActor(inner).start();
    await settle();
    expect(failures).to.have.length(2);
    for (const failure of failures) {
      expect(failure).to.be.instanceOf(InvalidInputError);
      expect((failure as Error).message).to.contain('hand the key on as input');
    }
  });

  it('tells the parts of an event apart that its adapter reads as several', async () => {
    const calls: Call[] = [];
    const adapter = {
      toJournal: (event: object) => event,
      fromJournal: (event: unknown) => [event, { type: 'cancel' }, event],
    };
    const { tell } = new World().start(payment(calls), undefined, {
      initEvent: 'never',
      eventAdapter: adapter,
    });
    await tell('pay', { cents: 5 });
    await settle();
    expect(calls.map(({ idempotencyKey }) => idempotencyKey)).to.deep.equal([
      'e:1:call',
      'e:1+2:call',
    ]);
  });
});

describe('the option "retry"', () => {
  const wrong: readonly (readonly [string, object, string])[] = [
    ['an unknown key', { ghost: policy }, 'retry.ghost must name a logic'],
    ['another logic', { ear: policy }, 'which has another logic there'],
    ['no policy', { bank: 3 }, 'retry.bank must be a retry policy, not'],
    ['no attempts', { bank: { ...policy, attempts: 0 } }, 'retry.bank.attempts must be an integer'],
    ['half an attempt', { bank: { ...policy, attempts: 1.5 } }, 'retry.bank.attempts must be an'],
    ['no duration', { bank: { ...policy, minBackoff: 'soon' } }, 'retry.bank.minBackoff must be'],
    ['a wrong order', { bank: { ...policy, minBackoff: '20s' } }, 'minBackoff is above maxBackoff'],
    ['a long backoff', { bank: { ...policy, maxBackoff: '13d' } }, 'maxBackoff is above 12 days'],
    ['too much jitter', { bank: { ...policy, randomFactor: 1.1 } }, 'retry.bank.randomFactor must'],
    ['no time', { bank: { ...policy, timeout: 0 } }, 'retry.bank.timeout must be above 0'],
    ['too much time', { bank: { ...policy, timeout: '25d' } }, 'retry.bank.timeout must be above'],
  ];
  for (const [name, retry, message] of wrong) {
    it(`refuses ${name} when the logic is made`, () => {
      const { actors } = payment([]).implementations;
      const machine = setup({
        actors: { bank: actors.bank as never, ear: fromCallback(() => {}) },
      }).createMachine({ id: 'm' });
      const { host } = testHost();
      expect(() => host.persistent(machine, { persistenceId: 'e', retry } as never))
        .to.throw(InvalidInputError)
        .with.property('message')
        .that.contains(message);
    });
  }

  it('leaves an actor alone whose policy is undefined', async () => {
    const calls: Call[] = [];
    const { tell } = new World().start(payment(calls), undefined, { retry: { bank: undefined } });
    await tell('pay', { cents: 5 });
    await settle();
    expect(calls).to.have.lengthOf(1);
  });

  it('refuses a promise logic with code around it, which would be left out', () => {
    const plain = fromPromise(async () => 1);
    const logged = {
      ...plain,
      start: (...args: Parameters<NonNullable<typeof plain.start>>) => plain.start?.(...args),
    };
    const machine = setup({ actors: { logged } }).createMachine({ id: 'm' });
    const { host } = testHost();
    expect(() =>
      host.persistent(machine, { persistenceId: 'e', retry: { logged: policy } }),
    ).to.throw(InvalidInputError, 'another logic there');
  });

  it('counts for machines of earlier versions that have the actor', async () => {
    const calls: Call[] = [];
    const world = new World();
    const old = { machineVersion: '1', initEvent: 'never', retry: { bank: policy } };
    const first = world.start(payment(calls), undefined, old);
    await first.tell('pay', { cents: 5 });
    const newer = setup({ actors: { shop: fromPromise(async () => {}) } }).createMachine({
      id: 'payment',
    });
    const options = {
      machineVersion: '2',
      earlierMachines: { '1': payment(calls) },
      retry: { shop: policy, bank: policy },
    };
    expect(() => world.crash().start(newer, undefined, options)).to.throw('retry.bank');
    const both = newer.provide({
      actors: { bank: payment(calls).implementations.actors.bank },
    } as never);
    const second = world.crash();
    second.start(both, undefined, options);
    await settle();
    expect(calls.map(({ attempt }) => attempt)).to.deep.equal([1, 2]);
  });

  it('does not count for what child machines invoke', async () => {
    let calls = 0;
    const work = fromPromise(async () => {
      calls++;
      throw new Error('busy');
    });
    const inner = setup({ actors: { work } }).createMachine({
      initial: 'busy',
      states: { busy: { invoke: { src: 'work', onError: 'over' } }, over: {} },
    });
    const machine = setup({ actors: { inner, work } }).createMachine({
      invoke: { id: 'inner', src: 'inner' },
    });
    const world = new World();
    world.start(machine, undefined, { retry: { work: policy } });
    await settle();
    await world.pass(100_000);
    expect(calls).to.equal(1);
  });

  it('draws the backoff from its jitter', async () => {
    const clock = new ManualClock();
    const { host, journal } = testHost({ clock, random: () => 0.5 });
    const calls: Call[] = [];
    const retry = { bank: { ...policy, randomFactor: 1 } };
    const logic = host.persistent(payment(calls), { persistenceId: 'e', retry });
    await host.ask(createActor(logic).start(), { type: 'pay', cents: 5 });
    calls[0]?.reject(new Error('busy'));
    await settle();
    expect(journal.payloads('e').at(-1)).to.deep.include({ attempt: 1, retryInMs: 15_000 });
  });

  it('keeps what was thrown, and leaves out what JSON cannot hold of it', async () => {
    const thrown: readonly (readonly [unknown, object])[] = [
      ['busy', { error: 'busy', thrown: 'value' }],
      [undefined, { thrown: 'value' }],
      [
        Object.assign(new Map(), { status: 503 }),
        {
          error: {
            name: 'Error',
            message: '"[object Map]" was thrown, which JSON cannot hold',
            status: 503,
          },
        },
      ],
      [
        Object.assign(new TypeError('t', { cause: new Error('c') }), { at: new Map(), code: 'X' }),
        {
          error: {
            name: 'TypeError',
            message: 't',
            code: 'X',
            cause: { name: 'Error', message: 'c' },
          },
        },
      ],
    ];
    for (const [error, stored] of thrown) {
      const { world, last, state } = await pay();
      last().reject(error);
      await settle();
      const failed = { type: 'xstate.attempt.failed', actorId: 'call', attempt: 1 };
      expect(world.journal.payloads('e').at(-1)).to.deep.equal({
        ...failed,
        ...stored,
        retryInMs: 10_000,
      });
      expect(state()).to.equal('paying');
    }
  });

  it('moves the number of the entity, as each stored event does', async () => {
    const { fail, host, actor } = await pay();
    await fail();
    const asked = host.ask(actor as never, { type: 'note' } as never, { expectedSequenceNr: 1 });
    const error = await asked.catch((failure: unknown) => failure);
    expect(error).to.include({ code: 'UNEXPECTED_SEQUENCE_NR', actual: 2 });
  });
});
