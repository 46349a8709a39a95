import type { EventObject } from 'xstate';
import { WriteFailedError } from '../../model/errors.ts';
import { SeqNr } from '../../model/seq-nr.ts';
import {
  type AtomicWrite,
  EventFacts,
  type PersistenceId,
  type PersistentRepr,
  type WriteOutcome,
} from '../../ports/journal-plugin.ts';
import type { Evaluated } from './evaluate-command.ts';

const noTags: readonly string[] = [];

/** Who writes, and where numbering stands. */
export interface WriterPosition {
  readonly persistenceId: PersistenceId;
  readonly writerUuid: string;
  /** Number of the last stored event. */
  readonly sequenceNr: number;
  /** The init record, when it is still to be stored, with the first event. */
  readonly init: EventObject | undefined;
}

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
  let init = position.init;
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

export function initWrite(
  position: WriterPosition,
  payload: EventObject,
  facts: EventFacts,
): AtomicWrite {
  const { persistenceId } = position;
  const seqNr = position.sequenceNr + 1;
  return { persistenceId, events: [reprOf(position, { seqNr, payload, facts })] };
}

/**
 * The causes of rejection, one a write, `undefined` = stored; or `undefined` when everything is
 * stored.
 *
 * @throws {WriteFailedError} when the answer has not one outcome a write
 */
export function rejections(
  outcomes: readonly WriteOutcome[],
  writes: number,
): readonly (Error | undefined)[] | undefined {
  if (outcomes.length === 0) return undefined;
  if (outcomes.length !== writes) {
    throw new WriteFailedError(
      `the journal answered ${outcomes.length} outcomes to ${writes} writes`,
    );
  }
  if (outcomes.every((outcome) => outcome.type === 'stored')) return undefined;
  return outcomes.map((outcome) => (outcome.type === 'rejected' ? outcome.cause : undefined));
}

interface ReprParts {
  readonly seqNr: number;
  readonly payload: EventObject;
  readonly tags?: readonly string[];
  readonly facts?: EventFacts;
}

function reprOf({ persistenceId, writerUuid }: WriterPosition, parts: ReprParts): PersistentRepr {
  return {
    persistenceId,
    seqNr: SeqNr.of(parts.seqNr),
    payload: parts.payload,
    manifest: '',
    writerUuid,
    timestampMs: undefined,
    tags: parts.tags ?? noTags,
    facts: parts.facts ?? EventFacts.none,
  };
}
