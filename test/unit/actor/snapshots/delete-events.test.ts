import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { WriteFailedError } from '../../../../src/model/errors.ts';
import { silentLogger } from '../../../../src/observability/logger.ts';
import { hostSnapshotStore } from '../../../../src/plugin/host/hosted-snapshot-store.ts';
import type { PersistenceId } from '../../../../src/ports/journal-plugin.ts';
import { systemClock } from '../../../../src/runtime/clock.ts';
import { counterMachine } from '../counter.ts';
import { HoldableJournal } from '../holdable-journal.ts';
import { eventually, failureOf, settle, testHost } from '../support.ts';
import { addOnes, open, TestSnapshotStore } from './support.ts';

const hostDeps = {
  settings: {
    breaker: { maxFailures: 9, callTimeoutMs: 1000, resetTimeoutMs: 1000 },
    isOptional: false,
    onlyOne: false,
  },
  configPath: 'my.snapshots',
  closeTimeoutMs: 50,
  log: silentLogger,
  clock: systemClock,
};

/** Number 1 is the init record. */
describe('deleting events of an entity with a snapshot store', () => {
  it('takes a snapshot first, and leaves its last event', async () => {
    const world = open();
    await addOnes(world, 4);
    await world.host.deleteEvents(world.actor, 5);
    expect(await world.store.numbers('c|1')).to.deep.equal([5]);
    expect(world.journal.deletions).to.deep.equal([['c|1', 4]]);
    const next = open({ journal: world.journal, store: world.store });
    await next.host.whenRecovered(next.actor);
    expect(next.actor.getSnapshot()).to.have.nested.property('context.count', 4);
  });

  it('takes none when one of this process stands for them', async () => {
    const world = open({ entity: { retention: { snapshotEvery: 4, keepSnapshots: 9 } } });
    await addOnes(world, 4);
    await world.host.deleteEvents(world.actor, 3);
    expect(await world.store.numbers('c|1')).to.deep.equal([4]);
    expect(world.journal.deletions).to.deep.equal([['c|1', 3]]);
  });

  it('saves no number twice: should the second save fail, the first snapshot would go with it', async () => {
    const world = open();
    await addOnes(world, 4);
    await world.host.deleteEvents(world.actor, 5);
    await world.host.deleteEvents(world.actor, 5);
    const next = open({ journal: world.journal, store: world.store });
    await next.host.whenRecovered(next.actor);
    await next.host.deleteEvents(next.actor, 5);
    expect(world.store.calls.filter((call) => call !== 'load')).to.deep.equal(['save 5']);
    expect(next.journal.deletions).to.deep.equal([5, 5, 5].map(() => ['c|1', 4]));
  });

  it('saves no number twice for two calls at once either', async () => {
    const world = open();
    await addOnes(world, 4);
    await Promise.all([3, 4].map((to) => world.host.deleteEvents(world.actor, to)));
    expect(world.store.calls).to.deep.equal(['load', 'save 5']);
    expect(world.journal.deletions).to.deep.equal([
      ['c|1', 3],
      ['c|1', 4],
    ]);
  });

  it('does not rely on a snapshot that goes with the failed save of a former life', async () => {
    const store = new TestSnapshotStore();
    const hosted = hostSnapshotStore(store, hostDeps);
    const journal = new HoldableJournal();
    const world = open({
      journal,
      snapshotStore: async () => hosted,
      entity: { retention: { snapshotEvery: 4 } },
    });
    await addOnes(world, 2);
    const saved = store.answerNextSave();
    await world.add(1);
    await saved.reached;
    journal.lose('c|1');
    await world.add(1); // it comes from that snapshot
    const deleted = world.host.deleteEvents(world.actor, 3);
    saved.fail(new Error('no answer in time'));
    await deleted;
    expect(await store.numbers('c|1')).to.deep.equal([5]);
    const next = open({ journal, store });
    await next.recovered();
    expect(next.actor.getSnapshot()).to.have.nested.property('context.count', 4);
  });

  it('waits for the snapshot that is being saved, and takes no other one of its number', async () => {
    const world = open({ entity: { retention: { snapshotEvery: 5 } } });
    await world.recovered();
    const release = world.store.block();
    await addOnes(world, 4);
    const deleted = world.host.deleteEvents(world.actor, 3);
    await settle();
    expect(world.journal.deletions).to.deep.equal([]);
    release();
    await deleted;
    expect(world.store.calls).to.deep.equal(['load', 'save 5']);
    expect(world.journal.deletions).to.deep.equal([['c|1', 3]]);
  });

  it('takes no other one of a number that it has saved, also when the one it came from is deleted', async () => {
    const entity = { retention: { snapshotEvery: 4, keepSnapshots: 1 } };
    const first = open({ entity });
    const { journal, store } = first;
    await addOnes(first, 3);
    await first.host.shutdown();
    const next = open({ journal, store, entity });
    await addOnes(next, 4);
    await eventually(() => store.calls.includes('delete <= 4'));
    await next.host.deleteEvents(next.actor, 6);
    expect(store.calls.filter((call) => call.startsWith('save'))).to.deep.equal([
      'save 4',
      'save 8',
    ]);
    expect(journal.deletions).to.deep.equal([['c|1', 6]]);
  });

  it('deletes nothing where no snapshot can be taken, since the recovery was limited', async () => {
    const { journal, store, ...world } = open();
    for (let i = 0; i < 4; i++) await world.add(1);
    await world.host.shutdown();
    const next = open({ journal, store, entity: { recovery: { toSeqNr: 2 } } });
    const error = await failureOf(next.host.deleteEvents(next.actor, 2));
    expect(error.message).to.match(/events of c\|1 were not deleted: .* its recovery was limited/);
    expect(journal.deletions).to.deep.equal([]);
  });

  it('deletes nothing, and says of which entity, where its adapter makes none', async () => {
    const snapshotAdapter = {
      toStore: () => {
        throw new Error('no such member');
      },
      fromStore: (stored: unknown) => stored,
    };
    const world = open({ entity: { snapshotAdapter } });
    await world.add(1);
    const error = await failureOf(world.host.deleteEvents(world.actor, 1));
    expect(error).to.include({ code: 'INVALID_INPUT' });
    expect(error.message).to.match(/events of c\|1 were not deleted: .*, since no such member/);
    expect(world.journal.deletions).to.deep.equal([]);
  });

  it('takes a newer snapshot than the last event that is to go', async () => {
    const world = open({ entity: { retention: { snapshotEvery: 4 } } });
    await addOnes(world, 4);
    await world.host.deleteEvents(world.actor, 4);
    expect(await world.store.numbers('c|1')).to.deep.equal([4, 5]);
    expect(world.journal.deletions).to.deep.equal([['c|1', 4]]);
  });

  it('deletes nothing when the snapshot cannot be saved', async () => {
    const world = open();
    await addOnes(world, 2);
    world.store.failNext('save');
    expect(await failureOf(world.host.deleteEvents(world.actor, 2))).to.have.property(
      'message',
      'broken',
    );
    expect(world.journal.deletions).to.deep.equal([]);
  });

  it('deletes nothing when the entity was lost while its snapshot was saved', async () => {
    const journal = new HoldableJournal();
    const world = open({ journal });
    await addOnes(world, 2);
    const release = world.store.block();
    const failure = failureOf(world.host.deleteEvents(world.actor, 2));
    await settle();
    journal.lose('c|1');
    release();
    await world.add(1); // it recovers, maybe to another life of its journal
    expect((await failure).code).to.equal('NOT_OWNER');
    expect(journal.deletions).to.deep.equal([]);
  });

  it('recovers one that was lost, and rests, as a command does', async () => {
    const journal = new HoldableJournal();
    const world = open({ journal });
    await addOnes(world, 2);
    journal.lose('c|1');
    await settle();
    expect(world.actor.getSnapshot().persistence.phase).to.equal('unowned');
    await world.host.deleteEvents(world.actor, 2);
    expect(await world.store.numbers('c|1')).to.deep.equal([3]);
    expect(journal.deletions).to.deep.equal([['c|1', 2]]);
  });

  it('begins nothing of one that another process has purged meanwhile', async () => {
    const journal = new HoldableJournal();
    const world = open({ journal });
    await addOnes(world, 2);
    journal.lose('c|1');
    await settle();
    await journal.purge('c|1' as PersistenceId);
    const error = await failureOf(world.host.deleteEvents(world.actor, 2));
    expect(error.code).to.equal('NOT_OWNER');
    expect(error.message).to.contain('purged');
    expect(journal.stored('c|1')).to.deep.equal([]);
  });

  it('waits for an entity that starts over after a failure', async () => {
    const world = open({ entity: { onPersistFailure: { minBackoff: 1, maxBackoff: 1 } } });
    await addOnes(world, 2);
    world.journal.failNextWrite(new WriteFailedError('lost'));
    expect((await failureOf(world.add(1))).code).to.equal('WRITE_FAILED');
    expect(world.actor.getSnapshot().persistence.phase).to.equal('backoff');
    await world.host.deleteEvents(world.actor, 2);
    expect(world.journal.deletions).to.deep.equal([['c|1', 2]]);
  });

  it('starts an entity of a registry again that is being stopped', async () => {
    const store = new TestSnapshotStore();
    const { host, journal } = testHost({ snapshotStore: async () => store });
    const counters = host.entities('counter', host.persistent(counterMachine(), {}));
    for (let i = 0; i < 2; i++) await counters.ask('1', { type: 'added', n: 1 });
    const stopped = counters.stop('1');
    await counters.deleteEvents('1', 2);
    await stopped;
    expect(journal.deletions).to.deep.equal([['counter|1', 2]]);
    const write = journal.blockNextWrite();
    const written = counters.ask('1', { type: 'added', n: 1 });
    await write.reached;
    const later = counters.stop('1');
    const error = await failureOf(counters.deleteEvents('1', 3, { timeout: 1 }));
    expect(error).to.include({ code: 'DEADLINE_EXCEEDED', stored: 'no' });
    write.open();
    await Promise.all([written, later]);
    expect(journal.deletions).to.have.length(1);
  });

  it('says that the entity was stopped meanwhile, and does not advise to purge it', async () => {
    const world = open();
    await addOnes(world, 2);
    const release = world.store.block();
    const first = failureOf(world.host.deleteEvents(world.actor, 2));
    const second = failureOf(world.host.deleteEvents(world.actor, 2));
    await settle();
    await world.host.stop(world.actor);
    release();
    for (const error of [await first, await second]) {
      expect(error).to.include({ code: 'ENTITY_STOPPED', stored: 'no' });
    }
    expect(world.journal.deletions).to.deep.equal([]);
  });

  it('keeps its entity from being passivated', async () => {
    const store = new TestSnapshotStore();
    const { host, journal } = testHost({ snapshotStore: async () => store });
    const logic = host.persistent(counterMachine(), { passivateAfter: 1 });
    const counters = host.entities('counter', logic);
    await counters.ask('1', { type: 'added', n: 1 });
    await counters.ask('1', { type: 'added', n: 1 });
    const release = store.block();
    const deleted = counters.deleteEvents('1', 2);
    await sleep(10);
    expect(counters.ids()).to.deep.equal(['1']);
    release();
    await deleted;
    expect(journal.deletions).to.deep.equal([['counter|1', 2]]);
    await eventually(() => counters.ids().length === 0);
  });

  it('is refused where no live actor can take one', async () => {
    const world = open();
    await addOnes(world, 2);
    await world.host.stop(world.actor);
    expect(await failureOf(world.host.deleteEvents(world.actor, 2))).to.have.property(
      'code',
      'INVALID_INPUT',
    );
    expect(world.journal.deletions).to.deep.equal([]);
  });
});

