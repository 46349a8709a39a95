import { expect } from 'chai';
import {
  DataIntegrityError,
  NotSetUpError,
  StoreUnavailableError,
} from '../../../../src/model/errors.ts';
import type { LogRecord } from '../../../../src/model/log-record.ts';
import { Offset } from '../../../../src/model/position.ts';
import { flowOver } from '../../../support/replicator/flow-over.ts';
import { settle } from '../../../support/replicator/manual-clock.ts';
import { MemoryQuarantine } from '../../../support/replicator/memory-quarantine.ts';
import {
  MemoryReplicatedJournal,
  type StoreCall,
} from '../../../support/replicator/memory-replicated-journal.ts';
import {
  append,
  deleteTo,
  logRecord,
  mark,
  openingOf,
  opens,
  partition0,
  purge,
  under,
  unreadableEvents,
  unreadableHeader,
} from '../../../support/replicator/records.ts';
import { gate, testReplicator } from '../../../support/replicator/test-replicator.ts';

const place = 'journal/0';
const down = new StoreUnavailableError('no host answers');
const refuse = (name: StoreCall['name']) => (call: StoreCall) => {
  if (call.name === name) throw down;
};

type World = Awaited<ReturnType<typeof testReplicator>>;

/** R, and W unless it was never stored, before the partition is assigned. */
function standing({ store }: World, replicated: number, tenuresUpTo?: number): void {
  store.offsets.set(place, replicated);
  if (tenuresUpTo !== undefined) store.tenuresKnown.set(place, tenuresUpTo);
}

function opened({ store }: World, offset: number, scope = ''): void {
  const marks = store.tenures.get(place) ?? new Map();
  store.tenures.set(place, marks.set(offset, { ...openingOf(scope), offset: Offset.of(offset) }));
}

/** Calls about tenures and R, as short texts. */
function moves({ store }: World): readonly string[] {
  return store.calls.flatMap(({ name, key, offset, openings }) => {
    if (name === 'saveTenures') return [`W ${offset} with ${openings}`];
    if (name === 'saveOffset') return [`R ${offset}`];
    return name === 'lastTenure' ? [`asked for "${key}" at ${offset}`] : [];
  });
}

/** A partition that stands somewhere, assigned. */
async function assigned(replicated: number, tenuresUpTo?: number) {
  const world = await testReplicator();
  standing(world, replicated, tenuresUpTo);
  const from = await world.member().assign(partition0);
  return { ...world, world, from };
}

/** Delivers, and stops at once: what is held stays held. */
async function replicated(world: World, records: readonly LogRecord[]): Promise<void> {
  world.member().send(partition0, records);
  await settle();
}

