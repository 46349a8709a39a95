import { expect } from 'chai';
import type { AnyActorLogic } from 'xstate';
import type { LocalEntities } from '../../../src/actor/registry/entities.ts';
import { NotOwnerError } from '../../../src/model/errors.ts';
import { MemoryJournalPlugin } from '../../support/memory-journal-plugin.ts';
import { counterMachine } from './counter.ts';
import { failureOf, settle, testHost } from './support.ts';

const add = { type: 'added', n: 1 } as const;
const here = {};
const reason = new NotOwnerError('another process has it');

/** Entities that belong to one place, as long as the test says so. */
function open() {
  const journal = new MemoryJournalPlugin();
  const placed: LocalEntities<AnyActorLogic>[] = [];
  const { host } = testHost({
    journal,
    place: (local) => {
      placed.push(local as unknown as LocalEntities<AnyActorLogic>);
      return local;
    },
  });
  const logic = host.persistent(counterMachine(), {
    persistenceId: ({ input }) => `counter|${input.id}`,
  });
  const counters = host.entities('counter', logic);
  const local = placed[0] as LocalEntities<AnyActorLogic>;
  const state = { isHere: true };
  local.placeBy(() => {
    if (state.isHere) return here;
    throw reason;
  });
  return { counters, local, journal, state };
}

describe('entities that are handed over', () => {
  it('answer what is being written; what waits is not stored, for the reason', async () => {
    const { counters, local, journal, state } = open();
    await counters.ask('a', add);
    const write = journal.blockNextWrite();
    const written = counters.ask('a', add);
    await write.reached;
    const waiting = failureOf(counters.ask('a', add));
    state.isHere = false;
    const ended = local.handOver(here, { reason, limitMs: 1000 });
    const late = failureOf(counters.ask('a', add));
    write.open();
    expect((await written).snapshot.context.count).to.equal(2);
    await ended;
    expect(await waiting).to.include({ code: 'ENTITY_STOPPED', stored: 'no', cause: reason });
    expect(await late).to.equal(reason);
    expect(journal.stored('counter|a')).to.have.length(3); // the init record, and two events
    expect(counters.ids()).to.deep.equal([]);
  });

  it('do not hold up the next owner: what they write is answered when its outcome is known', async () => {
    const { counters, local, journal, state } = open();
    await counters.ask('a', add);
    const write = journal.blockNextWrite();
    const written = failureOf(counters.ask('a', add));
    await write.reached;
    const waiting = failureOf(counters.ask('a', add));
    state.isHere = false;
    await local.handOver(here, { reason, limitMs: 20 });
    expect(await waiting).to.include({ code: 'ENTITY_STOPPED', stored: 'no', cause: reason });
    write.open();
    expect(await written).to.include({ code: 'ENTITY_STOPPED', stored: 'yes' });
    await settle();
    expect(counters.ids()).to.deep.equal([]);
  });

  it('are lost at once: what they write and is void was not stored, for the reason', async () => {
    const { counters, local, journal, state } = open();
    await counters.ask('a', add);
    const write = journal.blockAndFailNextWrite(new NotOwnerError('void'));
    const written = failureOf(counters.ask('a', add));
    await write.reached;
    state.isHere = false;
    await local.handOver(here, { reason, limitMs: 0 });
    write.open();
    expect(await written).to.include({ code: 'ENTITY_STOPPED', stored: 'no', cause: reason });
  });

  it('are not waited for beyond the time of an ask', async () => {
    const { counters, local, journal } = open();
    await counters.ask('a', add);
    const write = journal.blockNextWrite();
    const written = failureOf(counters.ask('a', add));
    await write.reached;
    await local.handOver(here, { reason, limitMs: 0 });
    const late = await failureOf(counters.ask('a', add, { timeout: 30 }));
    expect(late).to.include({ code: 'ASK_TIMEOUT', stored: 'no' });
    write.open();
    await written;
  });

  it('leave those of another place alone, and know their persistence id and journal', async () => {
    const { counters, local } = open();
    await counters.ask('a', add);
    await local.handOver({}, { reason, limitMs: 0 });
    expect(counters.ids()).to.deep.equal(['a']);
    expect(local.persistenceIdOf('a')).to.equal('counter|a');
    expect(local.journalPluginId).to.equal(undefined);
    await local.handOver(here, { reason, limitMs: 0 });
    expect(counters.ids()).to.deep.equal([]);
  });
});
