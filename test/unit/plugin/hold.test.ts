import { expect } from 'chai';
import type { HeldJournal } from '../../../src/journal/holding/held-journal.ts';
import { TenuresNotKeptError } from '../../../src/journal/holding/why-not-open.ts';
import type { Journals } from '../../../src/journal/journals.ts';
import { LogUnavailableError, NotOwnerError, NotSetUpError } from '../../../src/model/errors.ts';
import { Key } from '../../../src/model/key.ts';
import { Offset, Partition } from '../../../src/model/position.ts';
import { SeqNr } from '../../../src/model/seq-nr.ts';
import { KafkaJournalPlugin } from '../../../src/plugin/kafka-journal-plugin.ts';
import {
  type AtomicWrite,
  EventFacts,
  type PersistenceId,
} from '../../../src/ports/journal-plugin.ts';
import { RecordingLogger } from '../../support/recording-logger.ts';
import { failureOf, ManualClock } from '../actor/support.ts';

const at = { partition: Partition.of(0), offset: Offset.of(0) };
const p = 'p' as PersistenceId;

function openPlugin(hold: Journals['hold'], canHold = true, maxEventsInBatch = 100) {
  const clock = new ManualClock();
  const log = new RecordingLogger();
  const asked: string[] = [];
  const journals: Journals = {
    of: () => expect.fail('the journal is written past its tenure'),
    canHold,
    hold: (key, options) => {
      asked.push(`${key.topic}:${key.id}`);
      return hold(key, options);
    },
    async *ids() {},
  };
  const plugin = new KafkaJournalPlugin({
    journals,
    keyOf: (id) => Key.of(id.startsWith('x') ? 'other' : 'journal', id.replace('again-', '')),
    maxEventsInBatch,
    wakesEntities: false,
    log,
    clock,
    close: async () => {},
  });
  return { plugin, clock, log, asked };
}

function write(seqNr: number): AtomicWrite {
  const common = { persistenceId: p, manifest: '', writerUuid: 'w', tags: [] };
  const rest = { timestampMs: undefined, facts: EventFacts.none, payload: { n: seqNr } };
  return { persistenceId: p, events: [{ ...common, ...rest, seqNr: SeqNr.of(seqNr) }] };
}

const notKept = async (): Promise<never> => {
  throw new TenuresNotKeptError('the replicator keeps no opening marks');
};

describe('KafkaJournalPlugin.hold', () => {
  it('is not there when tenures are off', () => {
    const { plugin, log } = openPlugin(notKept, false);
    expect(plugin.hold).to.equal(undefined);
    expect(log.lines).to.deep.equal([]);
  });

  it('refuses an entity whose key another one holds, until that has let it go', async () => {
    let fails = true;
    const hold = async () => {
      if (fails) throw new LogUnavailableError('down');
      return { [Symbol.asyncDispose]: async () => {} } as unknown as HeldJournal;
    };
    const { plugin } = openPlugin(hold);
    const second = 'again-p' as PersistenceId;
    await failureOf(plugin.hold?.(second) as Promise<unknown>); // so it holds nothing
    fails = false;
    const former = await plugin.hold?.(p);
    const held = await plugin.hold?.(p); // the entity recovers anew
    await former?.[Symbol.asyncDispose]();
    const refused = await failureOf(plugin.hold?.(second) as Promise<unknown>);
    expect(refused).to.include({ code: 'INVALID_INPUT' });
    expect(refused.message).to.contain('"again-p" and "p" have one key, journal:p');
    await held?.[Symbol.asyncDispose]();
    expect(await plugin.hold?.(second)).not.to.equal(undefined);
  });

  it('writes through the journal that is held, and passes its signal and its end on', async () => {
    const appended: number[] = [];
    let released = 0;
    const over = new AbortController();
    const journal = {
      signal: over.signal,
      append: async (events: readonly { readonly seqNr: number }[]) => {
        appended.push(...events.map(({ seqNr }) => seqNr));
        return at;
      },
      [Symbol.asyncDispose]: async () => {
        released++;
      },
    } as unknown as HeldJournal;
    const { plugin } = openPlugin(async () => journal);
    const held = await plugin.hold?.(p);
    expect(await held?.write([write(1), write(2)])).to.deep.equal([]);
    expect(appended).to.deep.equal([1, 2]);
    over.abort();
    expect(held?.signal.aborted).to.equal(true);
    await held?.[Symbol.asyncDispose]();
    expect(released).to.equal(1);
  });

  it('says which groups are stored when the journal is lost between two of them', async () => {
    const journal = {
      append: async ([event]: readonly { readonly seqNr: number }[]) => {
        if (event?.seqNr === 2) throw new NotOwnerError('void');
        return at;
      },
    } as unknown as HeldJournal;
    const { plugin } = openPlugin(async () => journal, true, 1);
    const held = await plugin.hold?.(p);
    const outcomes = await held?.write([write(1), write(2), write(3)]);
    expect(outcomes?.map(({ type }) => type)).to.deep.equal(['stored', 'rejected', 'rejected']);
  });

  it('answers nothing where no tenure can be opened, warns once, and asks again after a minute', async () => {
    const { plugin, clock, log, asked } = openPlugin(notKept);
    expect(await plugin.hold?.('a' as PersistenceId)).to.equal(undefined);
    expect(await plugin.hold?.('b' as PersistenceId)).to.equal(undefined);
    expect(asked).to.deep.equal(['journal:a']);
    // Another topic may have another replicator.
    expect(await plugin.hold?.('x' as PersistenceId)).to.equal(undefined);
    expect(asked).to.deep.equal(['journal:a', 'other:x']);
    await clock.pass(60_000);
    expect(await plugin.hold?.('c' as PersistenceId)).to.equal(undefined);
    expect(asked).to.deep.equal(['journal:a', 'other:x', 'journal:c']);
    expect(log.lines).to.have.length(1);
  });

  it('passes on that something else is missing, and holds once it is there', async () => {
    let isMissing = true;
    const { plugin } = openPlugin(async () => {
      if (isMissing) throw new NotSetUpError('there is no such topic');
      return {} as HeldJournal;
    });
    const error = await failureOf(plugin.hold?.(p) ?? expect.fail('no hold'));
    expect(error.message).to.equal('there is no such topic');
    isMissing = false;
    expect(await plugin.hold?.(p)).not.to.equal(undefined);
  });

  it('passes on what may be tried again', async () => {
    const { plugin } = openPlugin(async () => {
      throw new LogUnavailableError('no broker');
    });
    expect((await failureOf(plugin.hold?.(p) ?? expect.fail('no hold'))).message).to.equal(
      'no broker',
    );
  });
});