describe('PartitionTenures, where W and R are moved (I26)', () => {
  it('stores the opening marks and W before R, once for each move of R', async () => {
    const { world, member, store, stop } = await assigned(0, 0);
    await member().deliver(partition0, [
      logRecord('a', 1, opens()),
      logRecord('a', 2, under(1, append(1))),
      logRecord('b', 3, opens('other')),
    ]);
    await member().deliver(partition0, [logRecord('a', 4, under(1, append(2)))]);
    expect(moves(world)).to.deep.equal(['W 3 with 2', 'R 3', 'W 4 with 0', 'R 4']);
    expect([...(store.tenures.get(place)?.values() ?? [])]).to.deep.equal([
      { ...openingOf(''), offset: 1 },
      { ...openingOf('other'), offset: 3 },
    ]);
    await stop();
  });

  it('stores W at once where R has none: clients open tenures only there, also while nothing is written', async () => {
    const { world, from, member, store, stop } = await assigned(6);
    expect([from, ...moves(world)]).to.deep.equal([7, 'W 6 with 0']);
    expect(store.tenuresKnown.get(place)).to.equal(6);
    await member().deliver(partition0, [
      logRecord('a', 7, opens()),
      logRecord('a', 8, under(7, append(1))),
    ]);
    expect(moves(world).slice(1)).to.deep.equal(['W 8 with 1', 'R 8']);
    await stop();
  });

  it('stores no W where there is no R, and leaves one that is there', async () => {
    for (const [replicated, known] of [[undefined], [6, 6], [6, 9], [6, 1]]) {
      const world = await testReplicator();
      if (replicated !== undefined) standing(world, replicated, known);
      await world.member().assign(partition0);
      expect([...moves(world), world.store.tenuresKnown.get(place)]).to.deep.equal([known]);
      await world.stop();
    }
  });

  it('tries a few times to store the first W, and claims the partition anew each time', async () => {
    const world = await testReplicator();
    standing(world, 6);
    let failures = 2;
    world.store.before = ({ name }) => {
      if (name === 'saveTenures' && failures-- > 0) throw down;
    };
    const assigning = world.member().assign(partition0);
    await world.clock.advance(1_000);
    expect(await assigning).to.equal(7);
    expect(world.store.calls.filter(({ name }) => name === 'claim')).to.have.length(3);
    expect(world.store.tenuresKnown.get(place)).to.equal(6);
    await world.stop();
  });

  it('asks nothing of records without tenures', async () => {
    const { world, member, store, stop } = await assigned(0, 0);
    await member().deliver(partition0, [
      logRecord('a', 1, append(1)),
      logRecord('a', 2, mark),
      logRecord('b', 3, purge),
    ]);
    expect(moves(world)).to.deep.equal(['W 3 with 0', 'R 3']);
    expect(store.calls.filter(({ name }) => name === 'tenuresUpTo')).to.have.length(1);
    await stop();
  });

  it('stores no opening mark at or after an offset that is held', async () => {
    const { world, store, stop } = await assigned(0, 0);
    store.before = ({ name, key }) => {
      if (name === 'append' && key === 'journal:b') throw down;
    };
    await replicated(world, [
      logRecord('a', 1, opens()),
      logRecord('b', 2, append(1)),
      logRecord('a', 3, opens()),
    ]);
    expect(moves(world)).to.deep.equal(['W 1 with 1', 'R 1']);
    store.before = () => {};
    await world.clock.advance(200);
    expect(moves(world).slice(2)).to.deep.equal(['W 3 with 1', 'R 3']);
    await stop();
  });

  it('holds R while W is not stored, applies nothing twice, and loses no opening mark', async () => {
    const { world, store, clock, errors, stop } = await assigned(0, 0);
    store.before = refuse('saveTenures');
    await replicated(world, [logRecord('a', 1, opens()), logRecord('a', 2, append(1))]);
    expect(store.writes()).to.deep.equal(['append journal:a@2']);
    expect(errors()[0]?.message).to.match(/the store failed; nothing is lost/);
    store.before = () => {};
    await clock.advance(100);
    expect(store.writes().slice(1)).to.deep.equal(['saveTenures 0@2', 'saveOffset 0@2']);
    expect([...(store.tenures.get(place)?.keys() ?? [])]).to.deep.equal([1]);
    await stop();
  });

  it('moves only R again when W is stored and R is not', async () => {
    const { world, store, clock, stop } = await assigned(0, 0);
    store.before = refuse('saveOffset');
    await replicated(world, [logRecord('a', 1, opens())]);
    store.before = () => {};
    await clock.advance(100);
    expect(moves(world)).to.deep.equal(['W 1 with 1', 'R 1']);
    await stop();
  });

  it('holds an opening mark that there is no table for', async () => {
    const { world, store, errors, stop } = await assigned(0);
    const error = new NotSetUpError('no table tenures');
    store.before = ({ name, openings }) => {
      if (name === 'saveTenures' && openings !== 0) throw error;
    };
    await replicated(world, [logRecord('a', 1, append(1)), logRecord('a', 2, opens())]);
    expect(store.offsets.get(place)).to.equal(0);
    expect(errors()[0]?.fields).to.deep.include({ err: error });
    await stop();
  });

  it('does not move R when the partition may be lost since W was stored', async () => {
    const { world, member, store, stop } = await assigned(0, 0);
    const slow = gate();
    store.before = ({ name }) => (name === 'saveTenures' ? slow.opened : undefined);
    await replicated(world, [logRecord('a', 1, opens())]);
    member().isOwned = false;
    slow.open();
    await settle();
    expect(moves(world)).to.deep.equal(['W 1 with 1']);
    await stop();
  });

  it('lowers nothing when a process that was replaced ends its old round', async () => {
    const old = await assigned(0, 0);
    const slow = gate();
    old.store.before = ({ name }) => (name === 'saveTenures' ? slow.opened : undefined);
    await replicated(old.world, [logRecord('a', 1, opens())]);
    // Another process has replicated the same and more.
    const next = new MemoryReplicatedJournal(old.store);
    const flow = await flowOver(next);
    const records = [logRecord('a', 1, opens()), logRecord('a', 9, mark)];
    await flow.replicate({ records, nextOffset: Offset.of(10) }, new AbortController().signal);
    slow.open();
    await settle();
    expect([old.store.tenuresKnown.get(place), old.store.offsets.get(place)]).to.deep.equal([9, 9]);
    expect(old.errors()[0]?.message).to.match(/another process/);
    await old.stop();
  });
});

