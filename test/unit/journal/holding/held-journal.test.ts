import { expect } from 'chai';
import type { HeldJournal } from '../../../../src/journal/holding/held-journal.ts';
import { WriteRejectedError } from '../../../../src/model/errors.ts';
import { SeqNr } from '../../../../src/model/seq-nr.ts';
import { settle } from '../../../support/replicator/manual-clock.ts';
import { eventsFrom } from '../counting-world.ts';
import { append, HoldingWorld, isAppend, outcome, type Process, readAll } from './holding-world.ts';

describe('The numbers of a held journal', () => {
  let world: HoldingWorld;
  let mine: Process;
  beforeEach(() => {
    world = new HoldingWorld();
    mine = world.process('mine');
  });
  afterEach(() => world.close());

  const hold = (): Promise<HeldJournal> => mine.journals.hold(world.key());
  const outcomes = (calls: readonly Promise<unknown>[]): Promise<string[]> =>
    Promise.all(calls.map(outcome));

  it('follow on what was read', async () => {
    world.foreign('append', 1);
    world.foreign('append', 2);
    const journal = await mine.hold();
    expect(await outcomes([append(journal, 2), append(journal, 4)])).to.deep.equal([
      'InvalidInputError',
      'InvalidInputError',
    ]);
    expect(await outcomes([append(journal, 3, 2), append(journal, 5)])).to.deep.equal([
      'done',
      'done',
    ]);
    expect(await readAll(journal)).to.equal(5);
  });

  it('are asked for when nothing was read, once for all appends that wait, which keep their order', async () => {
    world.foreign('append', 1);
    const journal = await hold();
    const calls = [append(journal, 2), append(journal, 3), append(journal, 4)];
    const last = calls[0]?.then(() => append(journal, 5));
    expect(await outcomes(calls)).to.deep.equal(['done', 'done', 'done']);
    await last;
    expect(world.text).to.equal(
      'a:append1 open(mine) a:append2(1) a:append3(1) a:append4(1) a:append5(1)',
    );
  });

  it('stay free when an append was refused before anything was sent', async () => {
    const journal = await mine.hold();
    const unreadable = [{ ...eventsFrom(1, 1)[0], tags: 'no list' }] as never;
    const calls = [
      journal.append(unreadable),
      journal.append([]),
      append(journal, 2),
      append(journal, 1),
    ];
    expect(await outcomes(calls)).to.deep.equal([
      'InvalidInputError',
      'InvalidInputError',
      'InvalidInputError',
      'done',
    ]);
  });

  it('stay as they are when a purge was refused before anything was sent', async () => {
    const journal = await mine.hold();
    await append(journal, 1);
    const signal = AbortSignal.abort(new Error('enough'));
    const calls = [journal.purge({ signal }), append(journal, 1), append(journal, 2)];
    expect(await outcomes(calls)).to.deep.equal(['Error', 'InvalidInputError', 'done']);
  });

  it('are asked for again after a write that was refused', async () => {
    const journal = await mine.hold();
    mine.producer.holds = isAppend;
    const appended = append(journal, 1);
    mine.producer.next().fail(new WriteRejectedError('too large'));
    expect(await outcome(appended)).to.equal('WriteRejectedError');
    mine.producer.holds = () => false;
    expect(await outcomes([append(journal, 2), append(journal, 1)])).to.deep.equal([
      'InvalidInputError',
      'done',
    ]);
  });

  it('begin at 1 after a purge, and go on after a delete', async () => {
    const journal = await mine.hold();
    await append(journal, 1, 3);
    await journal.delete(SeqNr.of(2));
    await append(journal, 4);
    const calls = [journal.purge(), append(journal, 1)];
    expect(await outcomes(calls)).to.deep.equal(['done', 'done']);
    expect(await readAll(journal)).to.equal(1);
  });

  it('are not those of a read that was overtaken by writes', async () => {
    const journal = await mine.hold();
    await append(journal, 1);
    const read = journal.read();
    await read.next();
    await append(journal, 2);
    while (!(await read.next()).done);
    expect(await outcomes([append(journal, 2), append(journal, 3)])).to.deep.equal([
      'InvalidInputError',
      'done',
    ]);
  });

  it('are unknown after a first read that was left early', async () => {
    world.foreign('append', 1);
    const journal = await hold();
    for await (const _ of journal.read()) break;
    expect(await outcomes([append(journal, 1), append(journal, 2)])).to.deep.equal([
      'InvalidInputError',
      'done',
    ]);
  });

  it('can still be read when the journal is no longer held; nothing is sent', async () => {
    const journal = await mine.hold();
    await append(journal, 1);
    world.open();
    await settle();
    expect(journal.signal.aborted).to.equal(true);
    expect(await readAll(journal)).to.equal(1);
    expect(await outcomes([append(journal, 2), journal.purge()])).to.deep.equal([
      'NotOwnerError',
      'NotOwnerError',
    ]);
    expect(world.log.end).to.equal(3);
  });
});
