import type { EventObject } from 'xstate';
import { SeqNr } from '../../model/seq-nr.ts';
import type { AtomicWrite, PersistenceId, PersistentRepr } from '../../ports/journal-plugin.ts';
import { EventFacts } from '../../ports/journal-plugin.ts';
import type { Evaluated } from './evaluated.ts';

const noTags: readonly string[] = [];

/** The writer, and where its numbering stands. */
export interface WriterPosition {
  readonly persistenceId: PersistenceId;
  readonly writerUuid: string;
  /** Number of the last stored event. */
  readonly sequenceNr: number;
  /** The init record, when it is still to be stored, with the first event. */
  readonly pendingInit: EventObject | undefined;
}

/** A command that stores something, and its write. */
export interface PlannedWrite<S> {
  readonly evaluated: Evaluated<S>;
  readonly write: AtomicWrite;
}

/** One atomic write for each command that stores something, numbered without gaps. */
export function planWrites<S>(
  batch: readonly Evaluated<S>[],
  position: WriterPosition,
): readonly PlannedWrite<S>[] {
  const planned: PlannedWrite<S>[] = [];
  let init = position.pendingInit;
  let seqNr = position.sequenceNr;
  for (const evaluated of batch) {
    const events: PersistentRepr[] = [];
    for (const step of evaluated.steps) {
      const { payload, form, tags, facts } = step;
      if (payload === undefined) continue;
      if (init !== undefined) {
        events.push(reprOf(position, { seqNr: ++seqNr, payload: init }));
        init = undefined;
      }
      step.seqNr = ++seqNr;
      const repr = reprOf(position, { seqNr, payload, tags, facts });
      events.push(form === undefined ? repr : { ...repr, form });
    }
    if (!isSome(events)) continue;
    planned.push({ evaluated, write: { persistenceId: position.persistenceId, events } });
  }
  return planned;
}

function isSome<T>(items: readonly T[]): items is readonly [T, ...T[]] {
  return items.length > 0;
}

/** The write of an init record on its own. */
export function initWrite(
  position: WriterPosition,
  payload: EventObject,
  facts: EventFacts,
): AtomicWrite {
  const { persistenceId } = position;
  const seqNr = position.sequenceNr + 1;
  return { persistenceId, events: [reprOf(position, { seqNr, payload, facts })] };
}

interface NumberedEvent {
  readonly seqNr: number;
  readonly payload: EventObject;
  readonly tags?: readonly string[];
  readonly facts?: EventFacts;
}

function reprOf(
  { persistenceId, writerUuid }: WriterPosition,
  { seqNr, payload, tags, facts }: NumberedEvent,
): PersistentRepr {
  return {
    persistenceId,
    seqNr: SeqNr.of(seqNr),
    payload,
    manifest: '',
    writerUuid,
    timestampMs: undefined,
    tags: tags ?? noTags,
    facts: facts ?? EventFacts.none,
  };
}
