import { expect } from 'chai';
import { KeyJournals } from '../../../../replicator/apply/key-journals.ts';
import { StoreUnavailableError } from '../../../../src/model/errors.ts';
import { Key } from '../../../../src/model/key.ts';
import { MemoryReplicatedJournal } from '../../../support/replicator/memory-replicated-journal.ts';
import { topic } from '../../../support/replicator/records.ts';

const [a, b, c] = ['a', 'b', 'c'].map((id) => Key.of(topic, id)) as [Key, Key, Key];

function keyJournals(limits: { expireAfterMs: number; maxOpen?: number }) {
  const store = new MemoryReplicatedJournal();
  const journals = new KeyJournals(store, limits);
  const loads = () => store.calls.map(({ key }) => key?.split(':')[1]).join('');
  return { store, journals, loads };
}

describe('KeyJournals', () => {
  it('loads a journal once', async () => {
    const { journals, loads } = keyJournals({ expireAfterMs: 60 });
    const first = await journals.open(a, 0, {});
    expect(await journals.open(a, 59, {})).to.equal(first);
    expect(loads()).to.equal('a');
  });

  it('shows one that is open, however old, and keeps none open for it', async () => {
    const { journals, loads } = keyJournals({ expireAfterMs: 60, maxOpen: 1 });
    const first = await journals.open(a, 0, {});
    expect(await journals.peek(a)).to.equal(first);
    await journals.peek(b);
    await journals.peek(b);
    expect(await journals.open(a, 1, {})).to.equal(first);
    expect(loads()).to.equal('abb');
  });

  it('loads it again when it was not used for the time set, which each use renews', async () => {
    const { journals, loads } = keyJournals({ expireAfterMs: 60 });
    await journals.open(a, 0, {});
    await journals.open(a, 59, {});
    await journals.open(a, 118, {});
    expect(loads()).to.equal('a');
    await journals.open(a, 178, {});
    expect(loads()).to.equal('aa');
  });

  it('drops the least recently used one when there are too many', async () => {
    const { journals, loads } = keyJournals({ expireAfterMs: 60, maxOpen: 2 });
    for (const key of [a, b, a, c]) await journals.open(key, 0, {});
    expect(journals.size).to.equal(2);
    await journals.open(a, 0, {});
    expect(loads()).to.equal('abc');
    await journals.open(b, 0, {});
    expect(loads()).to.equal('abcb');
  });

  it('frees what has expired', async () => {
    const { journals } = keyJournals({ expireAfterMs: 60 });
    await journals.open(a, 0, {});
    await journals.open(b, 30, {});
    journals.expire(60);
    expect(journals.size).to.equal(1);
    journals.expire(90);
    expect(journals.size).to.equal(0);
  });

  it('loads again what was forgotten or did not load', async () => {
    const { store, journals, loads } = keyJournals({ expireAfterMs: 60 });
    await journals.open(a, 0, {});
    journals.forget(a);
    await journals.open(a, 0, {});
    expect(loads()).to.equal('aa');
    store.before = () => {
      throw new StoreUnavailableError('down');
    };
    await journals.open(b, 0, {}).catch(() => {});
    store.before = () => {};
    await journals.open(b, 0, {});
    expect(loads()).to.equal('aab');
    journals.clear();
    expect(journals.size).to.equal(0);
  });
});
