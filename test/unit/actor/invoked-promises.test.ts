import { expect } from 'chai';
import { toPromise, waitFor } from 'xstate';
import { isReady } from '../../../src/actor/entity/persistence-info.ts';
import { WriteFailedError, WriteRejectedError } from '../../../src/model/errors.ts';
import { openPayment } from './payment.ts';
import { eventually, failureOf, settle } from './support.ts';

describe('invoked promises of a persistent actor', () => {
  it('start once their event is stored, and their result is stored once', async () => {
    const { host, journal, calls, start } = openPayment();
    const actor = start();
    await waitFor(actor, isReady);
    const write = journal.blockNextWrite();
    const asked = host.ask(actor, { type: 'pay', cents: 5 });
    await write.reached;
    expect(calls).to.have.length(0);
    write.open();
    await asked;
    expect(calls.map(({ input }) => input)).to.deep.equal([{ cents: 5 }]);
    calls[0]?.resolve('r-1');
    expect(await toPromise(actor)).to.equal('r-1');
    expect(journal.payloads('payment')).to.deep.equal([
      { type: 'pay', cents: 5 },
      { type: 'xstate.done.actor.bank', output: 'r-1', actorId: 'bank' },
    ]);
  });

  it('that ended while a write failed are run again, and their first result is dropped', async () => {
    const { host, journal, calls, start } = openPayment();
    const actor = start();
    await host.ask(actor, { type: 'pay', cents: 5 });
    const write = journal.blockAndFailNextWrite(new WriteFailedError('no answer'));
    const noted = failureOf(host.ask(actor, { type: 'note' }));
    await write.reached;
    calls[0]?.resolve('lost');
    await settle();
    write.open();
    await noted;
    await eventually(() => calls.length === 2);
    await settle();
    expect(actor.getSnapshot().value).to.equal('paying');
    calls[1]?.resolve('kept');
    expect(await toPromise(actor)).to.equal('kept');
  });

  it('start once more, and only once, when the entity starts over after a failed write', async () => {
    const { host, journal, calls, start } = openPayment();
    const actor = start();
    await host.ask(actor, { type: 'pay', cents: 5 });
    journal.failNextWrite(new WriteFailedError('no answer'));
    await failureOf(host.ask(actor, { type: 'note' }));
    await eventually(() => isReady(actor.getSnapshot()));
    expect(calls).to.have.length(2);
    calls[0]?.resolve('late'); // its actor was stopped
    await settle();
    expect(actor.getSnapshot().value).to.equal('paying');
    calls[1]?.resolve('r-2');
    expect(await toPromise(actor)).to.equal('r-2');
  });

  it('fail with the same fields live and in replay (RemoteError)', async () => {
    const { host, journal, calls, start } = openPayment();
    const actor = start();
    await host.ask(actor, { type: 'pay', cents: 5 });
    const cause = new TypeError('inner');
    calls[0]?.reject(Object.assign(new RangeError('no money', { cause }), { code: 'EMPTY' }));
    await eventually(() => actor.getSnapshot().value === 'idle');
    const live = actor.getSnapshot().context.failure as Error;
    expect(live).to.include({ name: 'RangeError', message: 'no money', code: 'EMPTY' });
    const after = openPayment(journal);
    const revived = after.start();
    await after.host.whenRecovered(revived);
    const replayed = revived.getSnapshot().context.failure as Error;
    expect(replayed).to.include({ name: 'RangeError', message: 'no money', code: 'EMPTY' });
    expect(replayed.cause).to.include({ name: 'TypeError', message: 'inner' });
    expect(replayed).to.be.instanceOf(Error);
  });

  it('fail also with what JSON cannot hold, such as a response: an error says what it was', async () => {
    const { host, journal, calls, start } = openPayment();
    const actor = start();
    await host.ask(actor, { type: 'pay', cents: 5 });
    calls[0]?.reject(Object.assign(new URL('http://bank/'), { status: 503 }));
    await eventually(() => actor.getSnapshot().value === 'idle');
    const live = actor.getSnapshot().context.failure as Error;
    expect(live).to.be.instanceOf(Error).and.to.include({ status: 503 });
    expect(live.message).to.equal('"http://bank/" was thrown, which JSON cannot hold');
    const after = openPayment(journal);
    const revived = after.start();
    await after.host.whenRecovered(revived);
    expect(after.calls).to.have.length(0);
    expect(revived.getSnapshot().context.failure).to.include({
      message: live.message,
      status: 503,
    });
  });

  it('end the entity when their result cannot be stored, with a hint', async () => {
    const { host, journal, calls, start } = openPayment();
    const actor = start();
    await host.ask(actor, { type: 'pay', cents: 5 });
    journal.failNextWrite(new WriteRejectedError('a Map', { path: '$.output' }));
    calls[0]?.resolve(new Map());
    await eventually(() => actor.getSnapshot().status === 'error');
    expect((actor.getSnapshot().error as Error).message).to.contain('xstate.done.actor.bank');
  });
});
