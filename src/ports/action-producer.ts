import type { Action } from '../model/action.ts';
import type { JournalError } from '../model/errors.ts';
import type { Partition, PartitionOffset } from '../model/position.ts';
import type { CallOptions } from './call-options.ts';

/** How an action is produced. */
export interface ProduceOptions extends CallOptions {
  /**
   * The partition in which the record has to land, because it names a tenure of it. The record is
   * refused when its key belongs into another one.
   */
  readonly partition?: Partition | undefined;
}

/** Appends actions to the log. */
export interface ActionProducer extends AsyncDisposable {
  /**
   * The failure that keeps calls under way waiting while the producer tries again; `undefined` =
   * nothing has failed for them so far.
   */
  readonly trouble?: JournalError | undefined;

  /**
   * Appends one action as one record and resolves, once the log has acknowledged it, with where it
   * landed. All actions of one key land in one partition, in the order of the calls.
   *
   * The signal is checked before the record is handed over; after that the call ends only with the
   * log's answer or the producer's write deadline.
   *
   * @throws {WriteRejectedError} certainly not stored: the record is too large, the log refuses it,
   * or the producer is closed; so are events of its key that were handed over before the refusal
   * was known
   * @throws {NotOwnerError} certainly not stored: the log knows that the tenure is over
   * @throws {WriteFailedError} may or may not be stored: no answer before the write deadline
   * @throws {AccessDeniedError} certainly not stored: names the right that is missing
   * @throws {NotSetUpError} certainly not stored: the topic does not exist
   */
  produce(action: Action, options?: ProduceOptions): Promise<PartitionOffset>;
}
