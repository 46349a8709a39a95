import { expect } from 'chai';
import { SeqNr } from '../../../src/model/seq-nr.ts';
import { toEvent } from '../../../src/plugin/event-serializer.ts';
import type { PersistenceId } from '../../../src/ports/journal-plugin.ts';

const repr = {
  persistenceId: 'p' as PersistenceId,
  seqNr: SeqNr.of(1),
  payload: {},
  manifest: '',
  writerUuid: 'w',
  timestampMs: 0,
  facts: {},
};

describe('toEvent (docs/format.md#tags)', () => {
  it('writes tags once, in the order of the JVM set: as given to four, from five on by hash', () => {
    expect(toEvent({ ...repr, tags: ['d', 'a', 'd', 'b'] }).tags).to.deep.equal(['d', 'a', 'b']);
    const six = ['a', 'b', 'c', 'd', 'e', 'f'];
    expect(toEvent({ ...repr, tags: six }).tags).to.deep.equal(['e', 'f', 'a', 'b', 'c', 'd']);
  });
});
