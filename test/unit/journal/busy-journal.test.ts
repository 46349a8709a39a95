import { expect } from 'chai';
import { StoreUnavailableError } from '../../../src/model/errors.ts';
import { SeqNr } from '../../../src/model/seq-nr.ts';
import type { EventualJournal } from '../../../src/ports/eventual-journal.ts';
import { type Clock, systemClock } from '../../../src/runtime/clock.ts';
import { CountingWorld, eventsFrom, readAll } from './counting-world.ts';

describe('A read of a journal that others delete from and purge all the time', () => {
  let world: CountingWorld;
  beforeEach(async () => {
    world = await CountingWorld.open();
    pauses.splice(0);
  });
  afterEach(() => world[Symbol.asyncDispose]());

  /** One more life of the journal, in the log and in the store. */
  const live = async (): Promise<void> => {
    const other = world.writer();
    await other.purge();
    await other.append(eventsFrom(1, 3));
    await other.delete(SeqNr.of(2));
    await world.replicate();
  };

  /**
   * The store, where something happens to the journal between the replicated offset and each of the
   * first rows.
   */
  const storeBeside = (work: () => Promise<void>, times: number): EventualJournal => {
    const { eventual } = world.store;
    let left = times;
    return {
      offset: (...call) => eventual.offset(...call),
      lastTenure: (...call) => eventual.lastTenure(...call),
      read: (...call) => eventual.read(...call),
      ids: (...call) => eventual.ids(...call),
      async pointer(...call) {
        if (left-- > 0) await work();
        return await eventual.pointer(...call);
      },
      [Symbol.asyncDispose]: async () => {},
    };
  };

  const pauses: number[] = [];
  const clock: Clock = {
    nowMs: () => systemClock.nowMs(),
    steadyMs: () => systemClock.steadyMs(),
    sleep(ms, options) {
      pauses.push(ms);
      return systemClock.sleep(ms, options);
    },
  };

  for (const what of ['read', 'pointer'] as const) {
    it(`goes on looking, with pauses that grow, until nothing comes between: ${what}`, async () => {
      await live();
      const eventual = storeBeside(live, 12);
      const journal = world.reader({ eventual, clock });
      if (what === 'read') expect(await readAll(journal)).to.match(/^3@\d+ last 3$/);
      else expect(await journal.pointer()).to.equal(3);
      if (what === 'read') {
        expect(pauses.length).to.be.above(4);
        expect(Math.max(...pauses.slice(-2))).to.be.above(pauses[0] ?? 0);
      }
    });
  }

  it('ends within its time limit, and may be read again', async () => {
    await live();
    const { settings } = world.parts();
    const journal = world.reader({
      eventual: storeBeside(live, Number.POSITIVE_INFINITY),
      settings: { ...settings, readTimeoutMs: 1_000 },
    });
    const startMs = performance.now();
    const error = await readAll(journal).catch((cause: unknown) => cause);
    expect(error).to.be.instanceOf(StoreUnavailableError).and.include({ retryable: true });
    expect(String(error)).to.include(`${world.topic}:id`).and.include('read it again');
    expect(performance.now() - startMs).to.be.below(8_000);
  });

  it('ends with the reason of its signal, in the middle of a pause', async () => {
    await live();
    const abort = new AbortController();
    const sleeping: Clock = {
      ...clock,
      sleep(ms, options) {
        queueMicrotask(() => abort.abort(new Error('enough')));
        return systemClock.sleep(ms + 60_000, options);
      },
    };
    const eventual = storeBeside(live, Number.POSITIVE_INFINITY);
    const journal = world.reader({ eventual, clock: sleeping });
    const read = journal.read(SeqNr.min, { signal: abort.signal });
    const error = await read.next().catch((cause: unknown) => cause);
    expect(String(error)).to.equal('Error: enough');
  });
});
