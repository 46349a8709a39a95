import { expect } from 'chai';
import { CodecError } from '../../src/model/errors.ts';
import type { EventRecord } from '../../src/model/event.ts';
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

/** A store, and somebody who may change its rows by hand. */
export interface DamagedStore extends AsyncDisposable {
  readonly eventual: EventualJournal;
  readonly replicated: ReplicatedJournal;
  readonly segmentSize: number;
  /** Damages the journal's row, or that of its one event `event`. */
  spoil(key: Key, damaged: Damage, event: EventRecord): Promise<void>;
}

/**
 * A journal whose row, or whose only event's row, cannot be decoded: every way to it fails with an
 * error that names key, table and column, and is not retryable.
 *
 * @param open called by each test, which disposes what it answers
 */
export function describeDamagedRows(
  damages: readonly Damage[],
  open: () => Promise<DamagedStore>,
): void {
  for (const damaged of damages) {
    const { table, column } = damaged;
    it(`${table}: ${damaged.set}`, async () => {
      await using store = await open();
      const key = given.newKey(given.randomTopic());
      const event = given.eventRecord(1, 7);
      await (await store.replicated.open(key)).append(given.recordOf(event), given.nowMs);
      await store.spoil(key, damaged, event);
      const reads: readonly (() => Promise<unknown>)[] =
        table === 'metajournal'
          ? [() => store.eventual.pointer(key), () => store.replicated.open(key)]
          : [() => given.storedRows(store, key, { to: 9 })];
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
    });
  }
}