describe('PartitionTenures, which actions are applied (I27)', () => {
  it('applies no void append, delete or purge, and moves R over them', async () => {
    const { world, member, store, stop } = await assigned(0, 0);
    await member().deliver(partition0, [
      logRecord('a', 1, opens()),
      logRecord('a', 2, under(1, append(1))),
      logRecord('b', 3, opens()),
      logRecord('a', 4, under(1, append(2))),
      logRecord('a', 5, under(3, append(2, 3))),
      logRecord('a', 6, under(1, deleteTo(3))),
      logRecord('a', 7, under(1, purge)),
    ]);
    expect([...(store.journals.get('journal:a')?.events.keys() ?? [])]).to.deep.equal([
      '1@2',
      '2@5',
      '3@5',
    ]);
    expect(store.journals.get('journal:a')?.pointer?.deleteTo).to.equal(undefined);
    expect(moves(world)).to.deep.equal(['W 7 with 2', 'R 7']);
    await stop();
  });

  it('is not held by a void append that cannot be decoded', async () => {
    const { world, member, store, stop } = await assigned(0, 0);
    const broken = logRecord('a', 3, under(1, append(1)));
    await member().deliver(partition0, [
      logRecord('a', 1, opens()),
      logRecord('a', 2, opens()),
      { ...broken, value: unreadableEvents('a', 3).value },
    ]);
    expect(store.offsets.get(place)).to.equal(3);
    expect(world.errors()).to.deep.equal([]);
    await stop();
  });

  it('asks the store once for each scope that was opened before the flow began, as of R', async () => {
    const world = await testReplicator();
    standing(world, 5, 7);
    for (const offset of [2, 4, 7]) opened(world, offset);
    await world.member().assign(partition0);
    await world
      .member()
      .deliver(partition0, [
        logRecord('a', 6, under(4, append(1))),
        logRecord('a', 7, opens()),
        logRecord('a', 8, under(4, append(2))),
        logRecord('a', 9, under(7, append(2))),
      ]);
    expect(world.store.seqNrs('journal:a')).to.deep.equal([1, 2]);
    expect([...(world.store.journals.get('journal:a')?.events.keys() ?? [])]).to.deep.equal([
      '1@6',
      '2@9',
    ]);
    expect(moves(world)).to.deep.equal(['asked for "" at 5', 'W 9 with 1', 'R 9']);
    await world.stop();
  });

  it('asks nothing where nothing is replicated, or W was never stored', async () => {
    for (const start of [undefined, 3]) {
      const world = await testReplicator();
      if (start !== undefined) standing(world, start);
      await world.member().assign(partition0);
      const first = (start ?? -1) + 1;
      await world
        .member()
        .deliver(partition0, [
          logRecord('a', first, opens()),
          logRecord('a', first + 1, under(first, append(1))),
        ]);
      expect(world.store.seqNrs('journal:a')).to.deep.equal([1]);
      expect(world.store.calls.map(({ name }) => name)).not.to.include('lastTenure');
      expect(world.store.tenuresKnown.get(place)).to.equal(first + 1);
      await world.stop();
    }
  });

  it('waits until the store says which tenure was the last, and applies nothing meanwhile', async () => {
    const { world, store, clock, errors, stop } = await assigned(4, 4);
    opened(world, 3);
    store.before = refuse('lastTenure');
    await replicated(world, [logRecord('a', 5, append(1)), logRecord('b', 6, under(3, append(1)))]);
    expect(store.writes()).to.deep.equal([]);
    expect(errors()[0]?.fields).to.deep.include({ offset: 5, err: down });
    store.before = () => {};
    await clock.advance(100);
    expect(store.seqNrs('journal:b')).to.deep.equal([1]);
    expect(moves(world)).to.deep.equal(['asked for "" at 4', 'W 6 with 0', 'R 6']);
    await stop();
  });

  it('never puts aside a record because the store does not answer, although its offset is named', async () => {
    const file = new MemoryQuarantine();
    const quarantine = { policy: 'skip-and-record' as const, skip: ['journal:0:5'] };
    const world = await testReplicator({ quarantine }, { quarantineFile: file });
    standing(world, 4, 4);
    await world.member().assign(partition0);
    world.store.before = refuse('lastTenure');
    await replicated(world, [logRecord('b', 5, under(3, append(1)))]);
    expect([file.offsets, world.store.writes()]).to.deep.equal([[], []]);
    await world.stop();
  });

  it('waits also when the store has lost what it knew', async () => {
    const { world, store, clock, errors, stop } = await assigned(4, 4);
    store.tenuresKnown.delete(place);
    await replicated(world, [logRecord('b', 5, under(3, append(1)))]);
    expect(store.writes()).to.deep.equal([]);
    expect(errors()[0]?.fields['err']).to.be.instanceOf(StoreUnavailableError);
    opened(world, 3);
    store.tenuresKnown.set(place, 4);
    await clock.advance(100);
    expect(store.seqNrs('journal:b')).to.deep.equal([1]);
    await stop();
  });

  it('judges what comes after a held key, or an undecodable record, as if nothing were held', async () => {
    const file = new MemoryQuarantine();
    const quarantine = { policy: 'skip-and-record' as const, skip: [] };
    const world = await testReplicator({ quarantine }, { quarantineFile: file });
    standing(world, 0, 0);
    await world.member().assign(partition0);
    world.store.before = ({ key, name }) => {
      if (name === 'append' && key === 'journal:slow') throw down;
    };
    await replicated(world, [
      logRecord('a', 1, opens()),
      logRecord('slow', 2, under(1, append(1))),
      unreadableHeader('a', 3),
      logRecord('a', 4, under(1, append(1))),
      logRecord('a', 5, opens()),
      logRecord('slow', 6, under(1, append(2))),
      logRecord('a', 7, under(1, append(2))),
      logRecord('a', 8, under(5, append(2))),
    ]);
    expect(world.store.offsets.get(place)).to.equal(1);
    world.store.before = () => {};
    await world.clock.advance(100);
    expect(file.offsets).to.deep.equal([3]);
    expect([...(world.store.journals.get('journal:a')?.events.keys() ?? [])]).to.deep.equal([
      '1@4',
      '2@8',
    ]);
    expect(world.store.seqNrs('journal:slow')).to.deep.equal([1]);
    expect(world.store.offsets.get(place)).to.equal(8);
    await world.stop();
  });
});

