import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { Plugins } from '../../src/compose/plugins.ts';
import { loadConfig } from '../../src/config/load-config.ts';
import { SeqNr } from '../../src/model/seq-nr.ts';
import { silentLogger } from '../../src/observability/logger.ts';
import {
  type AtomicWrite,
  type BegunRecovery,
  EventFacts,
  type JournalPlugin,
  type PersistenceId,
  type PersistentRepr,
} from '../../src/ports/journal-plugin.ts';

/** What a journal can do beyond what all of them do. */
export interface JournalPluginFlags {
  /** A second plugin of the same configuration sees what the first one has stored. */
  readonly isShared: boolean;
  /** What cannot be written down is rejected. */
  readonly rejectsNonSerializable: boolean;
  /** Payloads may be bytes. */
  readonly bytes: boolean;
  /** Recoveries can be begun before their first number is known. */
  readonly begins: boolean;
}

interface Open {
  readonly journal: JournalPlugin;
  close(): Promise<void>;
}

interface Replayed {
  readonly events: readonly PersistentRepr[];
  readonly highest: number;
}

const infinity = Number.POSITIVE_INFINITY;

async function open(text: string): Promise<Open> {
  const config = await loadConfig({ text });
  const plugins = new Plugins({ config, log: silentLogger, registered: new Map() });
  return { journal: await plugins.get(undefined), close: () => plugins.close() };
}

/** A replay as the host asks for it: the highest number first, which bounds the rest. */
async function replay(
  journal: JournalPlugin,
  persistenceId: PersistenceId,
  [from, to, maxEvents]: readonly [from: number, to: number, max: number],
): Promise<Replayed> {
  const highest = await journal.highestSeqNr(persistenceId, 0);
  const events: PersistentRepr[] = [];
  const upTo = Math.min(to, highest);
  if (upTo > 0 && from <= upTo) {
    const request = { persistenceId, from: SeqNr.of(Math.max(1, from)), to: SeqNr.of(upTo) };
    for await (const batch of journal.replay({ ...request, maxEvents })) events.push(...batch);
  }
  return { events, highest };
}

/**
 * The rules of a journal plugin, by their numbers in docs/plugins.md, through the host. Those of
 * serializers, of what is beside an event, and of crashes (J20, J21, J23) are tested where these
 * are.
 */
