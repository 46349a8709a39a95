import {
  ClosedError,
  EntityStoppedError,
  JournalError,
  NotOwnerError,
  RecoveryFailedError,
} from '../../model/errors.ts';

/** Errors that pass on why an entity is not here. */
const carriers = [EntityStoppedError, RecoveryFailedError];

/**
 * Whether a command was not taken since its entity belongs to another process. It is certainly not
 * stored then, and may be sent there.
 */
export function hadToMove(error: unknown): boolean {
  if (!(error instanceof JournalError) || error.stored !== 'no') return false;
  if (error instanceof NotOwnerError) return true;
  return carriers.some((type) => error instanceof type) && hadToMove(error.cause);
}

/**
 * Whether a command was not taken since its entity, or all of the process, ends. It is certainly
 * not stored, and will be taken by the next owner.
 */
export function hadToStop(error: unknown): boolean {
  const isEnd = error instanceof ClosedError || error instanceof EntityStoppedError;
  return isEnd && error.stored === 'no';
}
