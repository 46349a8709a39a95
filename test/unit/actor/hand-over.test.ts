import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { type AnyActorLogic, setup } from 'xstate';
import type { PersistentOptions } from '../../../src/actor/persistent.ts';
import type { LocalEntities } from '../../../src/actor/registry/entities.ts';
import { NotOwnerError, WriteFailedError } from '../../../src/model/errors.ts';
import { MemoryJournalPlugin } from '../../support/memory-journal-plugin.ts';
import { counterMachine } from './counter.ts';
import { failureOf, settle, testHost } from './support.ts';

type CounterMachine = ReturnType<typeof counterMachine>;

const add = { type: 'added', n: 1 } as const;
const here = {};
const reason = new NotOwnerError('another process has it');

function openHost() {
  const journal = new MemoryJournalPlugin();
  const placed: LocalEntities<AnyActorLogic>[] = [];
  const { host } = testHost({
    journal,
    place: (local) => {
      placed.push(local as unknown as LocalEntities<AnyActorLogic>);
      return local;
    },
  });
  return { host, journal, placed };
}

/** Entities that belong to one place, as long as the test says so. */
function open(options: Pick<PersistentOptions<CounterMachine>, 'onPersistFailure'> = {}) {
  const { host, journal, placed } = openHost();
  const logic = host.persistent(counterMachine(), {
    persistenceId: ({ input }) => `counter|${input.id}`,
    ...options,
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

  it('move also while they wait to start over: the failure before is not why they end', async () => {
    const onPersistFailure = { minBackoff: '1m', maxBackoff: '1m' };
    const { counters, local, journal, state } = open({ onPersistFailure });
    journal.failNextWrite(new WriteFailedError('lost'));
    expect((await failureOf(counters.ask('a', add))).code).to.equal('WRITE_FAILED');
    const waiting = failureOf(counters.ask('a', add));
    const deletion = failureOf(counters.deleteEvents('a', 1));
    await settle();
    state.isHere = false;
    await local.handOver(here, { reason, limitMs: 1000 });
    for (const error of [await waiting, await deletion]) {
      expect(error).to.include({ code: 'ENTITY_STOPPED', stored: 'no', cause: reason });
    }
  });

  it('store what their timers have sent, in its order', async () => {
    const alarms = setup({ types: { events: {} as { type: 'noted' } } }).createMachine({
      id: 'alarms',
      type: 'parallel',
      on: { noted: {} },
      states: {
        soon: { initial: 'on', states: { on: { after: { 20: 'off' } }, off: {} } },
        later: { initial: 'on', states: { on: { after: { 60: 'off' } }, off: {} } },
      },
    });
    const { host, journal, placed } = openHost();
    const clocks = host.entities('clock', host.persistent(alarms, { persistenceId: 'clock' }), {
      input: () => undefined,
    });
    const local = placed[0] as LocalEntities<AnyActorLogic>;
    local.placeBy(() => here);
    await clocks.ask('a', { type: 'noted' });
    const write = journal.blockNextWrite();
    const written = clocks.ask('a', { type: 'noted' });
    await write.reached;
    await sleep(40); // one timer waits for the write
    const ended = local.handOver(here, { reason, limitMs: 1000 });
    await sleep(40); // the other one fires
    write.open();
    await Promise.all([written, ended]);
    const fired = journal.stored('clock').map(({ facts: { timer } }) => timer);
    expect(fired.filter((timer) => timer !== undefined)).to.deep.equal([
      'xstate.after.20.alarms.soon.on',
      'xstate.after.60.alarms.later.on',
    ]);
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
