import type { ActionRecord } from '../model/action.ts';
import { DataIntegrityError, StoreUnavailableError } from '../model/errors.ts';
import type { PartitionOffset } from '../model/position.ts';
import type { LastTenure } from '../model/tenure.ts';

/**
 * What a record of a partition is to a journal:
 *
 * - `counts`: an action of a journal, or a mark;
 * - `void`: an action as if it had never been written, since somebody else had taken the partition
 *   over before it;
 * - `opens`: an opening mark: it begins a tenure, and takes away the one before it.
 */
export type TenureVerdict = 'counts' | 'void' | 'opens';

/**
 * Says which actions of one partition count (docs/format.md#tenures). An action that names a tenure
 * counts only if the last opening mark of its scope before it is the one that it names:
 *
 * ```
 *   0 open(A)   1 append(of 0)   2 open(B)   3 append(of 0)   4 append(of 2)   5 append
 *                 counts                       void             counts           counts, as ever
 * ```
 *
 * So a record's fate depends only on what comes before it in the partition: every reader and every
 * replicator finds the same, wherever it begins. This is a filter below everything else: heads,
 * rows and stores know nothing of it.
 *
 * It begins at the beginning of the log, or after R: then ask {@link Tenures.unknownScopes} before
 * you judge.
 */
export class Tenures {
  /** By scope: the last opening mark, as far as records were judged or it was learned. */
  readonly #last = new Map<string, LastTenure>();

  /**
   * The scopes whose last opening mark at or before R has to be {@link learn learned} before the
   * records can be judged: those that an action names before the records open a tenure of it. One
   * that was `'unknown'` is asked for again.
   */
  unknownScopes(records: readonly ActionRecord[]): readonly string[] {
    const opened = new Set<string>();
    const unknown = new Set<string>();
    for (const { action } of records) {
      const { header } = action;
      if (header.type === 'mark') {
        if (header.opens !== undefined) opened.add(header.opens.scope);
      } else if (header.tenure !== undefined) {
        const { scope } = header.tenure;
        const isKnown = this.#last.has(scope) && this.#last.get(scope) !== 'unknown';
        if (!opened.has(scope) && !isKnown) unknown.add(scope);
      }
    }
    return [...unknown];
  }

  /** What the store says of a scope, as of R. */
  learn(scope: string, last: LastTenure): void {
    this.#last.set(scope, last);
  }

  /**
   * Judges the next record, in offset order.
   *
   * @throws {DataIntegrityError} the action names a mark that is not there
   * @throws {StoreUnavailableError} retryable: the tenures at or before R are not all known
   */
  judge({ action, at }: ActionRecord): TenureVerdict {
    const { header, key } = action;
    if (header.type === 'mark') {
      if (header.opens === undefined) return 'counts';
      this.#last.set(header.opens.scope, at.offset);
      return 'opens';
    }
    if (header.tenure === undefined) return 'counts';
    const { scope, of } = header.tenure;
    const last = this.#last.get(scope);
    if (last === of) return 'counts';
    if (last === 'unknown') {
      throw new StoreUnavailableError(
        `whether ${describe(key.id, at)} counts cannot be said yet: the replicator has not copied all ` +
          'opening marks up to the replicated offset; read again later',
      );
    }
    if (last !== undefined && of < last) return 'void';
    const known = last === undefined ? 'there is none' : `the last one lies at ${last}`;
    throw new DataIntegrityError(
      `${describe(key.id, at)} names the opening mark at offset ${of} of scope ${JSON.stringify(scope)}, but ${known}`,
      { place: { topic: key.topic, id: key.id, ...at } },
    );
  }
}

function describe(id: string, { partition, offset }: PartitionOffset): string {
  return `the action of ${id} at ${partition}:${offset}`;
}
