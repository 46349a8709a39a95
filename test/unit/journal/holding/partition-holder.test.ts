import { expect } from 'chai';
import { TenuresNotKeptError } from '../../../../src/journal/holding/why-not-open.ts';
import {
  AccessDeniedError,
  CodecError,
  DataIntegrityError,
  LogUnavailableError,
  NotOwnerError,
  StoreUnavailableError,
  WriteFailedError,
} from '../../../../src/model/errors.ts';
import { Offset } from '../../../../src/model/position.ts';
import { settle } from '../../../support/replicator/manual-clock.ts';
import {
  append,
  HoldingWorld,
  holdingTimeMs,
  isAppend,
  isMark,
  limitMs,
  outcome,
  type Process,
} from './holding-world.ts';

const minuteMs = 60_000;

describe('A process that holds a partition', () => {
  let world: HoldingWorld;
  let mine: Process;
  beforeEach(() => {
    world = new HoldingWorld();
    mine = world.process('mine');
  });
  afterEach(() => world.close());

  const hold = (id = 'a', signal?: AbortSignal) => mine.journals.hold(world.key(id), { signal });
  const failure = (call: Promise<unknown>): Promise<unknown> =>
    call.catch((error: unknown) => error);

  describe('opens a tenure', () => {
    it('once for all journals of the partition, however many ask at once', async () => {
      const ids = Array.from({ length: 50 }, (_, index) => `id-${index}`);
      await Promise.all(ids.map((id) => hold(id)));
      expect(world.text).to.equal('open(mine)');
      expect(world.log.following).to.equal(1);
    });

    it('and gives out no journal before it has seen its own mark', async () => {
      world.log.show(0);
      const held = hold();
      expect(await outcome(held)).to.equal('pending');
      world.log.show();
      expect(await outcome(held)).to.equal('done');
    });

    it('again when another opening mark comes before that was seen, after the holding time', async () => {
      world.log.show(0);
      const held = hold();
      await settle();
      world.open();
      world.log.show();
      expect(await outcome(held)).to.equal('pending');
      await world.clock.advance(holdingTimeMs - 1);
      expect(await outcome(held)).to.equal('pending');
      await world.clock.advance(1);
      expect(await outcome(held)).to.equal('done');
      expect(world.text).to.equal('open(mine) open(holder) open(mine)');
    });

    it('and fails when its mark is not seen in time; the next call opens again', async () => {
      world.log.show(0);
      const held = failure(hold());
      await settle();
      await world.clock.advance(limitMs);
      expect(await held).to.be.instanceOf(LogUnavailableError);
      world.log.show();
      expect(await outcome(hold())).to.equal('done');
      expect(world.text).to.equal('open(mine) open(mine)');
    });

    it('and fails when what lies there is not its mark for any reader', async () => {
      world.log.undecodable.set(0, { id: 'a', error: new CodecError('broken') });
      expect(await failure(hold())).to.be.instanceOf(LogUnavailableError);
      expect(await outcome(hold())).to.equal('done');
    });

    it('and fails with the missing right when it may not read the log', async () => {
      world.log.followErrors.push(new AccessDeniedError('READ on topic t'));
      expect(await failure(hold())).to.be.instanceOf(AccessDeniedError);
      expect(await outcome(hold())).to.equal('done');
    });

    it('and fails retryably when nobody knows whether the mark is stored; a late one ends the next tenure', async () => {
      mine.producer.holds = isMark;
      const first = failure(hold());
      await settle();
      const lost = mine.producer.next();
      lost.fail(new WriteFailedError('no answer'));
      expect(await first).to.be.instanceOf(LogUnavailableError);
      mine.producer.holds = () => false;
      const journal = await mine.hold();
      lost.land();
      await settle();
      expect(journal.signal.reason).to.be.instanceOf(NotOwnerError);
      // Nobody else has the partition: there is nothing to wait for.
      expect(await outcome(hold())).to.equal('done');
      expect(world.text).to.equal('open(mine) open(mine) open(mine)');
    });

    it('only where the replicator keeps opening marks', async () => {
      world.replicated = Offset.of(5);
      world.lastTenure = 'unknown';
      expect(await failure(hold())).to.be.instanceOf(TenuresNotKeptError);
      expect(world.text).to.equal('');
      world.lastTenure = undefined;
      expect(await outcome(hold())).to.equal('done');
    });

    it('not where it kept them, but W is before R: that passes, and nobody writes without meanwhile', async () => {
      world.replicated = Offset.of(5);
      world.knownUpTo = 4;
      expect(await failure(hold())).to.be.instanceOf(StoreUnavailableError);
      expect(world.text).to.equal('');
      world.knownUpTo = 5;
      expect(await outcome(hold())).to.equal('done');
    });

    it('only in a topic that has the partitions that it had', async () => {
      await hold();
      world.open();
      world.log.partitions = 2;
      await settle();
      const again = failure(hold());
      await settle();
      await world.clock.advance(holdingTimeMs);
      expect(await again).to.be.instanceOf(DataIntegrityError);
    });
  });

  describe('loses its tenure', () => {
    it('to another opening mark: no warning in a fleet, where partitions are handed over', async () => {
      const inFleet = world.process('in a fleet', '', { hasFleet: true });
      const journal = await inFleet.hold();
      world.open();
      await settle();
      expect(journal.signal.aborted).to.equal(true);
      expect(world.logger.of('warn')).to.deep.equal([]);
      const notes = world.logger.of('debug').filter((text) => text.includes('has taken'));
      expect(notes).to.have.length(1);
    });

    it('to a process of its fleet, whose opening mark says where it is reached', async () => {
      let address: string | undefined;
      const other = world.process('other', '', { address: () => address });
      const journals = [await mine.hold()];
      for (const known of [undefined, 'http://10.0.0.7:8558']) {
        // It is known before the process has joined, which is before it holds anything.
        address = known;
        await world.clock.advance(holdingTimeMs);
        await (await other.hold())[Symbol.asyncDispose]();
        await settle();
        const { reason } = journals.at(-1)?.signal ?? {};
        expect(reason.owner).to.deep.include({ holder: 'other', address: known });
        if (known !== undefined) expect(reason.message).to.contain(known);
        await world.clock.advance(holdingTimeMs);
        journals.push(await mine.hold());
      }
    });

    it('to another opening mark: all journals end, and it warns once', async () => {
      const journals = [await mine.hold('a'), await mine.hold('b')];
      world.open();
      await settle();
      for (const { signal } of journals) {
        expect(signal.reason).to.be.instanceOf(NotOwnerError);
        expect(signal.reason.owner).to.deep.include({ holder: 'holder', offset: 1 });
      }
      await world.clock.advance(holdingTimeMs);
      await mine.hold();
      world.open();
      await settle();
      expect(world.logger.of('warn').length).to.equal(1);
    });

    it('without a warning where none of its journals is held any more, as after a hand-over', async () => {
      await (await mine.hold())[Symbol.asyncDispose]();
      world.open();
      await settle();
      expect(world.logger.of('warn')).to.deep.equal([]);
      await world.clock.advance(holdingTimeMs);
      await mine.hold();
      world.open();
      await settle();
      expect(world.logger.of('warn').length).to.equal(1);
    });

    it('to what the log itself says: all journals end, and the holding time begins', async () => {
      const journals = [await mine.hold('a'), await mine.hold('b')];
      world.log.show(1);
      mine.producer.holds = isAppend;
      const refused = append(journals[0] as never, 1);
      const owner = { partition: 0, offset: 9, holder: 'holder', address: undefined };
      mine.producer.next().fail(new NotOwnerError('refused', { owner }));
      expect(await outcome(refused)).to.equal('NotOwnerError');
      for (const { signal } of journals) expect(signal.reason?.owner).to.deep.equal(owner);
      world.log.show();
      const again = hold();
      expect(await outcome(again)).to.equal('pending');
      await world.clock.advance(holdingTimeMs);
      expect(await outcome(again)).to.equal('done');
    });

    for (const [why, change] of [
      [
        'the replicator keeps no marks any more',
        () => {
          world.replicated = Offset.of(0);
          world.lastTenure = 'unknown';
        },
      ],
      [
        'the number of partitions changed',
        () => {
          world.log.partitions = 2;
        },
      ],
    ] as const) {
      it(`when ${why}`, async () => {
        const journal = await mine.hold();
        change();
        await world.clock.advance(10_000);
        expect(journal.signal.aborted).to.equal(true);
      });
    }

    it('when the log no longer has what it has to look at', async () => {
      const journal = await mine.hold();
      world.log.followErrors.push(new LogUnavailableError('gone'), new DataIntegrityError('lost'));
      world.log.breakFollowers(new LogUnavailableError('gone'));
      await world.clock.advance(1_000);
      expect(journal.signal.reason).to.be.instanceOf(DataIntegrityError);
    });

    it('not because it cannot follow the log for a while: it goes on where it was', async () => {
      const journal = await mine.hold();
      await append(journal, 1);
      world.foreign('append', 1, 'other');
      await settle();
      world.log.followErrors.push(new CodecError('broken'), new LogUnavailableError('gone'));
      world.log.breakFollowers(new LogUnavailableError('gone'));
      await world.clock.advance(10_000);
      expect(journal.signal.aborted).to.equal(false);
      expect(world.log.follows).to.deep.equal([0, 3, 3, 3]);
      expect(world.logger.of('warn').length).to.equal(1);
      world.open();
      await settle();
      expect(journal.signal.aborted).to.equal(true);
    });

    it('after a while without a journal, and not before', async () => {
      const journal = await mine.hold();
      await world.clock.advance(10 * minuteMs);
      expect(world.log.following).to.equal(1);
      await journal[Symbol.asyncDispose]();
      await world.clock.advance(minuteMs - 1);
      await (await hold())[Symbol.asyncDispose]();
      await world.clock.advance(minuteMs - 1);
      expect(world.log.following).to.equal(1);
      await world.clock.advance(10_001);
      expect(world.log.following).to.equal(0);
      expect(world.clock.sleeping).to.equal(0);
      expect(await outcome(hold())).to.equal('done');
      expect(world.text).to.equal('open(mine) open(mine)');
    });

    it('after a while, also when whoever asked for it did not wait', async () => {
      world.log.show(0);
      const abort = new AbortController();
      const held = hold('a', abort.signal);
      await settle();
      abort.abort(new Error('enough'));
      expect(await outcome(held)).to.equal('Error');
      world.log.show();
      await world.clock.advance(minuteMs + 10_000);
      expect(world.log.following).to.equal(0);
      expect(world.clock.sleeping).to.equal(0);
    });
  });

  it('keeps no timer and no listener of journals that come and go', async () => {
    for (let index = 0; index < 2_000; index++) {
      await (await hold(`id-${index % 10}`))[Symbol.asyncDispose]();
    }
    expect(world.text).to.equal('open(mine)');
    expect(world.clock.sleeping).to.equal(1);
  });

  describe('is asked for a journal that is held', () => {
    it('ends the former one, and waits for its writes', async () => {
      const former = await mine.hold();
      mine.producer.holds = isAppend;
      const appended = append(former, 1);
      const again = hold();
      expect(former.signal.aborted).to.equal(true);
      expect(await outcome(again)).to.equal('pending');
      mine.producer.next().ack();
      expect(await outcome(appended)).to.equal('done');
      expect(await outcome(again)).to.equal('done');
      expect(world.text).to.equal('open(mine) a:append1(0)');
    });

    for (const how of ['let go', 'written past'] as const) {
      it(`waits for the writes of one that was ${how}, and opens anew after an unknown outcome`, async () => {
        const former = await mine.hold();
        mine.producer.holds = isAppend;
        const appended = append(former, 1);
        const call = mine.producer.next();
        if (how === 'let go') former[Symbol.asyncDispose]().catch(() => {});
        else append(mine.journals.of(world.key()), 2).catch(() => {});
        const again = hold();
        expect(await outcome(again)).to.equal('pending');
        call.fail(new WriteFailedError('no answer'));
        expect(await outcome(appended)).to.equal('WriteFailedError');
        expect(await outcome(again)).to.equal('done');
        // It lands late, after the recovery of the next one.
        call.land();
        expect(world.text).to.equal('open(mine) open(mine) a:append1(0)');
      });
    }

    it('by several callers at once: one of them has it', async () => {
      const all = await Promise.all([hold(), hold(), hold()]);
      expect(all.filter(({ signal }) => !signal.aborted).length).to.equal(1);
    });

    it('and goes on with it when the call had ended before it began', async () => {
      const journal = await mine.hold();
      expect(await outcome(hold('a', AbortSignal.abort(new Error('enough'))))).to.equal('Error');
      expect(journal.signal.aborted).to.equal(false);
    });
  });

  it('opens anew after the youngest unknown outcome, whatever is learnt of older ones', async () => {
    const [a, b] = [await mine.hold('a'), await mine.hold('b')];
    const c = await mine.hold('c');
    mine.producer.holds = isAppend;
    const old = outcome(append(a, 1));
    const oldCall = mine.producer.next();
    const lost = outcome(append(b, 1));
    mine.producer.next().fail(new WriteFailedError('no answer'));
    await lost;
    await hold('b');
    const young = outcome(append(c, 1));
    mine.producer.next().fail(new WriteFailedError('no answer'));
    oldCall.fail(new WriteFailedError('no answer'));
    await Promise.all([old, young]);
    await hold('c');
    expect(world.text).to.equal('open(mine) open(mine) open(mine)');
  });

  it('opens anew at once while it holds the partition, however short ago another one did', async () => {
    await hold();
    world.open();
    await settle();
    await Promise.all([world.clock.advance(holdingTimeMs), settle()]);
    const journal = await mine.hold();
    mine.producer.holds = isAppend;
    const lost = outcome(append(journal, 1));
    mine.producer.next().fail(new WriteFailedError('no answer'));
    await lost;
    expect(await outcome(hold())).to.equal('done');
  });

  describe('is closed', () => {
    const states: readonly (readonly [string, () => Promise<void>])[] = [
      [
        'while the mark is on its way',
        async () => {
          mine.producer.holds = isMark;
        },
      ],
      ['before it has seen its mark', async () => world.log.show(0)],
      [
        'while it leaves the partition to another one',
        async () => {
          await hold();
          world.open();
          await settle();
        },
      ],
    ];
    for (const [when, begin] of states) {
      it(`${when}: it follows nothing, sleeps nowhere, and holds nothing any more`, async () => {
        await begin();
        const held = hold();
        expect(await outcome(held)).to.equal('pending');
        mine.tenures.close();
        for (const call of mine.producer.calls.splice(0)) call.ack();
        expect(await outcome(held)).to.equal('ClosedError');
        world.log.show();
        await settle();
        expect(world.log.following).to.equal(0);
        expect(world.clock.sleeping).to.equal(0);
        expect(await outcome(hold())).to.equal('ClosedError');
      });
    }

    it('while it holds journals: they end; what was sent gets its answer', async () => {
      const journal = await mine.hold();
      mine.producer.holds = isAppend;
      const appended = append(journal, 1);
      mine.tenures.close();
      expect(journal.signal.aborted).to.equal(true);
      mine.producer.next().ack();
      expect(await outcome(appended)).to.equal('done');
      await settle();
      expect(world.log.following).to.equal(0);
      expect(world.clock.sleeping).to.equal(0);
    });

    it('before it held anything: it opens nothing', async () => {
      mine.tenures.close();
      expect(await outcome(hold())).to.equal('ClosedError');
      expect(world.text).to.equal('');
    });
  });
});
