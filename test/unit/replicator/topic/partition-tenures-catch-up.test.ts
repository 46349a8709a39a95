import { expect } from 'chai';
import { DataIntegrityError } from '../../../../src/model/errors.ts';
import { Offset } from '../../../../src/model/position.ts';
import { settle } from '../../../support/replicator/manual-clock.ts';
import { MemoryQuarantine } from '../../../support/replicator/memory-quarantine.ts';
import {
  append,
  logRecord,
  opens,
  partition0,
  under,
  unreadableHeader,
} from '../../../support/replicator/records.ts';
import { testReplicator } from '../../../support/replicator/test-replicator.ts';

import { assigned, moves, opened, place, refuse, replicated, standing } from './tenures-world.ts';

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
