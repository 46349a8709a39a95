import { expect } from 'chai';
import { DataIntegrityError, FencedError, NotSetUpError } from '../../../../src/model/errors.ts';
import { Offset } from '../../../../src/model/position.ts';
import { flowOver } from '../../../support/replicator/flow-over.ts';
import { settle } from '../../../support/replicator/manual-clock.ts';
import { MemoryQuarantine } from '../../../support/replicator/memory-quarantine.ts';
import { MemoryReplicatedJournal } from '../../../support/replicator/memory-replicated-journal.ts';
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

import {
  assigned,
  down,
  moves,
  opened,
  place,
  refuse,
  replicated,
  standing,
} from './tenures-world.ts';

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
    const { world, from, claim, member, store, stop } = await assigned(6);
    expect([from, ...claim]).to.deep.equal([7, 'W 6 with 0']);
    expect(store.tenuresKnown.get(place)).to.equal(6);
    await member().deliver(partition0, [
      logRecord('a', 7, opens()),
      logRecord('a', 8, under(7, append(1))),
    ]);
    expect(moves(world)).to.deep.equal(['W 8 with 1', 'R 8']);
    await stop();
  });

  it('stores W again where it is at R or after it: what an earlier owner sends late loses then', async () => {
    for (const known of [6, 9]) {
      const { claim, stop } = await assigned(6, known);
      expect(claim).to.deep.equal(['W 6 with 0']);
      await stop();
    }
  });

  it('stores no W where there is no R, nor where W lags', async () => {
    for (const [replicated, known] of [[undefined], [6, 1]]) {
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
    expect(store.calls.filter(({ name }) => name === 'tenuresUpTo')).to.deep.equal([]);
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
    expect(moves(world).slice(1)).to.deep.equal(['asked for "" at 5', 'W 9 with 1', 'R 9']);
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

  it('ends when another process has taken W back, and begins anew where W is', async () => {
    const { world, member, store, clock, errors, stop } = await assigned(4, 4);
    store.tenuresKnown.set(place, 2);
    const record = logRecord('b', 5, under(3, append(1)));
    await replicated(world, [record]);
    expect(store.writes()).to.deep.equal([]);
    expect(errors()[0]?.fields['err']).to.be.instanceOf(FencedError);
    await clock.advance(200);
    expect(await member().assign(partition0)).to.equal(3);
    await member().deliver(partition0, [logRecord('b', 3, opens()), record]);
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