export function journalPluginContract(
  name: string,
  configOf: () => string,
  flags: JournalPluginFlags,
): void {
  describe(`journal plugin ${name}`, function () {
    this.timeout(60_000);
    let opened: Open;
    let journal: JournalPlugin;
    let id: PersistenceId;
    let writerUuid: string;
    let writtenMs: readonly [from: number, to: number];
    before(async () => {
      opened = await open(configOf());
      ({ journal } = opened);
    });
    after(() => opened.close());

    const reprOf = (seqNr: number, payload: unknown, of = id): PersistentRepr => ({
      persistenceId: of,
      seqNr: SeqNr.of(seqNr),
      payload,
      manifest: '',
      writerUuid,
      timestampMs: undefined,
      tags: seqNr === 2 ? ['red', 'blue'] : [],
      facts: EventFacts.none,
    });
    const writeOf = (...events: readonly [PersistentRepr, ...PersistentRepr[]]): AtomicWrite => ({
      persistenceId: events[0].persistenceId,
      events,
    });
    const fresh = (): PersistenceId => `p-${randomUUID()}` as PersistenceId;

    async function writeFive(of: PersistenceId): Promise<void> {
      const [one, two, three, four, five] = [1, 2, 3, 4, 5].map((n) => reprOf(n, `a-${n}`, of)) as [
        PersistentRepr,
        PersistentRepr,
        PersistentRepr,
        PersistentRepr,
        PersistentRepr,
      ];
      const writes = [writeOf(one), writeOf(two), writeOf(three), writeOf(four, five)];
      expect(await journal.write(writes)).to.deep.equal([]);
    }

    beforeEach(async () => {
      [id, writerUuid] = [fresh(), randomUUID()];
      const startMs = Date.now();
      await writeFive(id);
      writtenMs = [startMs, Date.now()];
    });

    async function expectReplay(
      range: readonly [number, number, number],
      seqNrs: readonly number[],
      highest = 5,
    ): Promise<void> {
      const found = await replay(journal, id, range);
      expect(found.events.map(({ seqNr }) => seqNr)).to.deep.equal(seqNrs);
      expect(found.highest).to.equal(highest);
    }

    it('J1: gives all events as they were', async () => {
      await expectReplay([1, infinity, infinity], [1, 2, 3, 4, 5]);
      const { events } = await replay(journal, id, [1, infinity, infinity]);
      expect(events.map(({ payload }) => payload)).to.deep.equal([
        'a-1',
        'a-2',
        'a-3',
        'a-4',
        'a-5',
      ]);
      for (const event of events) {
        expect(event).to.include({ persistenceId: id, writerUuid, manifest: '' });
      }
    });

    for (const [number, range, seqNrs] of [
      ['J2', [3, infinity, infinity], [3, 4, 5]],
      ['J3', [1, 3, infinity], [1, 2, 3]],
      ['J4', [1, infinity, 3], [1, 2, 3]],
      ['J5', [2, 3, infinity], [2, 3]],
      ['J6', [2, 5, 2], [2, 3]],
      ['J7', [2, 2, infinity], [2]],
      ['J8', [2, 4, 1], [2]],
      ['J9', [2, 4, 0], []],
      ['J10', [3, 2, infinity], []],
    ] as const) {
      it(`${number}: replays (${range.join(', ')})`, () => expectReplay(range, seqNrs));
    }

    it('J11: has nothing of an unknown id', async () => {
      id = fresh();
      await expectReplay([0, infinity, infinity], [], 0);
    });

    for (const [number, to, range, seqNrs] of [
      ['J12, J13', 3, [0, infinity, infinity], [4, 5]],
      ['J15', 3, [3, infinity, infinity], [4, 5]],
      ['J16', 3, [1, 2, infinity], []],
      ['J17', 3, [1, 3, infinity], []],
      ['J18', 3, [4, infinity, infinity], [4, 5]],
      ['J22', 3, [1, 4, infinity], [4]],
      ['J14', SeqNr.max, [0, infinity, infinity], []],
      ['J26', 9, [0, infinity, infinity], []],
    ] as const) {
      it(`${number}: keeps the highest number when events are deleted to ${to}`, async () => {
        await journal.deleteTo(id, SeqNr.of(to));
        await expectReplay(range, seqNrs);
        await journal.write([writeOf(reprOf(6, 'b-6'))]);
        await expectReplay([6, infinity, infinity], [6], 6);
      });
    }

    it('J27: goes on after everything was deleted', async () => {
      await journal.deleteTo(id, SeqNr.max);
      await journal.write([writeOf(reprOf(6, 'b-6'))]);
      await expectReplay([1, infinity, infinity], [6], 6);
    });

    if (flags.rejectsNonSerializable) {
      it('J19: rejects what cannot be written down, and what follows it', async () => {
        const writes = [reprOf(6, 'b-6'), reprOf(7, () => {}), reprOf(8, 'b-8')].map((repr) =>
          writeOf(repr),
        );
        const outcomes = await journal.write(writes);
        expect(outcomes.map(({ type }) => type)).to.deep.equal(['stored', 'rejected', 'rejected']);
        await expectReplay([6, infinity, infinity], [6], 6);
      });
    }

    it('J24: has the highest number from before or after a write under way', async () => {
      const writing = journal.write([writeOf(reprOf(6, 'b-6'), reprOf(7, 'b-7'))]);
      const { highest, events } = await replay(journal, id, [1, infinity, infinity]);
      expect(highest).to.be.oneOf([5, 7]);
      expect(events.length).to.be.oneOf([5, 7]);
      await writing;
      await expectReplay([6, infinity, infinity], [6, 7], 7);
    });

    if (flags.isShared) {
      it('J25: what was stored is seen at once by another one', async () => {
        const other = await open(configOf());
        try {
          const found = await replay(other.journal, id, [1, infinity, infinity]);
          expect([found.events.length, found.highest]).to.deep.equal([5, 5]);
        } finally {
          await other.close();
        }
      });
    }

    it('J28: keeps two ids apart that are written at the same time', async () => {
      const ids = [fresh(), fresh()];
      await Promise.all(
        ids.map(async (of) => {
          for (let seqNr = 1; seqNr <= 100; seqNr++) {
            await journal.write([writeOf(reprOf(seqNr, { of, seqNr }, of))]);
          }
        }),
      );
      for (const of of ids) {
        const { events } = await replay(journal, of, [1, infinity, infinity]);
        const expected = Array.from({ length: 100 }, (_, index) => ({ of, seqNr: index + 1 }));
        expect(events.map(({ payload }) => payload)).to.deep.equal(expected);
      }
    });

    for (const text of ['a b', 'a|b', 'a/b', '100%', 'žluťoučký 🐎', 'x'.repeat(500)]) {
      it(`J29: takes the id "${text.slice(0, 20)}"`, async () => {
        const of = `${text}${randomUUID()}` as PersistenceId;
        await writeFive(of);
        const { events, highest } = await replay(journal, of, [1, infinity, infinity]);
        expect([events.length, highest]).to.deep.equal([5, 5]);
        expect(events[0]?.persistenceId).to.equal(of);
      });
    }

    it('J30: gives payloads back as they were', async () => {
      const bytes = flags.bytes ? [new Uint8Array(), Uint8Array.of(0, 255)] : [];
      const payloads = ['', null, 'x'.repeat(500_000), { n: '9007199254740993' }, [], ...bytes];
      for (const [index, payload] of payloads.entries()) {
        await journal.write([writeOf(reprOf(6 + index, payload))]);
      }
      const { events } = await replay(journal, id, [6, infinity, infinity]);
      const plain = events.map(({ payload }) =>
        payload instanceof Uint8Array ? Uint8Array.from(payload) : payload,
      );
      expect(plain).to.deep.equal(payloads);
    });

    it('J31: gives no more at once than replay-batch-size', async () => {
      const small = 'akka.persistence.journal.plugin';
      const path = (await loadConfig({ text: configOf() })).getString(small);
      const narrow = await open(
        `${configOf()}\n${path} { replay-batch-size = 2, replay-filter.window-size = 1 }`,
      );
      try {
        let number = 0;
        const of = flags.isShared ? id : fresh();
        if (!flags.isShared) {
          const first = reprOf(1, 'a', of);
          await narrow.journal.write([
            writeOf(first, ...[2, 3, 4, 5].map((n) => reprOf(n, 'a', of))),
          ]);
        }
        const request = { from: SeqNr.min, to: SeqNr.max, maxEvents: infinity };
        for await (const batch of narrow.journal.replay({ persistenceId: of, ...request })) {
          expect(batch.length).to.be.at.most(2);
          number += batch.length;
          await new Promise((resolve) => setTimeout(resolve, 5));
        }
        expect(number).to.equal(5);
      } finally {
        await narrow.close();
      }
    });

    it('J32: lets go of a replay that is left early', async () => {
      const request = { persistenceId: id, from: SeqNr.min, to: SeqNr.max, maxEvents: infinity };
      for (let i = 0; i < 20; i++) {
        for await (const _ of journal.replay(request)) break;
      }
      await expectReplay([1, infinity, infinity], [1, 2, 3, 4, 5]);
    });

    it('J33: ends a replay when its signal fires', async () => {
      const over = new AbortController();
      const reason = new Error('no longer wanted');
      const request = { persistenceId: id, from: SeqNr.min, to: SeqNr.max, maxEvents: infinity };
      const all = async (): Promise<void> => {
        for await (const _ of journal.replay(request, { signal: over.signal }));
      };
      over.abort(reason);
      const startMs = Date.now();
      expect(await all().catch((error: unknown) => error)).to.equal(reason);
      expect(Date.now() - startMs).to.be.below(1000);
    });

    it('J34: gives the time of the write, and the tags', async () => {
      const { events } = await replay(journal, id, [1, infinity, infinity]);
      for (const { timestampMs } of events) {
        expect(timestampMs).to.be.within(writtenMs[0] - 1, writtenMs[1] + 1);
      }
      expect(events.map(({ tags }) => [...tags].toSorted())).to.deep.equal([
        [],
        ['blue', 'red'],
        [],
        [],
        [],
      ]);
    });

    it('J35: settles what is under way when it is closed, and may be closed twice', async () => {
      const other = await open(configOf());
      const of = fresh();
      const writes = [1, 2, 3].map((n) => other.journal.write([writeOf(reprOf(n, 'c', of))]));
      const settled = Promise.allSettled(writes);
      await other.close();
      await other.journal[Symbol.asyncDispose]();
      expect(await settled).to.have.lengthOf(3);
    });

    if (flags.begins) {
      const begin = (): BegunRecovery =>
        journal.beginRecovery?.(id) ?? expect.fail('it cannot begin a recovery');

      it('J36: gives the same when the recovery was begun before it knew where', async () => {
        for (const [from, max, seqNrs] of [
          [3, infinity, [3, 4, 5]],
          [1, 2, [1, 2]],
          [6, infinity, []],
        ] as const) {
          const begun = begin();
          await new Promise((resolve) => setTimeout(resolve, 5));
          const request = {
            persistenceId: id,
            from: SeqNr.of(from),
            to: SeqNr.max,
            maxEvents: max,
          };
          const { events, highestSeqNr } = await begun.recover(request);
          const numbers: number[] = [];
          for await (const batch of events) numbers.push(...batch.map(({ seqNr }) => seqNr));
          expect([numbers, await highestSeqNr()]).to.deep.equal([seqNrs, 5]);
          await begun[Symbol.asyncDispose]();
        }
      });

      it('J37: lets go of a recovery that was begun and is not wanted', async () => {
        for (let i = 0; i < 20; i++) {
          const begun = begin();
          if (i % 2 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
          await begun[Symbol.asyncDispose]();
        }
        await expectReplay([1, infinity, infinity], [1, 2, 3, 4, 5]);
      });
    } else {
      it('begins no recovery early', () => {
        expect(Reflect.get(journal, 'beginRecovery')).to.equal(undefined);
      });
    }
  });
}
