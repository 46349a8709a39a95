import { FencedError, InvalidInputError, StoreUnavailableError } from '../../model/errors.ts';
import type { Offset, Partition, Topic } from '../../model/position.ts';
import type { ClaimOptions, OffsetMove } from '../../ports/replicated-journal.ts';
import type { CassandraSession, Row } from './session-types.ts';
import type { PointerStatements } from './tables/pointer-table.ts';
import { replicatedOffsetOf } from './values.ts';
import type { WriteClocks } from './write-clock.ts';

interface PointerDeps {
  readonly session: CassandraSession;
  readonly clocks: WriteClocks;
  readonly statements: PointerStatements;
}

interface PartitionPlace {
  readonly topic: Topic;
  readonly partition: Partition;
}

/** A row; `updated` in milliseconds, null where another program left it out. */
interface PointerRow {
  readonly offset: Offset;
  readonly updated: number | null;
}

interface ClaimedPartition {
  /** What the owner knows. */
  known: Offset | undefined;
  /** The row that the next change starts from; `undefined` = there was none. */
  row: PointerRow | undefined;
  /** Changes of `row` that were sent and not answered. */
  readonly inDoubt: PointerRow[];
}

/** How often one change may be refused because others change the row as well. */
const maxTries = 10;
/**
 * A change in doubt beyond it, forgotten, looks like another process's: the partition is joined
 * anew.
 */
const maxInDoubt = 1_000;

/**
 * The rows of `pointer2` of the partitions that this process has claimed (ADR 29):
 *
 *     claim   offset 4, updated 100 → offset 4, updated 107   IF offset = 4 AND updated = 100
 *     move    offset 4, updated 107 → offset 9, updated 112   IF offset = 4 AND updated = 107
 *
 * `updated` grows with every change, so a condition that ceased to hold never holds again: whatever
 * an earlier owner has sent is refused from the claim on, although the offset is the same.
 */
export class PartitionPointers {
  readonly #deps: PointerDeps;
  readonly #claims = new Map<string, ClaimedPartition>();

  constructor(deps: PointerDeps) {
    this.#deps = deps;
  }

  /**
   * A claim that was refused is made again above what is found, be it another process's or an
   * earlier try.
   *
   * @throws {StoreUnavailableError} may be claimed; repeat it
   */
  async claim(place: PartitionPlace, options: ClaimOptions): Promise<Offset | undefined> {
    const { session, statements } = this.#deps;
    const { topic, partition } = place;
    const { nowMs } = options;
    const clock = this.#deps.clocks.of(topic, partition);
    // Where there is no row, what is older than this is of an earlier topic of that name.
    clock.next(nowMs);
    for (let tries = 0; tries < maxTries; tries++) {
      const cells = await session.selectSerially(
        statements.selectSaved,
        [topic, partition],
        options,
      );
      const found = rowOf(place, cells[0]);
      const row = found && this.#after(place, found, found.offset, nowMs);
      if (row === undefined || isApplied(await this.#change(place, found, row))) {
        this.#claims.set(nameOf(place), { known: row?.offset, row, inDoubt: [] });
        // The last owner's clock may be ahead of ours, and its writes newer than ours would be.
        clock.follow((row?.updated ?? 0) * 1000);
        return row?.offset;
      }
    }
    throw new StoreUnavailableError(
      `${topic}:${partition} is claimed in Cassandra by other processes all the time`,
    );
  }

  /**
   * The one lightweight transaction of a round: what else it writes is fenced by timestamps.
   *
   * @throws {FencedError} another process owns the partition; nothing stored
   * @throws {StoreUnavailableError} may be stored; repeat it, to the same offset or a further one
   * @throws {InvalidInputError} the offset would move back
   */
  async move(move: OffsetMove, nowMs: number): Promise<void> {
    const { offset, after } = move;
    if (after !== undefined && offset < after) {
      throw new InvalidInputError(
        `a replicated offset cannot move back from ${after} to ${offset}`,
      );
    }
    const claim = this.#claims.get(nameOf(move));
    if (claim === undefined) throw fenced(move, 'is not claimed by this process');
    if (claim.known === offset && after !== offset) return;
    if (claim.known !== after) throw fenced(move, `stands at ${claim.known ?? 'none'}`);
    for (let tries = 0; tries < maxTries; tries++) {
      if (await this.#isMoved(claim, move, nowMs)) {
        claim.known = offset;
        return;
      }
    }
    throw fenced(move, 'is changed by others all the time');
  }

  /** Answers false when it is to be tried again, from the row found. */
  async #isMoved(claim: ClaimedPartition, move: OffsetMove, nowMs: number): Promise<boolean> {
    const wanted = this.#after(move, claim.row, move.offset, nowMs);
    claim.inDoubt.push(wanted);
    if (claim.inDoubt.length > maxInDoubt) claim.inDoubt.shift();
    const answer = await this.#change(move, claim.row, wanted);
    const wasApplied = isApplied(answer);
    const found = wasApplied ? wanted : rowOf(move, answer);
    // An earlier try, or the same first move of another process. Whosever it is, in one millisecond
    // it could be either's: the next try takes the row over.
    const isKnown = claim.inDoubt.some(
      ({ offset, updated }) => offset === found?.offset && updated === found.updated,
    );
    const isShared = claim.row === undefined && found?.offset === move.offset;
    if (!isKnown && !isShared) throw fenced(move, `stands at ${found?.offset ?? 'none'}`);
    claim.row = found;
    claim.inDoubt.length = 0;
    return wasApplied;
  }

  /** The next row: later than this one, than the clock and than every write so far. */
  #after(
    { topic, partition }: PartitionPlace,
    row: PointerRow | undefined,
    offset: Offset,
    nowMs: number,
  ): PointerRow {
    const { lastMs } = this.#deps.clocks.of(topic, partition);
    return { offset, updated: Math.max(nowMs, lastMs, (row?.updated ?? 0) + 1) };
  }

  #change(
    { topic, partition }: PartitionPlace,
    from: PointerRow | undefined,
    { offset, updated }: PointerRow,
  ): Promise<Row> {
    const { session, statements } = this.#deps;
    if (from === undefined) {
      const { insertIfAbsent } = statements;
      return session.writeIf(insertIfAbsent, [topic, partition, offset, updated, updated]);
    }
    const same = [topic, partition, from.offset, from.updated];
    return session.writeIf(statements.updateIfSame, [offset, updated, ...same]);
  }
}

function nameOf({ topic, partition }: PartitionPlace): string {
  return `${topic}:${partition}`;
}

function isApplied(answer: Row): boolean {
  return answer['[applied]'] === true;
}

/** A refusal brings the row with it, and no columns when there is none. */
function rowOf(
  { topic, partition }: PartitionPlace,
  cells: Row | undefined,
): PointerRow | undefined {
  if (cells?.['offset'] === undefined || cells['offset'] === null) return undefined;
  const updated = cells['updated'];
  const offset = replicatedOffsetOf(topic, partition, cells['offset']);
  return { offset, updated: updated instanceof Date ? updated.getTime() : null };
}

function fenced(move: OffsetMove, how: string): FencedError {
  const { after, offset } = move;
  return new FencedError(
    `the replicated offset of ${nameOf(move)} was to move from ${after ?? 'none'} to ${offset}, ` +
      `but ${how}, or was claimed since: another process replicates the partition`,
  );
}