describe('a state of the past of an entity with a snapshot store', () => {
  it('is not made of the events that are left when the first ones are deleted', async () => {
    const world = open();
    const counters = world.host.entities(
      'counter',
      world.host.persistent(counterMachine(), { persistenceId: 'c|1' }),
    );
    await addOnes(world, 4);
    expect((await counters.stateAt('1', { sequenceNr: 4 })).context.count).to.equal(3);
    await world.host.deleteEvents(world.actor, 2);
    for (const moment of [{ sequenceNr: 4 }, { time: Number.POSITIVE_INFINITY }]) {
      const error = await failureOf(counters.stateAt('1', moment));
      expect(error.code).to.equal('RECOVERY_FAILED');
      expect(error.message).to.contain('events 1 to 2 of c|1 are deleted');
    }
  });
});

describe('purging an entity with a snapshot store', () => {
  it('leaves no snapshot, also not one that was being saved', async () => {
    const journal = new HoldableJournal();
    const world = open({ journal, entity: { snapshotWhen: () => true } });
    await addOnes(world, 1);
    const release = world.store.block();
    await world.add(1);
    const purged = world.host.purge(world.actor);
    await settle();
    expect(journal.stored('c|1')).to.have.length(3);
    release();
    await purged;
    expect(journal.stored('c|1')).to.deep.equal([]);
    expect(await world.store.numbers('c|1')).to.deep.equal([]);
  });

  for (const by of ['retention', 'its user']) {
    it(`waits for a deletion by ${by}, which would take what the next life stores`, async () => {
      const journal = new HoldableJournal();
      const retention = { snapshotEvery: 2, keepSnapshots: 1, deleteEvents: true };
      const world = open({ journal, entity: by === 'retention' ? { retention } : {} });
      const gate = journal.blockNextDeletion();
      await addOnes(world, 3); // 2 3 4
      if (by !== 'retention') world.host.deleteEvents(world.actor, 2).catch(() => {});
      await gate.reached;
      const purged = world.host.purge(world.actor);
      await settle();
      expect(journal.stored('c|1')).to.have.length(4);
      gate.open();
      await purged;
      expect(journal.stored('c|1')).to.deep.equal([]);
    });
  }
});
