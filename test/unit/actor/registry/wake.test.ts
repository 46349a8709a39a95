import { expect } from 'chai';
import { type AnyActorLogic, fromPromise, setup } from 'xstate';
import type { PersistentOptions } from '../../../../src/actor/persistent.ts';
import type {
  EntityRegistryOptions,
  LocalEntities,
} from '../../../../src/actor/registry/entities.ts';
import {
  ClosedError,
  NotOwnerError,
  StoreUnavailableError,
  WriteFailedError,
} from '../../../../src/model/errors.ts';
import { unlessAborted } from '../../../../src/runtime/waiting.ts';
import { MemoryJournalPlugin } from '../../../support/memory-journal-plugin.ts';
import { RecordingLogger } from '../../../support/recording-logger.ts';
import { counterMachine } from '../counter.ts';
import { HoldableJournal } from '../holdable-journal.ts';
import { failureOf, ManualClock, settle, testHost } from '../support.ts';

interface More
  extends Pick<PersistentOptions<typeof lamp>, 'passivateAfter' | 'retry' | 'onPersistFailure'> {
  readonly journal?: MemoryJournalPlugin;
}

/** Counters whose persistence ids are made from their ids in some way. */
function open(
  persistenceIdOf: (id: string) => string = (id) => `counter-${id}`,
  options: EntityRegistryOptions<{ id: string }> = {},
  machine: ReturnType<typeof counterMachine> | typeof lamp = counterMachine(),
  { journal = new MemoryJournalPlugin(), ...more }: More = {},
) {
  const log = new RecordingLogger();
  const clock = new ManualClock();
  const sleep: ManualClock['sleep'] = clock.sleep.bind(clock);
  let local: LocalEntities<AnyActorLogic> | undefined;
  const { host } = testHost({
    log,
    journal,
    clock: {
      nowMs: () => clock.nowMs(),
      steadyMs: () => clock.steadyMs(),
      sleep: (ms, given) => unlessAborted(sleep(ms), given?.signal),
    },
    place: (entities) => {
      local = entities as unknown as LocalEntities<AnyActorLogic>;
      return entities;
    },
  });
  const logic = host.persistent(machine as ReturnType<typeof counterMachine>, {
    persistenceId: ({ input }) => persistenceIdOf(input.id),
    ...(more as object),
  });
  host.entities('counter', logic, options);
  const counters = local ?? expect.fail('nobody placed the entities');
  return { host, journal, log, clock, counters };
}

/** Waits for a time, for work, for its next command, or for nothing any more. */
const lamp = setup({
  types: {
    events: {} as { type: 'glow' | 'charge' | 'flicker' | 'rest' | 'break' },
    input: {} as { id: string },
  },
  actors: {
    charger: fromPromise(() => new Promise(() => {})),
    starter: fromPromise(() => Promise.reject(new Error('too cold'))),
  },
}).createMachine({
  id: 'lamp',
  initial: 'dark',
  states: {
    dark: {
      on: { glow: 'glowing', charge: 'charging', flicker: 'flickering', rest: {}, break: 'broken' },
    },
    glowing: { on: { rest: {} }, after: { 60000: 'dark' } },
    charging: { invoke: { src: 'charger', id: 'charger' } },
    flickering: { invoke: { src: 'starter', id: 'starter', onError: 'dark' } },
    broken: { type: 'final' },
  },
});

