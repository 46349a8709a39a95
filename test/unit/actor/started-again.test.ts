import { expect } from 'chai';
import { createActor, waitFor } from 'xstate';
import { isReady } from '../../../src/actor/entity/persistence-info.ts';
import { WriteFailedError } from '../../../src/model/errors.ts';
import { counterMachine, eventTypes } from './counter.ts';
import { openCounter } from './open-counter.ts';
import { eventually, failureOf, settle, testHost } from './support.ts';

describe('a persistent actor that was stopped and is started again', () => {
  it('recovers, and takes commands as before', async () => {
    const ran: string[] = [];
    const { host, start } = openCounter({}, ran);
    const actor = start();
    await host.ask(actor, { type: 'added', n: 2 });
    actor.stop();
    expect(actor.getSnapshot().status).to.equal('stopped');
    actor.start();
    const asked = host.ask(actor, { type: 'added', n: 3 });
    await host.whenRecovered(actor);
    expect(actor.getSnapshot()).to.deep.include({ status: 'active', value: 'open' });
    expect((await asked).snapshot.context.count).to.equal(5);
    expect(ran).to.deep.equal(['added at 2', 'added at 5']);
  });

  it('while it recovers after a failure has no failure of its life before', async () => {
    const { host, journal } = testHost();
    const signals: string[] = [];
    const logic = host.persistent(counterMachine(), {
      persistenceId: 'c|1',
      onPersistFailure: { minBackoff: 1, maxBackoff: 1 },
      onSignal: ({ type }) => signals.push(type),
    });
    const actor = createActor(logic, { input: { id: '1' } }).start();
    await host.ask(actor, { type: 'added', n: 2 });
    journal.failNextWrite(new WriteFailedError('no answer'));
    const replay = journal.blockReplay();
    await failureOf(host.ask(actor, { type: 'added', n: 2 }));
    await replay.reached;
    actor.stop();
    actor.start();
    await settle();
    expect(actor.getSnapshot().persistence.phase).to.equal('replaying');
    replay.open();
    await host.whenRecovered(actor);
    const expected = ['recovery-completed', 'persist-failed', 'recovery-completed'];
    expect(signals).to.deep.equal(expected);
  });

  for (const outcome of ['is stored', 'fails'] as const) {
    it(`in the middle of a write recovers after that, which ${outcome}`, async () => {
      const { host, journal, start } = openCounter();
      const actor = start();
      await waitFor(actor, isReady);
      const write =
        outcome === 'is stored'
          ? journal.blockNextWrite()
          : journal.blockAndFailNextWrite(new WriteFailedError('no answer'));
      const asked = failureOf(host.ask(actor, { type: 'added', n: 2 }));
      await write.reached;
      actor.stop();
      actor.start();
      expect(await asked).to.include({ code: 'ENTITY_STOPPED', stored: 'unknown' });
      await settle();
      expect(isReady(actor.getSnapshot())).to.equal(false);
      write.open();
      await eventually(() => isReady(actor.getSnapshot()));
      const before = outcome === 'is stored' ? 2 : 0;
      const { snapshot } = await host.ask(actor, { type: 'added', n: 1 });
      expect(snapshot.context.count).to.equal(before + 1);
      const added = eventTypes(journal.payloads('c|1')).filter((type) => type === 'added');
      expect(added).to.have.length(before === 0 ? 1 : 2);
    });
  }
});
