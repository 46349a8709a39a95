import { expect } from 'chai';
import { lookEveryMs } from '../../../../replicator/topic/wake-ups-rebuild.ts';
import { Offset, Topic } from '../../../../src/model/position.ts';
import { SeqNr } from '../../../../src/model/seq-nr.ts';
import { maxWakeMs, rebuildOf, type WakeUp } from '../../../../src/model/wake-up.ts';
import { settle } from '../../../support/replicator/manual-clock.ts';
import {
  append,
  logRecord,
  partition0,
  partition1,
  type Step,
} from '../../../support/replicator/records.ts';
import { gate, testReplicator } from '../../../support/replicator/test-replicator.ts';
import { down, replicated, type World } from './tenures-world.ts';

const topic = Topic.of('journal');
const place = 'journal/0';
const request = `${rebuildOf(topic)}/0`;
const waiting = (seqNr: number, wake: number | 'none'): Step => {
  return { type: 'append', from: seqNr, to: seqNr, wake };
};

/** Where the journals of partition 0 were written last, and what wakes some of them. */
interface Before {
  readonly replicated?: number | 'nothing';
  readonly known?: number;
  readonly rows: Readonly<Record<string, number>>;
  readonly wakeUps?: Readonly<Record<string, WakeUp>>;
  /** Up to where a rebuild was asked for. */
  readonly asked?: number;
}

async function world(before: Before): Promise<World> {
  const { replicated: at = 90, known, rows, wakeUps = {}, asked } = before;
  const made = await testReplicator();
  const { store } = made;
  if (at !== 'nothing') {
    store.offsets.set(place, at).set('journal/1', at);
    store.tenuresKnown.set(place, at).set('journal/1', at);
  }
  if (known !== undefined) store.wakeUpsKnown.set(place, known);
  if (asked !== undefined) store.wakeUpsKnown.set(request, asked);
  for (const [id, offset] of Object.entries(rows)) {
    const partition = id.startsWith('other') ? partition1 : partition0;
    const pointer = {
      at: { partition, offset: Offset.of(offset) },
      segmentSize: 10,
      seqNr: SeqNr.min,
      deleteTo: undefined,
      expiry: undefined,
      recordId: undefined,
    };
    store.journals.set(`journal:${id}`, { pointer, events: new Map() });
  }
  for (const [id, wakeUp] of Object.entries(wakeUps)) store.wakeUps.set(`journal:${id}`, wakeUp);
  await made.member().assign(partition0);
  return made;
}

const timer = (offset: number): WakeUp => ({
  dueMs: maxWakeMs,
  reason: 'time',
  offset: Offset.of(offset),
});

/** What wakes each journal, as `reason@offset`. */
const wakeUpsOf = ({ store }: World): Record<string, string> =>
  Object.fromEntries(
    [...store.wakeUps].map(([key, { reason, offset }]) => [
      key.slice('journal:'.length),
      `${reason}@${offset}`,
    ]),
  );

async function looked({ clock }: World): Promise<void> {
  await clock.advance(lookEveryMs);
  await settle();
}

const completeTo = ({ store }: World): number | undefined => store.wakeUpsKnown.get(place);

