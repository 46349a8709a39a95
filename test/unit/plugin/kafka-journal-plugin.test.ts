import { expect } from 'chai';
import type { AppendOptions } from '../../../src/journal/append-events.ts';
import type { HeldJournal } from '../../../src/journal/holding/held-journal.ts';
import type { Journal } from '../../../src/journal/journal.ts';
import { WriteFailedError, WriteRejectedError } from '../../../src/model/errors.ts';
import type { Events } from '../../../src/model/event.ts';
import { Key } from '../../../src/model/key.ts';
import { Offset, Partition } from '../../../src/model/position.ts';
import { SeqNr } from '../../../src/model/seq-nr.ts';
import { silentLogger } from '../../../src/observability/logger.ts';
import { KafkaJournalPlugin } from '../../../src/plugin/kafka-journal-plugin.ts';
import {
  type AtomicWrite,
  EventFacts,
  type PersistenceId,
  type PersistentRepr,
} from '../../../src/ports/journal-plugin.ts';
import { systemClock } from '../../../src/runtime/clock.ts';

const persistenceId = 'p' as PersistenceId;
const at = { partition: Partition.of(0), offset: Offset.of(0) };

function write(seqNr: number, payload: unknown = { n: seqNr }, timer?: string): AtomicWrite {
  const common = { persistenceId, manifest: '', writerUuid: 'w', tags: [], timestampMs: undefined };
  const repr: PersistentRepr = {
    ...common,
    seqNr: SeqNr.of(seqNr),
    payload,
    facts: timer === undefined ? EventFacts.none : { timer },
  };
  return { persistenceId, events: [repr] };
}

/** A plugin over a journal that only appends, by the given function. */
function pluginOver(
  append: (events: Events, options?: AppendOptions) => Promise<typeof at>,
  maxEventsInBatch = 100,
): KafkaJournalPlugin {
  const journal = { append } as unknown as HeldJournal & Journal;
  const hold = async (): Promise<HeldJournal> => journal;
  const journals = { of: () => journal, canHold: true, hold, ids: () => never() };
  const keyOf = (id: string): Key => Key.of('journal', id);
  return new KafkaJournalPlugin({
    journals,
    keyOf,
    maxEventsInBatch,
    wakesEntities: true,
    log: silentLogger,
    clock: systemClock,
    close: async () => {},
  });
}

async function* never(): AsyncGenerator<string> {}

describe('KafkaJournalPlugin.write', () => {
  it('puts a group of atomic writes into one append', async () => {
    const appends: number[][] = [];
    const plugin = pluginOver(async (events) => {
      appends.push(events.map(({ seqNr }) => seqNr));
      return at;
    });
    expect(await plugin.write([write(1), write(2), write(3)])).to.deep.equal([]);
    expect(appends).to.deep.equal([[1, 2, 3]]);
  });

  it('says in each append what its writes have said last, and only what is held says it', async () => {
    const wakes: unknown[] = [];
    const plugin = pluginOver(async (_, options) => {
      wakes.push(options?.wake);
      return at;
    }, 2);
    const waits = [1, 'none', 'now', undefined, 5, undefined, undefined] as const;
    const writes = waits.map((wake, index) => {
      return wake === undefined ? write(index + 1) : { ...write(index + 1), wake };
    });
    const held = await plugin.hold?.(writes[0]?.persistenceId as PersistenceId);
    await held?.write(writes);
    expect(wakes.splice(0)).to.deep.equal(['none', 'now', 5, undefined]);
    await plugin.write(writes.slice(0, 1));
    expect(wakes).to.deep.equal([undefined]);
  });

  it('rejects what cannot be encoded, stores what came before it, and nothing after it', async () => {
    const stored: number[] = [];
    const plugin = pluginOver(async (events) => {
      stored.push(...events.map(({ seqNr }) => seqNr));
      return at;
    });
    const outcomes = await plugin.write([write(1), write(2, { n: Number.NaN }), write(3)]);
    expect(stored).to.deep.equal([1]);
    expect(outcomes.map(({ type }) => type)).to.deep.equal(['stored', 'rejected', 'rejected']);
    const [, rejected] = outcomes;
    expect(rejected?.type === 'rejected' && rejected.cause).to.include({ path: 'event.n' });
  });

  it('rejects the group that the log refuses and those after it; what came before is stored', async () => {
    const plugin = pluginOver(async ([{ seqNr }]) => {
      if (seqNr === 2) throw new WriteRejectedError('too large');
      return at;
    }, 1);
    const outcomes = await plugin.write([write(1), write(2), write(3)]);
    expect(outcomes.map(({ type }) => type)).to.deep.equal(['stored', 'rejected', 'rejected']);
  });

  it('says that a write may be stored when a later group failed', async () => {
    const plugin = pluginOver(async ([{ seqNr }]) => {
      if (seqNr === 2) throw new WriteFailedError('no answer');
      return at;
    }, 1);
    const error = await plugin.write([write(1), write(2)]).catch((cause: unknown) => cause);
    expect(error).to.be.instanceOf(WriteFailedError);
  });

  it('says that nothing is stored when the first group was refused', async () => {
    const plugin = pluginOver(async () => {
      throw new WriteRejectedError('too large');
    }, 1);
    const error = await plugin.write([write(1), write(2)]).catch((cause: unknown) => cause);
    expect(error).to.be.instanceOf(WriteRejectedError);
  });

  it('keeps which event was the firing of which timer in the header metadata (ADR 23)', async () => {
    const metadata: unknown[] = [];
    const plugin = pluginOver(async (_events, options) => {
      metadata.push(options?.metadata?.header);
      return at;
    });
    await plugin.write([write(1), write(2, {}, 'reminder')]);
    await plugin.write([write(3)]);
    expect(metadata).to.deep.equal([{ data: { timers: { 2: 'reminder' } } }, {}]);
  });
});
