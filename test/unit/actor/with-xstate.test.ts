import { expect } from 'chai';
import type { AnyActorRef, InspectionEvent } from 'xstate';
import {
  assign,
  createActor,
  sendParent,
  sendTo,
  setup,
  spawnChild,
  toPromise,
  waitFor,
} from 'xstate';
import { isReady } from '../../../src/actor/entity/persistence-info.ts';
import { WriteFailedError } from '../../../src/model/errors.ts';
import { counterMachine, eventTypes } from './counter.ts';
import { openCounter } from './open-counter.ts';
import { openPayment, paymentMachine } from './payment.ts';
import { eventually, failureOf, settle, testHost } from './support.ts';

describe('a persistent actor works with', () => {
  it('createActor: its snapshot is that of the machine, with what is known of its journal', async () => {
    const { host, start } = openCounter();
    const actor = start();
    expect(actor.getSnapshot()).to.deep.include({ value: 'open', context: { id: '1', count: 0 } });
    expect(isReady(actor.getSnapshot())).to.equal(false);
    actor.send({ type: 'added', n: 1 });
    await waitFor(actor, ({ context }) => context.count === 1);
    const snapshot = actor.getSnapshot();
    expect(snapshot.matches('open')).to.equal(true);
    expect(snapshot.can({ type: 'closed' })).to.equal(true);
    expect(snapshot.can({ type: 'opened' })).to.equal(false);
    expect(snapshot.persistence).to.include({ phase: 'ready', persistenceId: 'c|1' });
    expect(JSON.parse(JSON.stringify(snapshot)).persistence.sequenceNr).to.equal(2);
    await host.stop(actor);
  });

  for (const how of ['invoke', 'spawn', 'spawnChild'] as const) {
    it(`${how} of a plain machine, which keeps a reference to its journal only`, async () => {
      const { host, journal } = testHost();
      const actor = createActor(familyOf(host, how)).start();
      actor.send({ type: 'forward', n: 3 });
      await eventually(() => countOf(actor) === 3);
      expect(eventTypes(journal.payloads('c|kid'))).to.deep.equal(['xstate.init', 'added']);
      const persisted = JSON.parse(JSON.stringify(actor.getPersistedSnapshot()));
      expect(persisted.children.kid.snapshot).to.deep.equal({
        status: 'active',
        persistenceId: 'c|kid',
        input: { id: 'kid' },
        sequenceNr: 2,
      });
      await host.shutdown();
      const next = testHost({ journal });
      const restored = createActor(familyOf(next.host, how), { snapshot: persisted }).start();
      await eventually(() => countOf(restored) === 3);
      expect(journal.stored('c|kid')).to.have.length(2);
    });
  }

  it('onSnapshot of a persistent parent: it hears whether its persistent child is ready', async () => {
    const { host, journal } = testHost();
    const counts = async (of: Host) => {
      const actor = createActor(listenerOf(of)).start();
      const noted = () => actor.getSnapshot().context.counts;
      await of.whenRecovered(actor);
      const before = noted().at(-1) ?? 0;
      actor.send({ type: 'forward', n: 3 });
      await eventually(() => noted().at(-1) === before + 3);
      return noted().filter((count, i, all) => count !== all[i - 1]);
    };
    expect(await counts(host)).to.deep.equal([0, 3]);
    await host.shutdown();
    // The child shows its first state until it has recovered: that is no count.
    expect(await counts(testHost({ journal }).host)).to.deep.equal([0, 3, 6]);
  });

  it('a plain machine that starts its child again on a message of that', async () => {
    const { host, journal } = testHost();
    const kid = host.persistent(
      setup({ types: { events: {} as { type: 'cry' } } }).createMachine({
        id: 'kid',
        on: { cry: { actions: sendParent({ type: 'again' }) } },
      }),
      { persistenceId: 'kid' },
    );
    const machine = setup({ actors: { kid } }).createMachine({
      id: 'parent',
      initial: 'minding',
      states: {
        minding: {
          invoke: { src: 'kid', id: 'kid' },
          on: { again: { target: 'minding', reenter: true } },
        },
      },
    });
    const actor = createActor(machine).start();
    for (const sequenceNr of [1, 2, 3]) {
      const child = actor.getSnapshot().children.kid ?? expect.fail('it has a child');
      expect((await host.ask(child as never, { type: 'cry' })).sequenceNr).to.equal(sequenceNr);
      expect(actor.getSnapshot().children.kid).not.to.equal(child);
    }
    expect(actor.getSnapshot().status).to.equal('active');
    expect(journal.stored('kid')).to.have.length(3);
  });

  it('waitFor: for its recovery, and for a state', async () => {
    const { start } = openCounter();
    const actor = start();
    expect((await waitFor(actor, isReady)).value).to.equal('open');
    actor.send({ type: 'closed' });
    const shut = await waitFor(actor, (snapshot) => snapshot.matches('shut'));
    expect(shut.persistence.sequenceNr).to.equal(2);
  });

  it('toPromise: it resolves with the output once the last event is stored', async () => {
    const { host, calls, journal, start } = openPayment();
    const actor = start();
    const output = toPromise(actor);
    await host.ask(actor, { type: 'pay', cents: 5 });
    const write = journal.blockNextWrite();
    calls[0]?.resolve('r-1');
    await write.reached;
    const first = await Promise.race([output, settle().then(() => 'still waits')]);
    expect(first).to.equal('still waits');
    write.open();
    expect(await output).to.equal('r-1');
  });

  it('subscribe and select: they see each stored event once, and no dry run', async () => {
    const { host, start } = openCounter();
    const actor = start();
    const selected: number[] = [];
    const counts: number[] = [];
    actor.subscribe(({ context }) => counts.push(context.count));
    actor.select(({ context }) => context.count).subscribe((count) => selected.push(count));
    await Promise.all([1, 1, 1].map((n) => host.ask(actor, { type: 'added', n })));
    expect(selected).to.deep.equal([1, 2, 3]);
    expect(counts.at(-1)).to.equal(3);
  });

  it('the inspector: steps, actions and children of an event come after its write, once', async () => {
    const { host, journal } = testHost();
    const logic = host.persistent(paymentMachine([]), { persistenceId: 'payment' });
    const seen: string[] = [];
    const actor = createActor(logic, { inspect: (event) => seen.push(lineOf(event)) }).start();
    await waitFor(actor, isReady);
    seen.length = 0;
    const write = journal.blockNextWrite();
    const asked = host.ask(actor, { type: 'pay', cents: 5 });
    await write.reached;
    const beforeWrite = seen.splice(0);
    expect(beforeWrite).to.deep.equal(['event pay', 'snapshot pay']);
    write.open();
    await asked;
    const plainly: string[] = [];
    const plain = createActor(paymentMachine([]), {
      inspect: (event) => plainly.push(lineOf(event)),
    }).start();
    plainly.length = 0;
    plain.send({ type: 'pay', cents: 5 });
    const [, ...inside] = plainly.slice(0, -1);
    expect(inside).to.include.members(['actor bank', 'action xstate.spawnChild', 'microstep pay']);
    expect(seen).to.deep.equal([
      'event persistence.written',
      ...inside,
      'snapshot persistence.written',
    ]);
  });

  it('the inspector: of a write that fails it sees no step, no action and no child', async () => {
    const { host, journal } = testHost();
    const logic = host.persistent(paymentMachine([]), { persistenceId: 'payment' });
    const seen: string[] = [];
    const actor = createActor(logic, { inspect: (event) => seen.push(lineOf(event)) });
    actor.subscribe({ error: () => {} });
    actor.start();
    await waitFor(actor, isReady);
    seen.length = 0;
    journal.failNextWrite(new WriteFailedError('no answer'));
    await failureOf(host.ask(actor, { type: 'pay', cents: 5 }));
    expect(seen.filter((line) => !/^(event|snapshot) /.test(line))).to.deep.equal([]);
  });

  it('the inspector: of a replay it sees nothing but its end', async () => {
    const { journal } = testHost();
    journal.seed('payment', [{ type: 'pay', cents: 5 }]);
    const { host } = testHost({ journal });
    const logic = host.persistent(paymentMachine([]), { persistenceId: 'payment' });
    const seen: string[] = [];
    const actor = createActor(logic, { inspect: (event) => seen.push(lineOf(event)) }).start();
    await waitFor(actor, isReady);
    const own = seen.slice(seen.indexOf('event persistence.permit-granted'));
    expect(own).to.deep.equal([
      'event persistence.permit-granted',
      'snapshot persistence.permit-granted',
      'event persistence.recovered',
      'actor bank',
      'event xstate.init',
      'snapshot xstate.init',
      'snapshot persistence.recovered',
    ]);
  });
});

