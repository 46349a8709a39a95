import { expect } from 'chai';
import { CodecError } from '../../src/model/errors.ts';
import type { Key } from '../../src/model/key.ts';
import type { EventualJournal } from '../../src/ports/eventual-journal.ts';
import type { ReplicatedJournal } from '../../src/ports/replicated-journal.ts';
import * as given from './replicated-store.ts';

/** A cell that no program of ours wrote: literal SQL or CQL, and the column that must be named. */
export interface Damage {
  readonly table: string;
  readonly column: string;
  readonly value: string;
  /** Also what else has to be set for the cell to be looked at. */
  readonly set: string;
}

export function damage(table: string, column: string, value: string, also = ''): Damage {
  const name = column === 'offset' ? '"offset"' : column;
  return { table, column, value, set: `${name} = ${value}${also}` };
}

/** Rows of `metajournal` and of events in a store that keeps texts in JSON. */
export const relationalDamages: readonly Damage[] = [
  damage('metajournal', 'seq_nr', '9223372036854770002'),
  damage('metajournal', 'seq_nr', '0'),
  damage('metajournal', 'seq_nr', '-5'),
  damage('metajournal', 'delete_to', '9223372036854770002'),
  damage('metajournal', 'delete_to', '-1'),
  damage('metajournal', 'partition', '-1'),
  damage('metajournal', 'offset', '-7'),
  damage('metajournal', 'offset', '9223372036854770002'),
  damage('event', 'timestamp', '9223372036854770002'),
  damage('event', 'partition', '-3'),
  damage('event', 'offset', '9223372036854770002'),
  damage('event', 'tags', `'x'`),
  damage('event', 'tags', `'{}'`),
  damage('event', 'tags', `'[1]'`),
  damage('event', 'headers', `'['`),
  damage('event', 'headers', `'{"a":1}'`),
  damage('event', 'headers', `'null'`),
  damage('event', 'metadata', `'no JSON'`),
  damage('event', 'metadata', `'7'`),
  damage('event', 'payload_txt', `'{'`, `, payload_type = 'json'`),
  damage('event', 'payload_txt', 'NULL', `, payload_type = 'text'`),
  damage('event', 'payload_txt', `'x'`, `, payload_type = 'unknown'`),
];

interface Sides {
  readonly eventual: EventualJournal;
  readonly replicated: ReplicatedJournal;
  readonly segmentSize: number;
}

/** Reads a journal one of whose rows was damaged: named by key, table and column, on every way to it, and final. */
export async function expectNamed(
  sides: Sides,
  key: Key,
  { table, column }: Damage,
): Promise<void> {
  const reads: (() => Promise<unknown>)[] =
    table === 'metajournal'
      ? [() => sides.eventual.pointer(key), () => sides.replicated.open(key)]
      : [() => given.storedRows(sides, key, { to: 9 })];
  for (const read of reads) {
    const error = await read().then(
      () => undefined,
      (failure: unknown) => failure,
    );
    expect(error).to.be.instanceOf(CodecError);
    const { place, retryable } = error as CodecError;
    expect(retryable).to.equal(false);
    expect(place).to.deep.include({ topic: key.topic, id: key.id, table, column });
  }
}