describe('PartitionTenures, an action that names a tenure that was never opened', () => {
  const records = [
    logRecord('a', 1, opens()),
    logRecord('b', 2, append(1)),
    logRecord('a', 3, under(2, append(1))),
    logRecord('c', 4, under(1, append(1))),
  ];

  it('holds its partition there, and says so', async () => {
    const { world, store, errors, stop } = await assigned(0, 0);
    await replicated(world, records);
    expect(store.writes()).to.deep.equal([
      'append journal:b@2',
      'saveTenures 0@2',
      'saveOffset 0@2',
    ]);
    expect(errors()[0]?.message).to.match(/names a tenure that was never opened/);
    expect(errors()[0]?.fields).to.deep.include({ offset: 3 });
    expect(errors()[0]?.fields['err']).to.be.instanceOf(DataIntegrityError);
    await stop();
  });

  for (const rules of [
    { policy: 'skip-and-record' as const, skip: [] },
    { policy: 'fail' as const, skip: ['journal:0:3'] },
  ]) {
    it(`is taken by the quarantine = ${rules.policy}, skip ${rules.skip.length}`, async () => {
      const file = new MemoryQuarantine();
      const world = await testReplicator({ quarantine: rules }, { quarantineFile: file });
      standing(world, 0, 0);
      await world.member().assign(partition0);
      await world.member().deliver(partition0, records);
      expect(file.entries.map(({ offset, code }) => ({ offset, code }))).to.deep.equal([
        { offset: 3, code: new DataIntegrityError('').code },
      ]);
      expect(world.errors()[0]?.message).to.match(
        /names a tenure that was never opened was skipped/,
      );
      expect(world.store.journals.get('journal:a')).to.equal(undefined);
      expect(world.store.seqNrs('journal:c')).to.deep.equal([1]);
      expect(world.store.offsets.get(place)).to.equal(4);
      await world.stop();
    });
  }
});

