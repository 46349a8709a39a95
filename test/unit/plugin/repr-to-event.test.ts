import { expect } from 'chai';
import type { EventRecord } from '../../../src/model/event.ts';
import type { HeaderMetadata } from '../../../src/model/record-metadata.ts';
import { SeqNr } from '../../../src/model/seq-nr.ts';
import { factsMetadata, ofEventRecord, toEvent } from '../../../src/plugin/repr-to-event.ts';
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

const record = (header: HeaderMetadata) =>
  ({
    at: { topic: 't', partition: 0, offset: 0 },
    timestampMs: 1,
    metadata: { header, payload: {} },
  }) as unknown as EventRecord['record'];

/** What is read of the events with these numbers. */
const factsOf = (header: HeaderMetadata, seqNrs: readonly number[]) =>
  seqNrs.map((number) => {
    const event = { ...toEvent({ ...repr, seqNr: SeqNr.of(number), tags: [] }) };
    const payload = { type: 'json', value: { writerUuid: 'w', payload: {} } } as const;
    const stored = { event: { ...event, payload }, record: record(header) };
    return ofEventRecord(repr.persistenceId, stored).facts;
  });

describe('what a record says of the commands of its events (docs/format.md#metadata)', () => {
  const commandsOf = (header: HeaderMetadata, seqNrs: readonly number[]) =>
    factsOf(header, seqNrs).map(({ command }) => command);

  it('is nothing where nothing is said of any event', () => {
    expect(factsMetadata([{ ...repr, tags: [] }])).to.deep.equal({});
  });

  it('is kept by the number of the last event, and found from each of them', () => {
    const two = { first: 2, last: 3, commandId: 'a', reply: { n: [0.1] }, correlationId: 'c' };
    const sealed = { first: 5, last: 5, commandId: 'b', sealed: 'aGk=' };
    const one = { first: 4, last: 4, causationId: 'e' };
    const facts = [undefined, two, two, one, sealed];
    const reprs = facts.map((command, index) => ({
      ...repr,
      seqNr: SeqNr.of(index + 1),
      tags: [],
      facts: command === undefined ? {} : { command },
    }));
    const header = factsMetadata(reprs);
    expect(header).to.deep.equal({
      data: {
        commands: {
          3: { id: 'a', count: 2, reply: { n: [0.1] }, correlationId: 'c' },
          4: { causationId: 'e' },
          5: { id: 'b', sealed: 'aGk=' },
        },
      },
    });
    expect(commandsOf(header, [1, 2, 3, 4, 5, 6])).to.deep.equal([...facts, undefined]);
  });

  it('is ignored when it has another shape: another application wrote it', () => {
    for (const commands of [1, 'x', [], { x: {} }, { 1: { count: 'x' } }, { 1: { count: 0.5 } }]) {
      expect(commandsOf({ data: { commands } }, [1]), JSON.stringify(commands)).to.deep.equal([
        undefined,
      ]);
    }
    expect(commandsOf({ data: { commands: { 1: { id: 5 } } } }, [1])).to.deep.equal([
      { first: 1, last: 1 },
    ]);
  });
});

describe('what a record says of the timers of its events', () => {
  it('is kept by the number of the event', () => {
    const said = [{ delaysMs: [1, null], stillMs: -5 }, {}, { timer: 't' }];
    const header = factsMetadata(
      said.map((facts, index) => ({ ...repr, seqNr: SeqNr.of(index + 1), tags: [], facts })),
    );
    expect(header).to.deep.equal({
      data: { timers: { 3: 't' }, delays: { 1: [1, null] }, still: { 1: -5 } },
    });
    expect(factsOf(header, [1, 2, 3])).to.deep.equal(said);
  });
});
