import type { ActionHeader } from '../model/action.ts';
import type { Offset } from '../model/position.ts';
import { SeqNr, type SeqRange } from '../model/seq-nr.ts';
import { Life } from './life.ts';

/** What of an action decides its meaning. */
export type Deed =
  | Pick<Extract<ActionHeader, { type: 'append' }>, 'type' | 'range'>
  | Pick<Extract<ActionHeader, { type: 'delete' }>, 'type' | 'to'>
  | Pick<Extract<ActionHeader, { type: 'purge' }>, 'type' | 'onlyAt'>
  | Pick<Extract<ActionHeader, { type: 'mark' }>, 'type'>;

/** What an action did to the life that it met. */
export type Effect =
  /** The append took its numbers: its events follow. */
  | { readonly type: 'taken' }
  /** The append loses as a whole; `isSure` = whatever came before what was seen. */
  | { readonly type: 'lost'; readonly isSure: boolean }
  /** Everything up to and including `upTo` is deleted now. */
  | { readonly type: 'deleted'; readonly upTo: SeqNr }
  /** The life is over. */
  | { readonly type: 'purged' }
  /** A conditional purge whose condition only the journal's row can settle. */
  | { readonly type: 'undecided'; readonly onlyAt: Offset }
  /** As if it had not been written. */
  | { readonly type: 'void' };

type Applied = readonly [Life, Effect];

const taken: Effect = { type: 'taken' };
const surelyLost: Effect = { type: 'lost', isSure: true };
const apparentlyLost: Effect = { type: 'lost', isSure: false };
const purged: Effect = { type: 'purged' };
const nothing: Effect = { type: 'void' };

/**
 * What one action makes of a journal's life (docs/format.md#reading). This is the only text of
 * these rules: the fold of the log's part, the head cache, the writes of a poll and the change of a
 * journal's row follow from it.
 *
 * @param at where the record of the action is; calls come in offset order
 */
export function applyAction(life: Life, deed: Deed, at: Offset): Applied {
  switch (deed.type) {
    case 'append':
      return append(life, deed.range, at);
    case 'delete':
      return deleteUpTo(life, deed.to, at);
    case 'purge':
      return purge(life, deed.onlyAt, at);
    case 'mark':
      return [life, nothing];
  }
}

/**
 * An append that does not begin above the last number loses as a whole (ADR 17). It is the last
 * action all the same.
 */
function append(life: Life, { from, to }: SeqRange, at: Offset): Applied {
  const { last, deletedTo } = life;
  if (last !== undefined && from <= last) {
    const claimed = SeqNr.greaterOf(from, life.claimed);
    const isSure = !life.beganUnseen || claimed === life.claimed;
    return [{ ...life, lastAt: at, claimed }, isSure ? surelyLost : apparentlyLost];
  }
  // A delete reaches only what existed before it. Where that was not seen, the first append shows
  // it: delete(10) before 4.. hides at most 3.
  const isCapped = last === undefined && deletedTo !== undefined && deletedTo >= from;
  const reached = isCapped ? SeqNr.prev(from) : deletedTo;
  return [{ ...life, last: to, lastAt: at, claimed: from, deletedTo: reached }, taken];
}

/**
 * A delete reaches at most the last number, and never less far than one before it: events that are
 * gone do not come back. Where nothing was appended there is nothing to delete, and it is void.
 */
function deleteUpTo(life: Life, to: SeqNr, at: Offset): Applied {
  const { last, deletedTo, beganUnseen } = life;
  if (last === undefined) {
    if (!beganUnseen) return [life, nothing];
    const upTo = SeqNr.greaterOf(to, deletedTo);
    return [
      { ...life, deletedTo: upTo, lastAt: at },
      { type: 'deleted', upTo },
    ];
  }
  // Rows of the JVM system may be deleted beyond their last number.
  const highest = SeqNr.greaterOf(last, deletedTo);
  const upTo = SeqNr.greaterOf(SeqNr.lesserOf(to, highest), deletedTo);
  return [
    { ...life, last: highest, deletedTo: upTo, lastAt: at },
    { type: 'deleted', upTo },
  ];
}

/**
 * A purge ends the life; a conditional one only if the last action is where it says, else it is
 * void.
 */
function purge(life: Life, onlyAt: Offset | undefined, at: Offset): Applied {
  if (onlyAt !== undefined && onlyAt !== life.lastAt) {
    const isUnseen = life.beganUnseen && life.lastAt === undefined;
    return [life, isUnseen ? { type: 'undecided', onlyAt } : nothing];
  }
  return [Life.unborn(at), purged];
}