describe('PartitionTenures, when another kind of replicator has moved R alone', () => {
  const log = [
    logRecord('a', 1, append(1)),
    logRecord('a', 2, opens()),
    unreadableHeader('a', 3),
    logRecord('a', 4, under(2, append(2))),
    logRecord('a', 5, opens()),
    logRecord('a', 6, under(5, append(3))),
    logRecord('a', 7, under(2, append(4))),
    logRecord('a', 8, under(5, append(4))),
  ];

  it('begins after W, looks for opening marks up to R, and applies only what comes after', async () => {
    const { world, from, member, store, stop } = await assigned(6, 1);
    expect(from).to.equal(2);
    await member().deliver(partition0, log.slice(1, 4));
    expect(moves(world)).to.deep.equal(['W 4 with 1']);
    await member().deliver(partition0, log.slice(4));
    expect(moves(world).slice(1)).to.deep.equal(['W 8 with 1', 'R 8']);
    expect(store.writes()).to.deep.equal([
      'saveTenures 0@4',
      'append journal:a@8',
      'saveTenures 0@8',
      'saveOffset 0@8',
    ]);
    await stop();
  });

  it('moves W to R although the log has nothing more', async () => {
    const { world, member, store, stop } = await assigned(6, 1);
    await member().deliver(partition0, log.slice(1, 6));
    expect(moves(world)).to.deep.equal(['W 6 with 2']);
    expect(store.offsets.get(place)).to.equal(6);
    expect(member().events).to.deep.equal(['joined']);
    await stop();
  });

  it('tries again when W is not stored', async () => {
    const { world, clock, store, errors, stop } = await assigned(6, 1);
    store.before = refuse('saveTenures');
    await replicated(world, log.slice(1, 5));
    expect(errors()).to.have.length(1);
    store.before = () => {};
    await clock.advance(100);
    expect(moves(world)).to.deep.equal(['W 5 with 2']);
    await stop();
  });

  it('asks of a scope that was not opened since as of W', async () => {
    const { world, member, store, stop } = await assigned(6, 1);
    opened(world, 1, 'other');
    const late = logRecord('b', 7, under(1, append(1), 'other'));
    await member().deliver(partition0, [...log.slice(1, 6), late]);
    expect(moves(world)[0]).to.equal('asked for "other" at 1');
    expect(store.seqNrs('journal:b')).to.deep.equal([1]);
    await stop();
  });

  it('waits where the log has lost records after W, until an operator names them', async () => {
    const { world, member, store, errors, stop } = await assigned(6, 1);
    const error = new DataIntegrityError('the log begins at 4');
    const [offset, nextOffset] = [Offset.of(2), Offset.of(4)];
    member()
      .block({ partition: partition0, offset, nextOffset, error })
      .catch(() => {});
    await settle();
    expect(errors()[0]?.fields).to.deep.include({ offset: 2, err: error });
    expect(errors()[0]?.message).to.contain('name "journal:0:2" in quarantine-skip');
    expect(moves(world)).to.deep.equal([]);
    expect(store.offsets.get(place)).to.equal(6);
    await stop();
  });

  it('says something else where the log has lost records after R, too: events are missing', async () => {
    const { member, errors, stop } = await assigned(6, 1);
    const error = new DataIntegrityError('the log begins at 8');
    const [offset, nextOffset] = [Offset.of(2), Offset.of(8)];
    member()
      .block({ partition: partition0, offset, nextOffset, error })
      .catch(() => {});
    await settle();
    expect(errors()[0]?.message).to.contain('the log cannot give what comes next');
    await stop();
  });

  it('moves W over lost records that an operator named, and R not', async () => {
    const quarantine = { policy: 'fail' as const, skip: ['journal:0:2'] };
    const quarantineFile = new MemoryQuarantine();
    const world = await testReplicator({ quarantine }, { quarantineFile });
    standing(world, 6, 1);
    await world.member().assign(partition0);
    const error = new DataIntegrityError('the log begins at 4');
    const [offset, nextOffset] = [Offset.of(2), Offset.of(4)];
    await world.member().block({ partition: partition0, offset, nextOffset, error });
    expect(moves(world)).to.deep.equal(['W 3 with 0']);
    await world.stop();
  });
});
