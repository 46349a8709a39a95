import { expect } from 'chai';
import {
  CodecError,
  NotOwnerError,
  WriteFailedError,
  WriteRejectedError,
} from '../../../../src/model/errors.ts';
import { SeqNr } from '../../../../src/model/seq-nr.ts';
import { settle } from '../../../support/replicator/manual-clock.ts';
import { eventsFrom } from '../counting-world.ts';
import {
  append,
  HoldingWorld,
  isAppend,
  isMark,
  limitMs,
  outcome,
  type Process,
} from './holding-world.ts';

describe('A write of a held journal', () => {
  let world: HoldingWorld;
  let mine: Process;
  beforeEach(() => {
    world = new HoldingWorld();
    mine = world.process('mine');
  });
  afterEach(() => world.close());

  const unknown = () => new WriteFailedError('no answer');
  const rejected = () => new WriteRejectedError('too large');

  it('carries the tenure, names its partition, and is known to count at once where no gap is', async () => {
    const journal = await mine.hold();
    world.log.show(0);
    mine.producer.holds = isAppend;
    const appended = append(journal, 1);
    const call = mine.producer.next();
    expect(call.options).to.deep.equal({ partition: 0 });
    call.ack();
    expect(await outcome(appended)).to.equal('done');
    expect(world.text).to.equal('open(mine) a:append1(0)');
  });

  it('waits for the follower where a gap lies before it', async () => {
    const journal = await mine.hold();
    world.log.show(1);
    world.foreign('append', 1, 'other');
    const appended = append(journal, 1);
    expect(await outcome(appended)).to.equal('pending');
    world.log.show(3);
    expect(await outcome(appended)).to.equal('done');
  });

  it('is void when another opening mark lies before it, and names the owner', async () => {
    const journal = await mine.hold();
    world.log.show(1);
    world.open();
    const appended = append(journal, 1);
    expect(await outcome(appended)).to.equal('pending');
    world.log.show();
    const error = await appended.catch((failure: unknown) => failure);
    expect(error).to.be.instanceOf(NotOwnerError);
    expect((error as NotOwnerError).owner).to.deep.include({ holder: 'holder', offset: 1 });
    expect(journal.signal.reason).to.be.instanceOf(NotOwnerError);
  });

  it('counts when it comes before the other opening mark, although the tenure is over', async () => {
    const journal = await mine.hold();
    mine.producer.holds = isAppend;
    const appended = append(journal, 1);
    const call = mine.producer.next();
    call.land();
    world.open();
    await settle();
    expect(journal.signal.aborted).to.equal(true);
    call.ack();
    expect(await outcome(appended)).to.equal('done');
  });

  it('does not mind marks of other scopes, and marks that open nothing', async () => {
    const journal = await mine.hold();
    world.open('other');
    expect(await outcome(append(journal, 1))).to.equal('done');
    expect(journal.signal.aborted).to.equal(false);
  });

  it('has an unknown outcome when the gap was not looked at in time', async () => {
    const journal = await mine.hold();
    world.log.show(1);
    world.foreign('append', 1, 'other');
    const appended = append(journal, 1);
    expect(await outcome(appended)).to.equal('pending');
    await world.clock.advance(limitMs);
    expect(await outcome(appended)).to.equal('WriteFailedError');
    expect(journal.signal.aborted).to.equal(true);
  });

  it('after an action without a tenure has an unknown outcome, when the follower sees that one first', async () => {
    const journal = await mine.hold();
    mine.producer.holds = isAppend;
    const appended = append(journal, 1);
    const call = mine.producer.next();
    world.foreign('append');
    call.land();
    await settle();
    expect(journal.signal.reason).to.be.instanceOf(NotOwnerError);
    call.ack();
    expect(await outcome(appended)).to.equal('WriteFailedError');
  });

  it('after an action without a tenure has an unknown outcome, when its answer comes first', async () => {
    const journal = await mine.hold();
    world.log.show(1);
    world.foreign('append');
    const appended = append(journal, 1);
    expect(await outcome(appended)).to.equal('pending');
    world.log.show();
    expect(await outcome(appended)).to.equal('WriteFailedError');
  });

  it('has an unknown outcome after one without a tenure, also when the journal was let go meanwhile', async () => {
    const journal = await mine.hold();
    world.log.show(1);
    mine.producer.holds = isAppend;
    const appended = append(journal, 1);
    const call = mine.producer.next();
    const released = journal[Symbol.asyncDispose]();
    world.foreign('append');
    call.ack();
    world.log.show();
    expect(await outcome(appended)).to.equal('WriteFailedError');
    expect(await outcome(released)).to.equal('done');
  });

  it('counts before an action without a tenure', async () => {
    const journal = await mine.hold();
    mine.producer.holds = isAppend;
    const appended = append(journal, 1);
    const call = mine.producer.next();
    call.land();
    world.foreign('append', 2);
    await settle();
    call.ack();
    expect(await outcome(appended)).to.equal('done');
    expect(await outcome(append(journal, 2))).to.equal('NotOwnerError');
  });

  it('is refused after one that this process wrote without the tenure', async () => {
    const journal = await mine.hold();
    mine.producer.holds = isAppend;
    const before = append(journal, 1);
    const past = append(mine.journals.of(world.key()), 2);
    expect(journal.signal.aborted).to.equal(true);
    expect(await outcome(append(journal, 2))).to.equal('NotOwnerError');
    for (const _ of [before, past]) mine.producer.next().ack();
    expect(await outcome(before)).to.equal('done');
  });

  it('that reaches the log after one of this process without the tenure has an unknown outcome', async () => {
    const journal = await mine.hold();
    world.log.show(1);
    mine.producer.holds = isAppend;
    const appended = append(journal, 1);
    const past = append(mine.journals.of(world.key()), 1);
    const call = mine.producer.next();
    mine.producer.next().ack();
    call.ack();
    expect(await outcome(past)).to.equal('done');
    expect(await outcome(appended)).to.equal('WriteFailedError');
  });

  it('is not acknowledged on numbers that were taken since the first read, whatever was read later', async () => {
    const journal = await mine.hold();
    world.log.show(1);
    const first = append(journal, 1);
    world.foreign('append', 2);
    // Its look at the last number goes beyond the other append, of which nobody is told.
    const deleted = outcome(journal.delete(SeqNr.min));
    await settle();
    const second = append(journal, 2);
    world.log.show();
    expect(await outcome(first)).to.equal('done');
    expect(await outcome(second)).to.equal('WriteFailedError');
    await deleted;
  });

  it('without a read before it minds what others write after it', async () => {
    const journal = await mine.journals.hold(world.key());
    expect(await outcome(journal.purge())).to.equal('done');
    world.log.show(2);
    world.foreign('append');
    const appended = append(journal, 1);
    await settle();
    world.log.show();
    expect(await outcome(appended)).to.equal('WriteFailedError');
  });

  it('ends with a record of the key that cannot be decoded: it may be an action without a tenure', async () => {
    const journal = await mine.hold();
    world.log.show(1);
    const offset = world.foreign('append');
    world.log.undecodable.set(offset, { id: 'a', error: new CodecError('broken') });
    world.log.show();
    await settle();
    expect(journal.signal.aborted).to.equal(true);
  });

  describe('that was sent after a failed one', () => {
    it('has an unknown outcome, although it is stored: the failed one was refused', async () => {
      const journal = await mine.hold();
      mine.producer.holds = isAppend;
      const calls = [append(journal, 1), append(journal, 2)];
      mine.producer.next().fail(rejected());
      mine.producer.next().ack();
      expect(await outcome(calls[0] as Promise<unknown>)).to.equal('WriteRejectedError');
      expect(await outcome(calls[1] as Promise<unknown>)).to.equal('WriteFailedError');
      expect(journal.signal.aborted).to.equal(true);
    });

    it('has an unknown outcome: the failed one may be stored, or not', async () => {
      const journal = await mine.hold();
      mine.producer.holds = isAppend;
      const calls = [append(journal, 1), append(journal, 2), append(journal, 3)];
      mine.producer.next().ack();
      mine.producer.next().fail(unknown());
      mine.producer.next().ack();
      expect(await Promise.all(calls.map(outcome))).to.deep.equal([
        'done',
        'WriteFailedError',
        'WriteFailedError',
      ]);
    });

    it('once that was known, is a write as any other', async () => {
      const journal = await mine.hold();
      mine.producer.holds = isAppend;
      const first = append(journal, 1);
      const second = append(journal, 2);
      mine.producer.next().ack();
      mine.producer.next().fail(rejected());
      expect(await outcome(second)).to.equal('WriteRejectedError');
      const again = append(journal, 2);
      await settle();
      mine.producer.next().ack();
      expect(await outcome(first)).to.equal('done');
      expect(await outcome(again)).to.equal('done');
    });
  });

  describe('whose signal has fired', () => {
    it('before it was sent changes nothing', async () => {
      const journal = await mine.hold();
      const signal = AbortSignal.abort(new Error('enough'));
      expect(await outcome(journal.append(eventsFrom(1, 1), { signal }))).to.equal('Error');
      expect(await outcome(append(journal, 1))).to.equal('done');
      expect(world.text).to.equal('open(mine) a:append1(0)');
    });

    it('while the producer had not handed it over is certainly not stored', async () => {
      const journal = await mine.hold();
      mine.producer.holds = isAppend;
      const abort = new AbortController();
      const appended = journal.append(eventsFrom(1, 1), { signal: abort.signal });
      abort.abort(new Error('enough'));
      mine.producer.next().fail(abort.signal.reason);
      expect(await outcome(appended)).to.equal('Error');
      expect(journal.signal.aborted).to.equal(false);
    });
  });

  describe('while the tenure is opened anew', () => {
    /** The journals b, and a whose write has an unknown outcome; a is held again. */
    async function renewing() {
      const [a, b] = [await mine.hold('a'), await mine.hold('b')];
      mine.producer.holds = (action) => isAppend(action) || isMark(action);
      const doubtful = append(a, 1);
      const lost = mine.producer.next();
      lost.fail(unknown());
      expect(await outcome(doubtful)).to.equal('WriteFailedError');
      const again = mine.hold('a');
      await settle();
      return { b, again, lost };
    }

    it('waits, and carries the new number, in the order of the calls', async () => {
      const { b, again } = await renewing();
      const calls = [append(b, 1), append(b, 2)];
      await settle();
      expect(mine.producer.calls.length).to.equal(1);
      mine.producer.next().ack();
      mine.producer.holds = () => false;
      await again;
      const later = append(b, 3);
      expect(await Promise.all([...calls, later].map(outcome))).to.deep.equal([
        'done',
        'done',
        'done',
      ]);
      expect(world.text).to.equal('open(mine) open(mine) b:append1(1) b:append2(1) b:append3(1)');
      expect(b.signal.aborted).to.equal(false);
      expect(b.tenure).to.deep.equal({ scope: '', of: 1 });
    });

    it('is void when it was sent before and lands after the new mark, and so is the doubtful one', async () => {
      const [a, b] = [await mine.hold('a'), await mine.hold('b')];
      mine.producer.holds = (action) => isAppend(action) || isMark(action);
      const late = append(b, 1);
      const lateCall = mine.producer.next();
      const doubtful = append(a, 1);
      const lost = mine.producer.next();
      lost.fail(unknown());
      expect(await outcome(doubtful)).to.equal('WriteFailedError');
      const again = mine.hold('a');
      await settle();
      mine.producer.next().ack();
      await again;
      lateCall.ack();
      expect(await outcome(late)).to.equal('NotOwnerError');
      lost.land();
      expect(b.signal.aborted).to.equal(true);
    });

    it('is refused when the one that waited before it failed', async () => {
      const { b, again } = await renewing();
      const abort = new AbortController();
      const first = b.append(eventsFrom(1, 1), { signal: abort.signal });
      const second = append(b, 2);
      abort.abort(new Error('enough'));
      mine.producer.next().ack();
      await again;
      expect(await outcome(first)).to.equal('Error');
      expect(await outcome(second)).to.equal('WriteRejectedError');
      mine.producer.holds = () => false;
      expect(await outcome(append(b, 1))).to.equal('done');
    });

    it('is refused when another process has opened in between', async () => {
      const { b, again } = await renewing();
      const waiting = append(b, 1);
      world.open();
      mine.producer.next().ack();
      mine.producer.holds = () => false;
      await settle();
      expect(await outcome(waiting)).to.equal('NotOwnerError');
      expect(b.signal.aborted).to.equal(true);
      await again;
      expect(world.text).to.equal('open(mine) open(holder) open(mine)');
    });

    it('goes on under the old number when the new mark was refused', async () => {
      const { b, again } = await renewing();
      const waiting = append(b, 1);
      mine.producer.next().fail(rejected());
      mine.producer.holds = () => false;
      expect(await outcome(again)).to.equal('WriteRejectedError');
      expect(await outcome(waiting)).to.equal('done');
      expect(world.text).to.equal('open(mine) b:append1(0)');
    });
  });
});
