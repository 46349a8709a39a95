import { expect } from 'chai';
import type { LogRecord } from '../../../../src/model/log-record.ts';
import { Offset } from '../../../../src/model/position.ts';
import { flowOver } from '../../../support/replicator/flow-over.ts';
import { MemoryReplicatedJournal } from '../../../support/replicator/memory-replicated-journal.ts';
import {
  append,
  deleteTo,
  logRecord,
  mark,
  purge,
  unreadableEvents,
} from '../../../support/replicator/records.ts';

const { signal } = new AbortController();

/** A journal of one event, and its first owner, which has replicated it. */
async function begun() {
  const store = new MemoryReplicatedJournal();
  const flow = await flowOver(store);
  const deliver = async (...records: readonly LogRecord[]): Promise<readonly string[]> => {
    const before = store.writes().length;
    const last = records.at(-1)?.offset ?? Offset.min;
    await flow.replicate({ records, nextOffset: Offset.next(last) }, signal);
    return store.writes().slice(before);
  };
  await deliver(logRecord('a', 0, append(1)));
  return { store, deliver };
}

/** The process dies before it stores this R; resolves then. */
function diesAt(store: MemoryReplicatedJournal, replicated: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  store.before = ({ name, offset }) => {
    if (name !== 'saveOffset' || offset !== replicated) return undefined;
    resolve();
    return new Promise(() => {});
  };
  return promise;
}

describe('a purge of a journal that has a row', () => {
  it('waits until R has passed what is before it', async () => {
    const { store, deliver } = await begun();
    const writes = await deliver(
      logRecord('a', 1, append(2)),
      logRecord('a', 2, mark),
      logRecord('a', 3, deleteTo(1)),
      logRecord('a', 4, purge),
      logRecord('a', 5, append(1)),
    );
    expect(writes).to.deep.equal([
      'append journal:a@1',
      'delete journal:a@3',
      'saveOffset 0@3',
      'purge journal:a@4',
      'append journal:a@5',
      'saveOffset 0@5',
    ]);
    expect(store.seqNrs('journal:a')).to.deep.equal([1]);
  });

  it('is applied at once when R is there already', async () => {
    const { deliver } = await begun();
    expect(await deliver(logRecord('a', 1, mark), logRecord('a', 2, purge))).to.deep.equal([
      'purge journal:a@2',
      'saveOffset 0@2',
    ]);
  });

  it('leaves nothing to the next owner that would be replayed on nothing', async () => {
    const { store, deliver } = await begun();
    const died = diesAt(store, 2);
    await Promise.race([died, deliver(logRecord('a', 1, append(2)), logRecord('a', 2, purge))]);
    expect(store.journals.get('journal:a')?.pointer).to.equal(undefined);
    const next = await flowOver(new MemoryReplicatedJournal(store));
    expect(next.from).to.equal(2);
  });

  it('waits for R also when a former owner has applied what is before it', async () => {
    const { store, deliver } = await begun();
    await Promise.race([diesAt(store, 1), deliver(logRecord('a', 1, append(2)))]);
    const next = new MemoryReplicatedJournal(store);
    const flow = await flowOver(next);
    const records = [logRecord('a', 1, append(2)), logRecord('a', 2, purge)];
    await flow.replicate({ records, nextOffset: Offset.of(3) }, signal);
    const writes = ['append journal:a@1', 'saveOffset 0@1', 'purge journal:a@2', 'saveOffset 0@2'];
    expect(next.writes()).to.deep.equal(writes);
  });

  it('does not wait where an append of that life cannot be decoded', async () => {
    const { deliver } = await begun();
    expect(await deliver(unreadableEvents('a', 1, 2), logRecord('a', 2, purge))).to.deep.equal([
      'purge journal:a@2',
      'saveOffset 0@2',
    ]);
  });

  it('waits behind a key that is held, and is applied once that one goes on', async () => {
    const { store, deliver } = await begun();
    let failures = 2;
    store.before = ({ name, key }) => {
      if (name === 'append' && key === 'journal:b' && failures-- > 0) throw new Error('down');
    };
    const writes = await deliver(
      logRecord('b', 1, append(1)),
      logRecord('a', 2, append(2)),
      logRecord('a', 3, purge),
    );
    expect(writes).to.deep.equal([
      'append journal:a@2',
      'append journal:b@1',
      'saveOffset 0@2',
      'purge journal:a@3',
      'saveOffset 0@3',
    ]);
  });
});

describe('a purge of a journal without a row', () => {
  it('is applied at once: its whole life is in these records', async () => {
    const { deliver } = await begun();
    expect(await deliver(logRecord('b', 1, append(1)), logRecord('b', 2, purge))).to.deep.equal([
      'purge journal:b@2',
      'saveOffset 0@2',
    ]);
  });
});
