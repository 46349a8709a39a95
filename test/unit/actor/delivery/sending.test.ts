import { expect } from 'chai';
import { WriteFailedError, WriteRejectedError } from '../../../../src/model/errors.ts';
import { HoldableJournal } from '../holdable-journal.ts';
import { settle } from '../support.ts';
import { factsIn, openOutbox, shown } from './support.ts';

const id = 'e#1.0@writer-1';

describe('a delivery', () => {
  it('is sent once its event is stored, and no longer after its confirmation', async () => {
    const world = openOutbox();
    await world.recovered();
    const gate = world.journal.blockNextWrite();
    const asked = world.post('a');
    await gate.reached;
    await settle();
    expect(world.shown()).to.deep.equal([]);
    gate.open();
    await asked;
    await settle();
    expect(world.shown()).to.deep.equal(['mail#1 a']);
    await world.attempts[0]?.succeed('receipt 7');
    expect(factsIn(world.journal)).to.deep.equal([
      { deliveries: [{ id, to: 'mail', message: 'a' }] },
      { confirmed: [id] },
    ]);
    expect(world.context()).to.deep.equal(['posted', `${id}: receipt 7`]);
    await world.time.pass(20_000);
    expect(world.shown()).to.deep.equal(['mail#1 a']);
  });

  it('is not sent when its event is not stored', async () => {
    const world = openOutbox();
    world.journal.failNextWrite(new WriteFailedError('lost'));
    await world.post('a').catch(() => {});
    await settle();
    expect(world.shown()).to.deep.equal([]);
    const after = openOutbox({ journal: world.journal, time: world.time });
    await after.recovered();
    expect(after.shown()).to.deep.equal([]);
  });

  it('is sent again at half-interval looks, once the interval since its last attempt is over', async () => {
    const world = openOutbox();
    await world.post('a');
    await settle();
    await world.attempts[0]?.fail();
    await world.time.pass(4_999);
    expect(world.shown()).to.deep.equal(['mail#1 a']);
    await world.time.pass(1);
    expect(world.shown()).to.deep.equal(['mail#1 a', 'mail#2 a']);
    expect(world.attempts[1]?.id).to.equal(world.attempts[0]?.id);
  });

  it('has one attempt under way at a time', async () => {
    const world = openOutbox();
    await world.post('a');
    await world.time.pass(20_000);
    expect(world.shown()).to.deep.equal(['mail#1 a']);
  });

  it('has an attempt aborted that takes too long, and is sent again', async () => {
    const world = openOutbox({ deliveries: { timeout: '7s' } });
    await world.post('a');
    await world.time.pass(6_999);
    const [first] = world.attempts;
    expect(first?.signal.aborted).to.equal(false);
    await world.time.pass(1);
    expect(first?.signal.reason).to.include({ code: 'DEADLINE_EXCEEDED' });
    await world.time.pass(500); // the next look
    expect(world.shown()).to.deep.equal(['mail#1 a', 'mail#2 a']);
  });

  it('is sent again when its destination throws at once', async () => {
    let calls = 0;
    const mail = (): void => {
      if (++calls === 1) throw new Error('at once');
    };
    const world = openOutbox({ deliveries: { to: { mail } } });
    await world.post('a');
    await world.time.pass(5_000);
    expect(calls).to.equal(2);
    expect(factsIn(world.journal).at(-1)).to.deep.equal({ confirmed: [id] });
  });

  it('is confirmed without the value that cannot be stored, which the log names', async () => {
    const world = openOutbox();
    await world.post('a');
    await settle();
    await world.attempts[0]?.succeed(new Date());
    expect(world.context()).to.deep.equal(['posted', `${id}: undefined`]);
    expect(world.log.of('warn')).to.deep.equal([
      'a delivery is confirmed without its output, which cannot be stored',
    ]);
  });

  it('is confirmed without the value that its journal refuses, and not sent again for it', async () => {
    const world = openOutbox();
    await world.post('a');
    await settle();
    world.journal.rejectNextWrite(new WriteRejectedError('the record is too large'));
    await world.attempts[0]?.succeed('as long as a book');
    expect(world.errors).to.deep.equal([]);
    expect(world.context()).to.deep.equal(['posted', `${id}: undefined`]);
    expect(factsIn(world.journal).at(-1)).to.deep.equal({ confirmed: [id] });
    expect(world.log.of('warn')).to.deep.equal([
      'a delivery is confirmed without its output, which the journal refused',
    ]);
  });

  it('is the same in each attempt, whatever its destination did with it before', async () => {
    const texts: string[][] = [];
    const mail = async (message: unknown): Promise<void> => {
      const words = message as string[];
      texts.push([...words]);
      words.pop();
      throw new Error('not yet');
    };
    const world = openOutbox({ deliveries: { to: { mail } } });
    await world.post(['dear', 'friend']);
    await world.time.pass(5_000);
    expect(texts).to.deep.equal([
      ['dear', 'friend'],
      ['dear', 'friend'],
    ]);
  });

  it('begins in the order of the events, and within an event in the order given', async () => {
    const world = openOutbox();
    await Promise.all([world.post('a', 'b'), world.post('c'), world.post('d', 'e')]);
    await settle();
    expect(world.attempts.map(({ message }) => message)).to.deep.equal(['a', 'b', 'c', 'd', 'e']);
  });

  it('goes on after a crash at once, in the order of the events, and only what is unconfirmed', async () => {
    const world = openOutbox();
    await world.post('a', 'b');
    await world.post('c');
    await settle();
    await world.attempts[1]?.succeed();
    const after = openOutbox({ journal: world.journal, time: world.time });
    await after.recovered();
    expect(after.shown()).to.deep.equal(['mail#1 a', 'mail#1 c']);
    expect(after.attempts.map((attempt) => attempt.id)).to.deep.equal([
      world.attempts[0]?.id,
      world.attempts[2]?.id,
    ]);
  });

  it('is not sent while the entity recovers', async () => {
    const world = openOutbox();
    await world.post('a');
    const gate = world.journal.blockReplay();
    const after = openOutbox({ journal: world.journal, time: world.time });
    await gate.reached;
    await settle();
    expect(after.shown()).to.deep.equal([]);
    gate.open();
    await after.recovered();
    expect(after.shown()).to.deep.equal(['mail#1 a']);
  });

  it('is sent again with at most so many others at once', async () => {
    const world = openOutbox({ deliveries: { redeliveryBurst: 2 } });
    await world.post('a', 'b', 'c', 'd', 'e');
    await settle();
    expect(world.attempts).to.have.length(5);
    const after = openOutbox({
      journal: world.journal,
      time: world.time,
      deliveries: { redeliveryBurst: 2 },
    });
    await after.recovered();
    expect(after.shown()).to.deep.equal(['mail#1 a', 'mail#1 b']);
    await after.time.pass(2_500);
    expect(after.shown().slice(2)).to.deep.equal(['mail#1 c', 'mail#1 d']);
    await after.time.pass(2_500);
    expect(after.shown().slice(4)).to.deep.equal(['mail#1 e']);
  });

  it('is not kept waiting by others that fail, however few are sent at once', async () => {
    const world = openOutbox();
    await world.post('a', 'b', 'c', 'd');
    const { journal, time } = world;
    const deliveries = { redeliveryBurst: 1, timeout: 1 };
    const after = openOutbox({ journal, time, deliveries });
    await after.recovered();
    await time.pass(12_500);
    const sent = ['mail#1 a', 'mail#1 b', 'mail#1 c', 'mail#1 d', 'mail#2 a', 'mail#2 b'];
    expect(after.shown()).to.deep.equal(sent);
  });

  it('leads to one warning after so many attempts, with the number of its event', async () => {
    const world = openOutbox({ deliveries: { warnAfterAttempts: 2 } });
    await world.post();
    await world.post('a');
    await settle();
    for (let i = 0; i < 4; i++) {
      await world.attempts[i]?.fail(new Error(`try ${i + 1}`));
      await world.time.pass(5_000);
    }
    const warned = world.signals.filter(({ type }) => type === 'delivery-unconfirmed');
    expect(warned.map(({ sequenceNr, cause }) => [sequenceNr, String(cause)])).to.deep.equal([
      [2, 'Error: try 2'],
    ]);
    expect(world.log.of('warn')).to.deep.equal([
      'a delivery is not confirmed; it is tried further',
    ]);
    expect(world.attempts).to.have.length(5);
  });

  it('is aborted when the entity stops, and its late success is left to the next process', async () => {
    const world = openOutbox();
    await world.post('a');
    await settle();
    await world.host.stop(world.actor);
    const [first] = world.attempts;
    expect(first?.signal.reason).to.include({ code: 'CLOSED' });
    await first?.succeed();
    expect(factsIn(world.journal)).to.have.length(1);
    const after = openOutbox({ journal: world.journal, time: world.time });
    await after.recovered();
    expect(after.shown()).to.deep.equal(['mail#1 a']);
  });

  it('is aborted when the entity is lost, and sent again when that has recovered by itself', async () => {
    const journal = new HoldableJournal();
    const world = openOutbox({ journal });
    await world.post('a');
    await settle();
    journal.lose('e');
    await settle();
    expect(world.attempts[0]?.signal.aborted).to.equal(true);
    expect(world.attempts.map(shown)).to.deep.equal(['mail#1 a', 'mail#1 a']);
    await world.attempts[1]?.succeed();
    expect(factsIn(journal).at(-1)).to.deep.equal({ confirmed: [id] });
  });

  it('is sent again when the write of its confirmation has failed', async () => {
    const restart = { minBackoff: 1, maxBackoff: 1, randomFactor: 0 };
    const world = openOutbox({ entity: { onPersistFailure: restart } });
    await world.post('a');
    await settle();
    world.journal.failNextWrite(new WriteFailedError('lost'));
    await world.attempts[0]?.succeed();
    await world.time.pass(2);
    await world.recovered();
    expect(world.shown()).to.deep.equal(['mail#1 a', 'mail#1 a']);
  });

  it('keeps its entity from being passivated, and says so in the journal', async () => {
    const entities = openOutbox();
    const logic = entities.host.behavior({
      types: { commands: {} as { type: 'go' }, events: {} as { type: 'gone' } },
      persistenceId: ({ input }) => input.id,
      initialState: null,
      decide: () => ({
        type: 'persist',
        events: [{ type: 'gone' }],
        deliver: [{ to: 'mail', message: 'x' }],
      }),
      evolve: (state) => state,
      deliveries: { to: { mail: (_, { attempt }) => expect(attempt).to.equal(2) } },
      passivateAfter: 100,
    });
    const registry = entities.host.entities('one', logic);
    await registry.ask('one', { type: 'go' });
    expect(entities.journal.writes.flat().map(({ wake }) => wake)).to.deep.equal(['now']);
    await entities.time.pass(1_000);
    expect(registry.ids()).to.deep.equal(['one']);
    await entities.time.pass(4_500); // the second attempt confirms it
    expect(entities.journal.writes.flat().map(({ wake }) => wake)).to.deep.equal(['now', 'none']);
    expect(registry.ids()).to.deep.equal([]);
  });

  it('waits for a destination that the program does not have, with one warning', async () => {
    const world = openOutbox();
    await world.post('a', 'b');
    const older = openOutbox({ journal: world.journal, time: world.time, deliveries: { to: {} } });
    await older.recovered();
    await older.time.pass(20_000);
    expect(older.log.of('warn')).to.deep.equal([
      'a stored delivery waits for a destination that the option "deliveries.to" does not have',
    ]);
    await older.post();
    const newer = openOutbox({ journal: world.journal, time: world.time });
    await newer.recovered();
    expect(newer.shown()).to.deep.equal(['mail#1 a', 'mail#1 b']);
  });
});

