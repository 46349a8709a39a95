import { SeqNr } from '../../../../src/model/seq-nr.ts';
import {
  type AtomicWrite,
  EventFacts,
  type PersistenceId,
  type PersistentRepr,
} from '../../../../src/ports/journal-plugin.ts';

export const id = 'p' as PersistenceId;

/** An event of a writer. */
export function eventOf(seqNr: number, writerUuid = 'w', persistenceId = id): PersistentRepr {
  return {
    persistenceId,
    seqNr: SeqNr.of(seqNr),
    payload: { type: 'added', n: seqNr },
    manifest: '',
    writerUuid,
    timestampMs: undefined,
    tags: [],
    facts: EventFacts.none,
  };
}

/** `a1 a2 b3`: events by writer and number. */
export function eventsIn(text: string): readonly PersistentRepr[] {
  return text
    .split(' ')
    .filter((name) => name !== '')
    .map((name) => eventOf(Number(name.replace(/^\D*/, '')), name.replace(/\d+$/, '')));
}

/** The other way of `eventsIn`. */
export function textOf(events: readonly PersistentRepr[]): string {
  return events.map(({ writerUuid, seqNr }) => `${writerUuid}${seqNr}`).join(' ');
}

/** An atomic write of the events with these numbers. */
export function writeOf(...seqNrs: readonly number[]): AtomicWrite {
  const [first = eventOf(1), ...rest] = seqNrs.map((seqNr) => eventOf(seqNr));
  return { persistenceId: id, events: [first, ...rest] };
}