type Host = ReturnType<typeof testHost>['host'];

/** A plain machine with a persistent child. */
function familyOf(host: Host, how: 'invoke' | 'spawn' | 'spawnChild') {
  const counter = host.persistent(counterMachine(), {
    persistenceId: ({ input }) => `c|${input.id}`,
  });
  const child = { id: 'kid', input: { id: 'kid' } };
  return setup({
    types: {
      context: {} as { kid: AnyActorRef | undefined },
      events: {} as { type: 'forward'; n: number },
    },
    actors: { counter },
    actions: {
      spawn: assign({ kid: ({ spawn }) => spawn('counter', child) }),
      spawnChild: spawnChild('counter', child),
    },
  }).createMachine({
    id: 'parent',
    context: { kid: undefined },
    ...(how === 'invoke' ? { invoke: { ...child, src: 'counter' } } : { entry: how }),
    on: { forward: { actions: sendTo('kid', ({ event: { n } }) => ({ type: 'added', n })) } },
  });
}

/** A persistent machine that notes the counts of its persistent child. */
function listenerOf(host: Host) {
  const counter = host.persistent(counterMachine(), { persistenceId: 'c' });
  const machine = setup({
    types: {
      context: {} as { counts: readonly number[] },
      events: {} as { type: 'forward'; n: number },
    },
    actors: { counter },
  }).createMachine({
    id: 'listener',
    context: { counts: [] },
    invoke: {
      id: 'kid',
      src: 'counter',
      input: { id: 'kid' },
      onSnapshot: {
        guard: ({ event: { snapshot } }) => isReady(snapshot) && snapshot.matches('open'),
        actions: assign({
          counts: ({ context, event }) => [...context.counts, event.snapshot.context.count],
        }),
      },
    },
    on: { forward: { actions: sendTo('kid', ({ event: { n } }) => ({ type: 'added', n })) } },
  });
  return host.persistent(machine, { persistenceId: 'listener' });
}

function countOf(parent: AnyActorRef): unknown {
  return parent.getSnapshot().children['kid']?.getSnapshot().context.count;
}

function lineOf(event: InspectionEvent): string {
  const kind = event.type.slice('@xstate.'.length);
  if (event.type === '@xstate.actor') return `${kind} ${(event.actorRef as AnyActorRef).id}`;
  if (event.type === '@xstate.action') return `${kind} ${event.action.type}`;
  return 'event' in event ? `${kind} ${event.event.type}` : kind;
}