describe('WakeUpsRebuild', () => {
  it('suspects all journals of the partition of which nothing is known, once it is asked to', async () => {
    const made = await world({ rows: { a: 3, b: 90, other: 5 } });
    await looked(made);
    expect(wakeUpsOf(made)).to.deep.equal({});
    expect(completeTo(made)).to.equal(undefined);
    made.store.wakeUpsKnown.set(request, 90);
    await looked(made);
    expect(wakeUpsOf(made)).to.deep.equal({ a: 'unknown@3', b: 'unknown@90' });
    expect(made.store.wakeUps.get('journal:a')?.dueMs).to.equal(made.clock.nowMs());
    expect(completeTo(made)).to.equal(90);
  });

  it('lets be what is known: not written after that, or entries that no record came after', async () => {
    const made = await world({
      known: 40,
      rows: { quiet: 30, 'at the end': 40, written: 41, sure: 50, 'written after it': 60 },
      wakeUps: { quiet: timer(20), sure: timer(50), 'written after it': timer(55) },
    });
    made.store.wakeUpsKnown.set(request, 90);
    await looked(made);
    expect(wakeUpsOf(made)).to.deep.equal({
      quiet: 'time@20',
      written: 'unknown@41',
      sure: 'time@50',
      'written after it': 'unknown@60',
    });
    expect(completeTo(made)).to.equal(90);
  });

  it('does nothing for a request from before that part was complete', async () => {
    const made = await world({ known: 40, rows: { a: 50 } });
    made.store.wakeUpsKnown.set(request, 40);
    await looked(made);
    expect(wakeUpsOf(made)).to.deep.equal({});
    expect(completeTo(made)).to.equal(40);
  });

  it('goes on with records meanwhile, and lets what they say stand', async () => {
    const rows = Object.fromEntries(Array.from({ length: 40 }, (_, at) => [`j${at}`, at]));
    const made = await world({ rows });
    made.store.wakeUpsKnown.set(request, 90);
    let isSent = false;
    made.store.before = async ({ name, key }) => {
      if (name !== 'journalPlaces' || key !== 'journal:j10' || isSent) return;
      isSent = true;
      await replicated(made, [
        logRecord('j2', 91, waiting(2, 5)),
        logRecord('j30', 92, waiting(2, 7)),
        logRecord('j31', 93, append(2)),
      ]);
    };
    await looked(made);
    expect(isSent).to.equal(true);
    const found = wakeUpsOf(made);
    expect([found['j2'], found['j30'], found['j31']]).to.deep.equal([
      'time@91',
      'time@92',
      'unknown@90',
    ]);
    expect(Object.keys(found)).to.have.length(40);
    expect(completeTo(made)).to.equal(93);
  });

  it('changes nothing while a round runs, nor does a round begin meanwhile', async () => {
    const made = await world({ rows: { a: 3 } });
    made.store.wakeUpsKnown.set(request, 90);
    const { opened, open } = gate();
    made.store.before = ({ name }) => (name === 'saveWakeUp' ? opened : undefined);
    await made.clock.advance(lookEveryMs);
    await replicated(made, [logRecord('b', 91, append(1))]);
    expect(made.store.writes()).to.deep.equal([]);
    open();
    await settle();
    expect(made.store.writes()).to.deep.equal(['append journal:b@91', 'saveOffset 0@91']);
    expect(completeTo(made)).to.equal(91);
  });

  it('says how far they are complete with each record from then on', async () => {
    const made = await world({ rows: { a: 3 } });
    made.store.wakeUpsKnown.set(request, 90);
    await looked(made);
    await replicated(made, [logRecord('a', 91, waiting(2, 'none'))]);
    expect(wakeUpsOf(made)).to.deep.equal({});
    expect(completeTo(made)).to.equal(91);
  });

  it('removes a suspect whose journal was kept open, as soon as it says what it waits for', async () => {
    const made = await world({ rows: { a: 3 } });
    await replicated(made, [logRecord('a', 91, waiting(2, 'none'))]);
    made.store.wakeUpsKnown.set(request, 91);
    await looked(made);
    expect(wakeUpsOf(made)).to.deep.equal({ a: 'unknown@91' });
    await replicated(made, [logRecord('a', 92, waiting(3, 'none'))]);
    expect(wakeUpsOf(made)).to.deep.equal({});
  });

  for (const name of ['journalPlaces', 'open', 'saveWakeUp', 'saveWakeUps'] as const) {
    it(`is not done while the store fails, and then does what is left: ${name}`, async () => {
      const made = await world({ rows: { a: 3, b: 4, c: 5 } });
      made.store.wakeUpsKnown.set(request, 90);
      let calls = 0;
      made.store.before = (call) => {
        if (call.name === name && (name === 'saveWakeUps' || ++calls > 1)) throw down;
      };
      await looked(made);
      await looked(made);
      expect(completeTo(made)).to.equal(undefined);
      const failed = made.log.lines.filter(({ message }) => message.includes('not rebuilt'));
      expect(failed).to.have.length(2);
      const suspected = new Set(Object.keys(wakeUpsOf(made)));
      made.store.before = () => {};
      made.store.calls.length = 0;
      await looked(made);
      expect(Object.keys(wakeUpsOf(made))).to.have.members(['a', 'b', 'c']);
      expect(completeTo(made)).to.equal(90);
      const written = made.store.calls.filter((call) => call.name === 'saveWakeUp');
      expect(written).to.have.length(3 - suspected.size);
    });
  }

  it('goes on at once where another replicator has left off', async () => {
    const made = await world({ rows: { a: 3 }, asked: 90 });
    await settle();
    expect(wakeUpsOf(made)).to.deep.equal({ a: 'unknown@3' });
    expect(completeTo(made)).to.equal(90);
  });

  it('does not call them complete while the store keeps nothing, and does it when the store does', async () => {
    const made = await world({ rows: { a: 3 } });
    made.store.wakeUpsKnown.set(request, 90);
    const said = (what: string) =>
      made.log.lines.filter(({ message }) => message.includes(what)).length;
    const save = made.store.saveWakeUps.bind(made.store);
    // As a store does whose tables were dropped.
    made.store.saveWakeUps = async () => false;
    await looked(made);
    expect(said('wake-ups are complete')).to.equal(0);
    expect(said('not rebuilt')).to.equal(1);
    await replicated(made, [logRecord('b', 91, append(1))]);
    made.store.saveWakeUps = save;
    await looked(made);
    expect(said('wake-ups are complete')).to.equal(1);
    expect(completeTo(made)).to.equal(91);
  });

  for (const [what, before, next] of [
    ['of a new topic', { replicated: 'nothing', rows: {} }, 0],
    ['that was complete before', { known: 90, rows: {}, asked: 50 }, 91],
  ] as const) {
    it(`makes up for what a store without tables has not kept, in a partition ${what}`, async () => {
      const made = await world(before);
      const save = made.store.saveWakeUps.bind(made.store);
      made.store.saveWakeUps = async () => false;
      await replicated(made, [logRecord('a', next, waiting(1, 50))]);
      made.store.wakeUps.clear();
      await looked(made);
      const said = made.log.lines.filter(({ message }) => message.includes('wakeups rebuild'));
      expect(said.map(({ level }) => level)).to.deep.equal(['warn']);
      expect(wakeUpsOf(made), 'nobody has asked for it').to.deep.equal({});
      made.store.saveWakeUps = save;
      made.store.wakeUpsKnown.set(request, next);
      await looked(made);
      expect(wakeUpsOf(made)).to.deep.equal({ a: `unknown@${next}` });
      await replicated(made, [logRecord('b', next + 1, append(1))]);
      expect(completeTo(made), 'it goes on as before').to.equal(next + 1);
    });
  }

  it('ends with the partition, and the next owner does what is left', async () => {
    const made = await world({ rows: { a: 3, b: 4 } });
    made.store.wakeUpsKnown.set(request, 90);
    made.store.before = async ({ name, key }) => {
      if (name === 'journalPlaces' && key === 'journal:b') await made.member().revoke(partition0);
    };
    await looked(made);
    expect(wakeUpsOf(made)).to.deep.equal({ a: 'unknown@3' });
    expect(completeTo(made)).to.equal(undefined);
    made.store.before = () => {};
    await made.member().assign(partition0);
    await looked(made);
    expect(wakeUpsOf(made)).to.deep.equal({ a: 'unknown@3', b: 'unknown@4' });
    expect(completeTo(made)).to.equal(90);
  });

  it('asks the store nothing where they are complete', async () => {
    const made = await world({ known: 90, rows: { a: 3 } });
    made.store.wakeUpsKnown.set(request, 95);
    await looked(made);
    expect(made.store.calls.some(({ name }) => name === 'journalPlaces')).to.equal(false);
    expect(wakeUpsOf(made)).to.deep.equal({});
  });
});