describe('waking an entity by its persistence id', () => {
  const ways: readonly [string, (id: string) => string, string, string][] = [
    ['after a text', (id) => `counter-${id}`, 'counter-7', '7'],
    ['before a text', (id) => `${id}@bank`, '7@bank', '7'],
    ['between texts', (id) => `<${id}>`, '<7>', '7'],
    ['as it is', (id) => id, '7', '7'],
    ['that begins as the text before it', (id) => `c-${id}`, 'c-c-c-7', 'c-c-7'],
    ['that ends as the text after it', (id) => `${id}-c`, '7-c-c', '7-c'],
  ];
  for (const [where, persistenceIdOf, persistenceId, id] of ways) {
    it(`finds an id ${where}`, async () => {
      const { counters } = open(persistenceIdOf);
      await counters.wake(persistenceId);
      expect(counters.ids()).to.deep.equal([id]);
      expect(counters.persistenceIdOf(id)).to.equal(persistenceId);
    });
  }

  const others: readonly [string, (id: string) => string, string][] = [
    ['of another type', (id) => `counter-${id}`, 'wallet-7'],
    ['that is nothing but the text around', (id) => `counter-${id}`, 'counter-'],
    ['whose texts overlap', (id) => `a-${id}-a`, 'a-a'],
    ['that the type would not make', (id) => `c-${id.slice(0, 30)}`, `c-${'7'.repeat(40)}`],
    ['of a type that changes its ids', (id) => id.toLowerCase(), 'a-1'],
    ['of a type that names its ids twice', (id) => `${id}/${id}`, '7/7'],
    ['of a type with one journal', () => 'the-counter', 'the-counter'],
  ];
  for (const [what, persistenceIdOf, persistenceId] of others) {
    it(`answers that it is none of this type: one ${what}`, () => {
      const { counters } = open(persistenceIdOf);
      expect(counters.wake(persistenceId)).to.equal(undefined);
      expect(counters.ids()).to.deep.equal([]);
    });
  }

  it('says once where ids cannot be found', () => {
    for (const way of [(id: string) => id.toUpperCase(), (id: string) => id + id, () => 'one']) {
      const { counters, log } = open(way);
      for (const id of ['A', 'BB', 'one']) expect(counters.wake(id)).to.equal(undefined);
      expect(log.of('warn').join()).to.contain('do not wake by themselves');
      expect(log.of('warn')).to.have.lengthOf(1);
    }
  });

  it('finds the ids of an input that refuses all others where they are the persistence ids', async () => {
    const input = (id: string) => {
      if (id !== 'known') throw new Error('no such counter');
      return { id };
    };
    const { counters } = open((id) => id, { input });
    expect(counters.wake('unknown')).to.equal(undefined);
    await counters.wake('known');
    expect(counters.ids()).to.deep.equal(['known']);
  });

  it('finds the ids of an input that could not answer at first', async () => {
    let isLoaded = false;
    const input = (id: string) => {
      if (!isLoaded) throw new Error('not loaded yet');
      return { id };
    };
    const { counters } = open(undefined, { input });
    expect(counters.wake('counter-7')).to.equal(undefined);
    isLoaded = true;
    await counters.wake('counter-7');
    expect(counters.ids()).to.deep.equal(['7']);
  });

  it('does not take a persistence id that throws for its own', () => {
    const { counters } = open((id) => {
      if (id === '7') throw new Error('not this one');
      return `counter-${id}`;
    });
    expect(counters.wake('counter-7')).to.equal(undefined);
  });

  it('does nothing to an entity that lives', async () => {
    const { counters, journal } = open();
    await counters.ask('7', { type: 'added', n: 1 });
    const ref = counters.ref('7');
    const snapshot = ref.getSnapshot();
    const recoveries = journal.calls.recover;
    await counters.wake('counter-7');
    expect(counters.ref('7')).to.equal(ref);
    expect(ref.getSnapshot()).to.equal(snapshot);
    expect(journal.calls.recover).to.equal(recoveries);
  });

  for (const [command, woken] of [
    ['glow', 'awake'],
    ['charge', 'awake'],
    ['rest', 'idle'],
    ['break', 'idle'],
  ] as const) {
    it(`says whether the entity may wait for something: ${woken} after ${command}`, async () => {
      const { counters } = open((id) => `lamp-${id}`, {}, lamp);
      await counters.ask('7', { type: command });
      if (command !== 'break') expect(await counters.wake('lamp-7'), 'it lives').to.equal(woken);
      await counters.stop('7');
      expect(await counters.wake('lamp-7')).to.equal(woken);
    });
  }

  it('starts one again that was stopped, when its timer is due, however close that was', async () => {
    const { counters, clock } = open((id) => `lamp-${id}`, {}, lamp);
    counters.wakeStopped();
    await counters.ask('7', { type: 'glow' });
    await clock.pass(59_000);
    await counters.wake('lamp-7'); // by whoever owns the partition, which is all that it does
    await counters.stop('7');
    await clock.pass(900);
    expect(counters.ids()).to.deep.equal([]);
    await clock.pass(200);
    expect(counters.ids()).to.deep.equal(['7']);
  });

  for (const command of ['glow', 'flicker'] as const) {
    for (const isResting of [true, false]) {
      it(`starts one again that was stopped ${isResting ? 'while it rested' : 'in use'}, after ${command}`, async () => {
        const backoff = { minBackoff: '1m', maxBackoff: '1m', randomFactor: 0 };
        const retry = { starter: { attempts: 2, ...backoff } };
        const more = { retry, passivateAfter: isResting ? '1s' : 0 };
        const { counters, clock, journal } = open((id) => `lamp-${id}`, {}, lamp, more);
        counters.wakeStopped();
        await counters.ask('7', { type: command });
        await clock.pass(5_000);
        expect(counters.ids()).to.deep.equal(isResting ? [] : ['7']);
        await counters.stop('7');
        const { recover } = journal.calls;
        await clock.pass(50_000);
        expect(journal.calls.recover).to.equal(recover);
        await clock.pass(6_000);
        expect(journal.calls.recover).to.equal(recover + 1);
      });
    }
  }

  it('starts one again that was stopped by its ref, when its timer is due', async () => {
    const { host, counters, clock } = open((id) => `lamp-${id}`, {}, lamp);
    counters.wakeStopped();
    await counters.ask('7', { type: 'glow' });
    await host.stop(counters.ref('7'));
    await clock.pass(59_900);
    expect(counters.ids()).to.deep.equal([]);
    await clock.pass(200);
    expect(counters.ids()).to.deep.equal(['7']);
  });

  it('starts one again that was stopped while it recovered, when its timer is due', async () => {
    const { counters, clock, journal } = open((id) => `lamp-${id}`, {}, lamp, {
      passivateAfter: '1s',
    });
    counters.wakeStopped();
    await counters.ask('7', { type: 'glow' });
    await clock.pass(5_000);
    expect(counters.ids()).to.deep.equal([]);
    const replay = journal.blockReplay();
    counters.ref('7');
    await replay.reached;
    await counters.stop('7');
    replay.open();
    await clock.pass(52_900); // it is opened 2 s ahead
    expect(counters.ids()).to.deep.equal([]);
    await clock.pass(200);
    expect(counters.ids()).to.deep.equal(['7']);
  });

  it('starts one again that was lost, and stopped before it had recovered, when its timer is due', async () => {
    const journal = new HoldableJournal();
    const { counters, clock } = open((id) => `lamp-${id}`, {}, lamp, { journal });
    counters.wakeStopped();
    await counters.ask('7', { type: 'glow' });
    const hold = journal.blockNextHold();
    journal.lose('lamp-7');
    await hold.reached;
    await counters.stop('7');
    hold.open();
    await clock.pass(59_000);
    expect(counters.ids()).to.deep.equal([]);
    await clock.pass(1_100);
    expect(counters.ids()).to.deep.equal(['7']);
  });

  it('starts one again that was stopped after a failure, when its timer is due', async () => {
    const onPersistFailure = { minBackoff: '10m', maxBackoff: '10m' };
    const { counters, clock, journal } = open((id) => `lamp-${id}`, {}, lamp, { onPersistFailure });
    counters.wakeStopped();
    await counters.ask('7', { type: 'glow' });
    journal.failNextWrite(new WriteFailedError('lost'));
    expect((await failureOf(counters.ask('7', { type: 'rest' }))).code).to.equal('WRITE_FAILED');
    await counters.stop('7');
    await clock.pass(59_000);
    expect(counters.ids()).to.deep.equal([]);
    await clock.pass(1_100);
    expect(counters.ids()).to.deep.equal(['7']);
  });

  it('leaves one alone that was stopped and waits for nothing', async () => {
    const { counters, clock } = open((id) => `lamp-${id}`, {}, lamp);
    counters.wakeStopped();
    await counters.ask('7', { type: 'rest' });
    await counters.stop('7');
    await clock.pass(120_000);
    expect(counters.ids()).to.deep.equal([]);
  });

  it('says nothing of one that takes long', async () => {
    const { counters, journal, clock } = open();
    journal.blockReplay();
    const waking = counters.wake('counter-7');
    await settle();
    const again = counters.wake('counter-7');
    await clock.pass(10_000);
    expect([await waking, await again]).to.deep.equal(['awake', 'awake']);
  });

  it('rejects when it cannot be recovered, and may be woken again', async () => {
    const { counters, journal } = open();
    journal.failNextRecovery(new StoreUnavailableError('down'));
    const waking = counters.wake('counter-7');
    expect(await failureOf(waking ?? expect.fail())).to.include({ code: 'RECOVERY_FAILED' });
    expect(counters.ids()).to.deep.equal([]);
    await counters.wake('counter-7');
    expect(counters.ids()).to.deep.equal(['7']);
  });

  it('does not wait for one that takes long; that one goes on', async () => {
    const { counters, journal, clock } = open();
    const recovery = journal.blockReplay();
    let isOver = false;
    const waking = counters.wake('counter-7')?.then(() => {
      isOver = true;
    });
    await recovery.reached;
    await clock.pass(9_000);
    expect(isOver).to.equal(false);
    await clock.pass(1_100);
    await waking;
    expect(counters.ids()).to.deep.equal(['7']);
    recovery.open();
    await settle();
    expect((await counters.ask('7', { type: 'added', n: 1 })).sequenceNr).to.be.above(0);
  });

  it('rejects when one cannot be recovered that a command has started just before', async () => {
    const { counters, journal } = open();
    journal.failNextRecovery(new StoreUnavailableError('down'));
    const asked = failureOf(counters.ask('7', { type: 'added', n: 1 }));
    const waking = counters.wake('counter-7') ?? expect.fail('it is of this type');
    expect(await failureOf(waking)).to.include({ code: 'RECOVERY_FAILED' });
    await asked;
  });

  for (const by of ['itself', 'a command'] as const) {
    for (const end of ['could not be recovered then', 'was stopped meanwhile'] as const) {
      it(`starts one again by itself that was started by ${by}, took long and ${end}`, async () => {
        const { counters, journal, clock } = open((id) => `lamp-${id}`, {}, lamp);
        await counters.ask('7', { type: 'glow' });
        await counters.stop('7');
        counters.wakeStopped();
        const recovery = journal.blockReplay();
        if (by === 'a command') counters.ref('7');
        const waking = counters.wake('lamp-7');
        await recovery.reached;
        await clock.pass(10_000);
        expect(await waking, 'whoever woke it goes on').to.equal('awake');
        if (end === 'was stopped meanwhile') await counters.stop('7');
        else await clock.pass(20_000); // nothing came from the journal
        expect(counters.ids()).to.deep.equal([]);
        recovery.open();
        await clock.pass(1_000);
        expect(counters.ids()).to.deep.equal(['7']);
      });
    }
  }

  it('starts one again that is just being stopped', async () => {
    const { counters, journal } = open((id) => `lamp-${id}`, {}, lamp);
    await counters.ask('7', { type: 'glow' });
    const write = journal.blockNextWrite();
    const asked = counters.ask('7', { type: 'rest' });
    await write.reached;
    const stopped = counters.stop('7');
    const waking = counters.wake('lamp-7');
    write.open();
    await Promise.all([asked, stopped]);
    expect(await waking).to.equal('awake');
    expect(counters.ids()).to.deep.equal(['7']);
  });

  for (const command of ['glow', 'rest'] as const) {
    it(`takes one back that was lost, and rests, after ${command} in another process`, async () => {
      const journal = new HoldableJournal();
      const here = open((id) => `lamp-${id}`, {}, lamp, { journal }).counters;
      const there = open((id) => `lamp-${id}`, {}, lamp, { journal }).counters;
      await here.ask('7', { type: 'rest' });
      const snapshot = () => here.ref('7').getSnapshot();
      await there.ask('7', { type: command });
      await there.stop('7');
      await settle();
      expect(snapshot().persistence.phase).to.equal('unowned');
      expect(await here.wake('lamp-7')).to.equal(command === 'glow' ? 'awake' : 'idle');
      expect(snapshot().persistence.phase).to.equal('ready');
      expect(snapshot().value).to.equal(command === 'glow' ? 'glowing' : 'dark');
    });
  }

  it('rejects where it does not belong here, and starts nothing', async () => {
    const { counters } = open();
    const notHere = new NotOwnerError('elsewhere');
    counters.placeBy(() => {
      throw notHere;
    });
    expect(await failureOf(counters.wake('counter-7') ?? expect.fail())).to.equal(notHere);
    expect(counters.ids()).to.deep.equal([]);
  });

  it('starts nothing after the shutdown', async () => {
    const { host, counters } = open();
    await host.shutdown();
    const waking = counters.wake('counter-7');
    if (waking !== undefined) expect(await failureOf(waking)).to.be.instanceOf(ClosedError);
    expect(counters.ids()).to.deep.equal([]);
  });
});
