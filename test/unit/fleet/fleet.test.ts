import { expect } from 'chai';
import { encodeCall } from '../../../src/fleet/calls/call-codec.ts';
import {
  AccessDeniedError,
  ClosedError,
  DeadlineExceededError,
  JournalError,
  NotOwnerError,
  RemoteCallError,
} from '../../../src/model/errors.ts';
import { type Command, fleetSettings, topic } from '../../support/fleet/fleet-process.ts';
import { Told } from '../../support/fleet/told.ts';
import { viewOf } from '../../support/fleet/told-membership.ts';

const add = (name: string): Command => ({ type: 'add', name });
const look: Command = { type: 'look' };

function codeOf(error: unknown): string {
  expect(error).to.be.instanceOf(JournalError);
  const { code, stored } = error as JournalError;
  return `${code}, stored: ${stored}`;
}

describe('entities of a fleet', () => {
  it('take a command in the process that has them, whoever is asked, and answer as there', async () => {
    const told = new Told();
    const { a, b } = await told.pair();
    expect(await told.ask(b, add('x'))).to.equal(1);
    expect(await told.ask(a, look)).to.equal(1);
    expect(await told.ask(b, { type: 'forbid' })).to.include({ code: 'COMMAND_REJECTED' });
    expect(told.world.network.calls).to.deep.equal(Array(2).fill('ask http://b → http://a'));
    expect(a.process.counters.ids()).to.deep.equal(['e']);
    expect(b.process.counters.ids()).to.deep.equal([]);
    expect(() => b.process.counters.ref('e'))
      .to.throw('http://a')
      .with.property('code', 'NOT_OWNER');
    const peeked = b.process.counters.peek('e');
    await told.time.pass(100);
    expect((await peeked).context).to.deep.equal(['x']);
  });

  it('say why their process is no member of the fleet, as long as it is none', async () => {
    const told = new Told();
    const { a } = await told.pair();
    const trouble = new AccessDeniedError('grant READ on the group');
    a.member.trouble = trouble;
    expect(await told.ask(a, add('x')), 'it is still a member').to.equal(1);
    a.member.tell(undefined);
    const late = await told.ask(a, look, { timeout: 500 });
    expect(late).to.include({ code: 'ASK_TIMEOUT', stored: 'no', cause: trouble });
    expect(() => a.process.counters.ref('e'))
      .to.throw(NotOwnerError)
      .with.property('cause', trouble);
  });

  it('keep the terms of a command, or refuse it: a process that knows none does not take it', async () => {
    const told = new Told();
    const { a, b } = await told.pair();
    await told.ask(b, add('x'));
    expect(await told.ask(b, add('y'), { expectedSequenceNr: 0 })).to.include({
      code: 'UNEXPECTED_SEQUENCE_NR',
      expected: 0,
      actual: 1,
    });
    expect(await told.ask(b, add('y'), { expectedSequenceNr: 1 })).to.equal(2);
    const withTerms = 'ask-on-terms http://b → http://a';
    expect(told.world.network.calls.slice(1)).to.deep.equal([withTerms, withTerms]);
    // As a version from before answers.
    const { fleet } = a.process;
    const unknown = await fleet.handle({ name: 'ask-later', body: '{}' }, AbortSignal.any([]));
    expect(unknown.type).to.equal('refused');
    expect(JSON.parse(unknown.body).reason).to.equal('not-hosted');
  });

  it('move with their partition: the new owner begins when the former one has let go', async () => {
    const told = new Told();
    const { a, b, members } = await told.pair();
    await told.ask(a, add('x'));
    // Of the former owner, which has not heard of it yet.
    b.member.tell(viewOf(2, b.member, { members, former: a.member }));
    expect(await told.ask(b, add('y'), { ms: 200 })).to.equal(2);
    expect([...new Set(told.world.network.calls)]).to.deep.equal(['release http://b → http://a']);
    expect(a.process.counters.ids()).to.deep.equal([]);
    // The former owner waits for its own view, and then asks the new one.
    const asked = told.ask(a, look, { ms: 300 });
    expect(await asked).to.equal('nothing yet');
    a.member.tell(viewOf(2, b.member, { members }));
    await told.time.pass(100);
    expect(await told.ask(a, look)).to.equal(2);
    expect(told.log.of('info')).to.include('a partition was handed over');
    expect(told.world.log.voids).to.equal(0);
  });

  it('stay, or move in order, whoever is the first to find the view in which partitions move', async () => {
    const told = new Told();
    const { a, b, members } = await told.pair();
    expect(await told.ask(a, add('x'))).to.equal(1);
    const stays = told.world.log.partitionOf('e');
    const next = viewOf(2, b.member, { members, former: a.member });
    const before = viewOf(1, a.member, { members }).topics.get(topic) ?? [];
    const owners = next.topics
      .get(topic)
      ?.map((share, partition) => (partition === stays ? (before[partition] ?? share) : share));
    a.member.leaveToFind({ ...next, topics: new Map([[topic, owners ?? []]]) });
    await told.time.pass(200);
    expect(a.process.counters.ids()).to.deep.equal(['e']);
    const news = told.log.of('info');
    expect(news.filter((text) => text === 'a partition was handed over')).to.have.length(3);
    expect(news.filter((text) => text.includes('was lost'))).to.deep.equal([]);
  });

  it('stay when the next view still says from whom and when their partition came', async () => {
    const told = new Told();
    const { a, b, members } = await told.pair();
    a.member.tell(viewOf(2, b.member, { members }));
    b.member.tell(viewOf(2, b.member, { members, former: a.member }));
    expect(await told.ask(b, add('x'), { ms: 200 })).to.equal(1);
    const released = told.world.network.calls.length;
    for (const generation of [3, 4]) {
      b.member.tell(viewOf(generation, b.member, { members, former: a.member, since: 2 }));
      await told.time.pass(200);
      expect(b.process.counters.ids()).to.deep.equal(['e']);
    }
    expect(await told.ask(b, add('y'))).to.equal(2);
    expect(told.world.network.calls).to.have.length(released);
    expect(told.world.log.openings.filter((opening) => opening.startsWith('b'))).to.have.length(1);
  });

  it('begin anew when a view was missed in which another process had their partition', async () => {
    for (const former of ['b', undefined] as const) {
      const told = new Told();
      const { a, b, members } = await told.pair();
      expect(await told.ask(a, add('x'))).to.equal(1);
      // b has had it in generation 2, of which a has not heard.
      const left = former === undefined ? [a.member] : members;
      const view = { members: left, former: former && b.member, since: 3 };
      a.member.tell(viewOf(3, a.member, view));
      await told.time.pass(200);
      expect(a.process.counters.ids()).to.deep.equal([]);
      expect(await told.ask(a, look)).to.equal(1);
      const handedOver = told.log.of('info').filter((text) => text.includes('handed over'));
      expect(handedOver).to.have.length(4);
    }
  });

  it('answer what is being written before they move, and send on what waits', async () => {
    const told = new Told();
    const { a, b, members } = await told.pair();
    await told.ask(a, look);
    told.world.log.longestDelayMs = 100; // a write takes 100 ms
    const answers = [add('x'), add('y'), look].map((command) => told.ask(a, command, { ms: 0 }));
    a.member.tell(viewOf(2, b.member, { members }));
    b.member.tell(viewOf(2, b.member, { members, former: a.member }));
    await Promise.all(answers);
    await told.time.pass(1000);
    expect(told.world.log.events('e').map(({ payload }) => payload)).to.deep.equal([
      { type: 'added', name: 'x' },
      { type: 'added', name: 'y' },
    ]);
    expect(told.world.log.openings.filter((opening) => opening.startsWith('b'))).to.have.length(1);
    expect(told.world.log.voids).to.equal(0);
  });

  it('wait no longer than a hand-over for a former owner that cannot be reached', async () => {
    const told = new Told();
    const { a, b, members } = await told.pair();
    a.process.clock.crash();
    b.member.tell(viewOf(2, b.member, { members, former: a.member }));
    const { handOverTimeoutMs } = fleetSettings;
    expect(await told.ask(b, look, { ms: handOverTimeoutMs })).to.equal('nothing yet');
    expect(await told.ask(b, look, { ms: 1000 })).to.equal(0);
  });

  it('wait for the end of the lease of a former owner that stands still, connected or not', async () => {
    for (const hasConnections of [true, false]) {
      const told = new Told();
      const { a, b, members } = await told.pair();
      told.world.network.hasConnections = hasConnections;
      a.process.clock.freeze();
      b.member.tell(viewOf(2, b.member, { members, former: a.member }));
      const { sessionTimeoutMs } = fleetSettings;
      expect(await told.ask(b, look, { ms: sessionTimeoutMs - 100 })).to.equal('nothing yet');
      // The group has expelled it: its lease is over.
      b.member.tell(viewOf(3, b.member, { members: [b.member] }));
      expect(await told.ask(b, look, { ms: 100 })).to.equal(0);
    }
  });

  it('do so also where so many commands wait for it that no more are sent', async () => {
    for (const isFullAtOnce of [true, false]) {
      const told = new Told();
      const { a, b, members } = await told.pair();
      a.process.clock.freeze();
      told.world.network.isFull = isFullAtOnce;
      b.member.tell(viewOf(2, b.member, { members, former: a.member }));
      await told.time.pass(300);
      if (!isFullAtOnce) told.world.network.failure = new RemoteCallError('', { stored: 'no' });
      expect(await told.ask(b, look, { ms: 1600 })).to.equal('nothing yet');
    }
  });

  it('answer no look once the lease may be over, and are gone then', async () => {
    const told = new Told();
    const { a } = await told.pair();
    await told.ask(a, add('x'));
    a.member.isSure = false;
    expect(await told.ask(a, look, { ms: 300 })).to.equal('nothing yet');
    expect(a.process.counters.ids()).to.deep.equal([]);
    a.member.isSure = true;
    expect(await told.ask(a, look)).to.equal(1);
  });

  it('answer no look, and reject nothing, once the lease is over; what was written is answered', async () => {
    const told = new Told();
    const { a } = await told.pair();
    await told.ask(a, add('x'));
    const looked = told.ask(a, look, { ms: 10 });
    const forbidden = told.ask(a, { type: 'forbid' }, { ms: 10 });
    const expecting = told.ask(a, look, { ms: 10, expectedSequenceNr: 7 });
    const wrote = told.ask(a, add('y'), { ms: 10 });
    // All are on their way in the entity.
    a.member.isSure = false;
    expect(await wrote).to.equal(2);
    for (const asked of [looked, forbidden, expecting]) expect(await asked).to.equal('nothing yet');
  });

  it('wait for the owner before the former one, where that one never came to serve', async () => {
    const told = new Told();
    const { a, b, members } = await told.pair();
    const c = await told.open('c');
    const all = [...members, c.member];
    await told.ask(a, add('x'));
    a.process.clock.freeze();
    b.member.tell(viewOf(2, b.member, { members: all, former: a.member }));
    await told.time.pass(50);
    const third = viewOf(3, c.member, { members: all, former: b.member });
    for (const { member } of [b, c]) member.tell(third);
    expect(await told.ask(c, look, { ms: 1500 })).to.equal('nothing yet');
    a.process.clock.goOn();
    a.member.tell(third);
    await told.time.pass(500);
    expect(await told.ask(c, look)).to.equal(1);
    expect(b.process.counters.ids()).to.deep.equal([]);
  });

  it('give up in time when each of two members takes the other one for the owner', async () => {
    const told = new Told();
    const { a, b, members } = await told.pair();
    a.member.tell(viewOf(5, b.member, { members }));
    b.member.tell(viewOf(4, a.member, { members }));
    await told.time.pass(500);
    told.world.network.calls.length = 0;
    for (const asked of [a, b]) {
      const outcome = await told.ask(asked, add('x'), { timeout: 3000, ms: 3500 });
      expect(codeOf(outcome)).to.equal('ASK_TIMEOUT, stored: no');
      expect((outcome as Error).message).to.match(/partition \d of counters is of http:/);
    }
    expect(told.world.network.calls.length).to.be.within(10, 60);
    expect(told.world.log.events('e')).to.deep.equal([]);
  });

  it('follow a later view of another process', async () => {
    const told = new Told();
    const { a, b, members } = await told.pair();
    const c = await told.open('c');
    const all = [...members, c.member];
    c.member.tell(viewOf(2, c.member, { members: all }));
    a.member.tell(viewOf(2, c.member, { members: all }));
    await told.time.pass(500);
    expect(await told.ask(b, add('x'))).to.equal(1);
    expect(told.world.network.calls).to.deep.equal([
      'ask http://b → http://a',
      'ask http://b → http://c',
    ]);
  });

  it('end with a time-out where their own one is over, as in the process that has them', async () => {
    const told = new Told();
    const { a, b } = await told.pair();
    await told.ask(a, look);
    told.world.log.longestDelayMs = 4000;
    const late = await told.ask(b, add('x'), { timeout: 500, ms: 600 });
    expect(codeOf(late)).to.equal('ASK_TIMEOUT, stored: unknown');
    expect(codeOf((late as Error).cause)).to.equal('REMOTE_CALL_FAILED, stored: unknown');
    // An answer that is lost before that is another thing.
    told.world.network.failure = new RemoteCallError('reset', { stored: 'unknown' });
    expect(await told.ask(b, add('z'))).to.equal(told.world.network.failure);
  });

  it('say nothing of a command whose call ends while it is being written', async () => {
    const told = new Told();
    const { a } = await told.pair();
    await told.ask(a, look);
    told.world.log.longestDelayMs = 400;
    const call = { type: 'counter', id: 'e', command: add('x'), generation: 1, hops: 0 };
    const ending = new AbortController();
    const request = { name: 'ask', body: encodeCall(call) };
    const answer = a.process.fleet.handle(request, ending.signal);
    await told.time.pass(20);
    ending.abort(new ClosedError('this process is closing'));
    await told.time.pass(20);
    const { body } = await answer;
    const failure = JSON.parse(body).error;
    expect([failure.code, failure.fields.stored]).to.deep.equal(['REMOTE_CALL_FAILED', 'unknown']);
  });

  it('fail at once where waiting does not help, and wait where it does', async () => {
    const told = new Told();
    const { b } = await told.pair();
    const { network } = told.world;
    network.failure = new RemoteCallError('wrong token', { stored: 'no', retryable: false });
    expect(await told.ask(b, add('x'), { ms: 100 })).to.equal(network.failure);
    expect(network.calls).to.have.length(1);
    network.failure = new RemoteCallError('busy', { stored: 'no' });
    const asked = told.ask(b, add('x'), { ms: 500 });
    await told.time.pass(50);
    network.failure = undefined;
    expect(await asked).to.equal(1);
  });

  it('of a type that the owner does not have: the error says so, and nothing is stored', async () => {
    const told = new Told();
    const { a, b } = await told.pair();
    const { host } = b.process;
    const other = host.behavior({
      types: { commands: {} as Command, events: {} as { type: 'added' } },
      persistenceId: 'e',
      initialState: 0,
      decide: () => ({ type: 'persist', events: [{ type: 'added' }] }),
      evolve: (state) => state + 1,
    });
    const others = host.entities('other', other, { input: () => undefined });
    const asked = others.ask('e', look, { timeout: 500 }).catch((error) => error);
    await told.time.pass(1000);
    const error = await asked;
    expect(codeOf(error)).to.equal('ASK_TIMEOUT, stored: no');
    expect(error.cause.message).to.include(`${a.member.member.address} has refused the call`);
    expect(error.cause.message).to.include('no entities "other"');
    expect(told.log.of('warn')).to.deep.equal(['another instance did not take a command']);
  });

  it('that are created by hand do not take a partition of another process', async () => {
    const told = new Told();
    const { a, b } = await told.pair();
    await told.ask(a, add('x'));
    const openings = told.world.log.openings.length;
    const guarded = b.process.fleet.guard(told.world.log.plugin('b', b.process.clock));
    const failure = await guarded.hold?.('e' as never).catch((error: unknown) => error);
    expect(codeOf(failure)).to.equal('NOT_OWNER, stored: no');
    expect(told.world.log.openings).to.have.length(openings);
  });

  it('that are created by hand are recovered as the journal can do it', async () => {
    const told = new Told();
    const { b } = await told.pair();
    const begun = { recover: async () => expect.fail(), [Symbol.asyncDispose]: async () => {} };
    const plugin = told.world.log.plugin('b', b.process.clock);
    const guarded = b.process.fleet.guard({ ...plugin, beginRecovery: () => begun });
    expect(guarded.beginRecovery?.('e' as never)).to.equal(begun);
    expect(b.process.fleet.guard(plugin)).not.to.have.property('beginRecovery');
  });

  it('whose journal cannot be held as their partition has gone have not failed', async () => {
    const told = new Told();
    const { a } = await told.pair();
    told.world.log.refusal = new NotOwnerError('the partition is not served here');
    const asked = told.ask(a, look);
    await told.time.pass(100);
    told.world.log.refusal = undefined;
    expect(await asked).to.equal(0);
    expect(told.log.of('debug')).to.include('entity failed');
    expect(told.log.of('error')).to.deep.equal([]);
  });

  it('are sent commands without an answer; one that does not arrive leaves a warning', async () => {
    const told = new Told();
    const { a, b } = await told.pair();
    b.process.counters.send('e', add('x'));
    await told.time.pass(500);
    expect(await told.ask(a, look)).to.equal(1);
    told.world.network.rates.request = 1;
    b.process.counters.send('e', add('y'));
    await told.time.pass(40_000);
    expect(told.log.of('warn')).to.include('a command was not delivered');
  });

  it('are asked until the process has ended, and then no more', async () => {
    const told = new Told();
    const { a, b, members } = await told.pair();
    const stopping = a.process.stop();
    await told.time.pass(10);
    expect(a.member.hosted).to.deep.equal([]);
    expect(await told.ask(a, add('x'), { ms: 50 })).to.equal(1); // nobody has taken it yet
    for (const { member } of [a, b])
      member.tell(viewOf(2, b.member, { members, former: a.member }));
    expect(await told.ask(b, add('y'), { ms: 500 })).to.equal(2);
    await stopping;
    expect(codeOf(await told.ask(a, look))).to.equal('CLOSED, stored: no');
    await a.process.stop();
  });

  it('are asked again when the process stops before another one has them', async () => {
    const told = new Told();
    const { a, b } = await told.pair();
    await told.ask(b, add('x'));
    const leaving = a.process.fleet.leave();
    await told.time.pass(2_100); // the others do not share out anew meanwhile
    await leaving;
    await a.process.host.shutdown();
    const asked = told.ask(b, add('y'), { ms: 100 });
    expect(await asked).to.equal('nothing yet');
    for (const { member } of [a, b]) member.tell(viewOf(2, b.member, { members: [b.member] }));
    await told.time.pass(500);
    expect(await told.ask(b, look)).to.equal(2);
  });

  describe('of an owner that is silent', () => {
    /** b asks a, which never answers; then b sees a leave. */
    async function silent(lost: 'request' | 'answer') {
      const told = new Told();
      const { a, b, members } = await told.pair();
      await told.ask(a, look);
      told.world.network.rates[lost] = 1;
      const heard: unknown[] = [];
      b.process.counters.ask('e', add('x'), { timeout: 30_000 }).then(
        ({ reply }) => heard.push(reply),
        (error: unknown) => heard.push(error),
      );
      await told.time.pass(1_000);
      told.world.network.rates[lost] = 0;
      b.member.tell(viewOf(2, b.member, { members: [b.member] }));
      // The last answers of one that leaves in order may be on their way.
      await told.time.pass(1_900);
      expect(heard).to.deep.equal([]);
      return { told, a, b, members, heard };
    }

    it('fail when it has left, or was expelled: they may be stored', async () => {
      const { told, heard } = await silent('answer');
      await told.time.pass(200);
      expect(heard.map(codeOf)).to.deep.equal(['REMOTE_CALL_FAILED, stored: unknown']);
    });

    it('go to the next owner then, where they have certainly not arrived', async () => {
      const { told, heard } = await silent('request');
      await told.time.pass(500);
      expect(heard).to.deep.equal([1]);
    });

    it('go on waiting where it comes back at once', async () => {
      const { told, b, members, heard } = await silent('answer');
      b.member.tell(viewOf(3, b.member, { members }));
      await told.time.pass(20_000);
      expect(heard).to.deep.equal([]);
      await told.time.pass(8_000);
      expect(heard.map(codeOf)).to.deep.equal(['ASK_TIMEOUT, stored: unknown']);
    });
  });

  it('of a type that comes while the process leaves are hosted by others', async () => {
    const told = new Told();
    const [a, b] = [await told.open('a', false), await told.open('b', false)];
    const { fleet } = a.process;
    const local = { placeBy: () => {} };
    fleet.entities({ ...local, type: 'early' } as never, { topics: ['early'] });
    expect(a.member.hosted).to.deep.equal([topic, 'early']);
    for (const { member } of [a, b])
      member.tell(viewOf(1, a.member, { members: [a.member, b.member] }));
    const leaving = fleet.leave();
    await told.time.pass(10);
    fleet.entities({ ...local, type: 'late' } as never, { topics: ['late'] });
    expect(a.member.hosted).to.deep.equal([]);
    await told.time.pass(2_100);
    await leaving;
  });

  it('that are being written when their call is given up are not said to be not stored', async () => {
    const told = new Told();
    const { a } = await told.pair();
    await told.ask(a, look);
    told.world.log.longestDelayMs = 100;
    const givenUp = new AbortController();
    const call = { type: 'counter', id: 'e', command: add('x'), generation: 1, hops: 0 };
    const body = encodeCall(call);
    const answer = a.process.fleet.handle({ name: 'ask', body }, givenUp.signal);
    await told.time.pass(1);
    givenUp.abort(new DeadlineExceededError('the call took longer than its 1 ms'));
    expect((await answer).body).to.include('"stored":"unknown"');
    await told.time.pass(200);
    expect(told.world.log.events('e')).to.have.length(1);
  });

  it('need their topics where the persistence id names them', async () => {
    const told = new Told();
    const { a } = await told.pair();
    const { counters } = a.process;
    expect(counters.ids()).to.deep.equal([]);
    expect(a.member.hosted).to.deep.equal([topic]);
  });
});
