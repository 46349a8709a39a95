import { expect } from 'chai';
import { type AnyActorLogic, fromCallback, setup } from 'xstate';
import type { LocalEntities } from '../../../src/actor/registry/entities.ts';
import type { Gate } from '../../support/memory-journal-plugin.ts';
import { HoldableJournal } from './holdable-journal.ts';
import { ManualClock, settle, testHost } from './support.ts';

const delayMs = 60_000;

/** Its first state does something: a new journal begins with an init record. */
const reminder = setup({ types: { events: {} as { type: 'look' } } }).createMachine({
  id: 'reminder',
  initial: 'waiting',
  states: { waiting: { after: { [delayMs]: 'reminded' }, on: { look: {} } }, reminded: {} },
});

function openProcess(journal: HoldableJournal, clock: ManualClock) {
  const { host } = testHost({ journal, clock });
  const logic = host.persistent(reminder, { persistenceId: 'r', passivateAfter: '1s' });
  return host.entities('reminder', logic, { input: () => undefined });
}

describe('an entity with a timer that another process purges', () => {
  it('begins anew with the next command only, though it was live', async () => {
    const [journal, clock] = [new HoldableJournal(), new ManualClock()];
    const [here, there] = [openProcess(journal, clock), openProcess(journal, clock)];
    await here.ask('1', { type: 'look' });
    let hold: Gate | undefined;
    journal.onHold = () => {
      hold ??= journal.blockNextHold(); // that of the entity, which has lost its own
    };
    await there.purge('1');
    hold?.open();
    await settle();
    expect(here.ref('1').getSnapshot().persistence).to.include({ phase: 'unowned', sequenceNr: 0 });
    await clock.pass(2 * delayMs);
    await settle();
    expect(journal.stored('r')).to.deep.equal([]);
    expect(here.ids(), 'it may rest').to.deep.equal([]);
    expect((await here.ask('1', { type: 'look' })).sequenceNr).to.equal(2);
  });

  it('begins anew with the next command only, though it was to be woken', async () => {
    const [journal, clock] = [new HoldableJournal(), new ManualClock()];
    const [here, there] = [openProcess(journal, clock), openProcess(journal, clock)];
    await here.ask('1', { type: 'look' });
    await clock.pass(3000);
    expect(here.ids()).to.deep.equal([]);
    await there.purge('1');
    const { recover } = journal.calls;
    await clock.pass(delayMs);
    await settle();
    expect(journal.calls.recover - recover, 'opened once').to.equal(1);
    expect(journal.stored('r')).to.deep.equal([]);
    await clock.pass(3000);
    expect(here.ids(), 'it may rest').to.deep.equal([]);
    expect((await here.ask('1', { type: 'look' })).sequenceNr).to.equal(2);
  });
});

/** Its first state has work under way. */
const worker = setup({
  types: { events: {} as { type: 'look' }, input: {} as { id: string } },
  actors: { work: fromCallback(() => {}) },
}).createMachine({ id: 'worker', invoke: { id: 'work', src: 'work' }, on: { look: {} } });

describe('an entity with work from its first state on that was purged', () => {
  it('is opened once to be woken, and may rest', async () => {
    const [journal, clock] = [new HoldableJournal(), new ManualClock()];
    let holds = 0;
    journal.onHold = () => {
      if (++holds > 9) throw new Error('it is opened again and again');
    };
    let local: LocalEntities<AnyActorLogic> | undefined;
    const { host } = testHost({
      journal,
      clock,
      place: (entities) => {
        local = entities as unknown as LocalEntities<AnyActorLogic>;
        return entities;
      },
    });
    const workers = host.entities('worker', host.persistent(worker, { passivateAfter: '1s' }));
    await local?.wake('worker|1');
    await settle();
    expect(holds).to.equal(1);
    await clock.pass(3000);
    expect(workers.ids()).to.deep.equal([]);
    expect(journal.stored('worker|1')).to.deep.equal([]);
    expect((await workers.ask('1', { type: 'look' })).sequenceNr).to.equal(2);
  });
});