describe('a delivery that an event confirms', () => {
  it('is not confirmed by its destination, and sent again until the event', async () => {
    const world = openOutbox();
    await world.ask({ type: 'post', to: 'queue', messages: ['a'], ids: ['order-1'] });
    await settle();
    await world.attempts[0]?.succeed('taken');
    expect(factsIn(world.journal)).to.have.length(1);
    await world.time.pass(5_000);
    expect(world.shown()).to.deep.equal(['queue#1 a', 'queue#2 a']);
    await world.ask({ type: 'post', confirm: ['order-1'] });
    expect(factsIn(world.journal).at(-1)).to.deep.equal({ confirmed: ['order-1'] });
    await world.attempts[1]?.fail();
    await world.time.pass(20_000);
    expect(world.attempts).to.have.length(2);
  });

  it('may be one of a destination that has not answered; its answer says nothing new then', async () => {
    const world = openOutbox();
    await world.post('a');
    await settle();
    await world.ask({ type: 'post', confirm: [id] });
    await world.attempts[0]?.succeed();
    expect(factsIn(world.journal).slice(1)).to.deep.equal([{ confirmed: [id] }]);
  });

  it('changes nothing when it is not open', async () => {
    const world = openOutbox();
    await world.ask({ type: 'post', confirm: ['never', 'never'] });
    expect(factsIn(world.journal)).to.deep.equal([{}]);
  });
});
