import { assignPartitions } from '../../fleet/assignment/assign-partitions.ts';
import type { FleetClaim } from '../../fleet/assignment/fleet-claim.ts';
import { decodeClaim, encodeView } from '../../fleet/assignment/member-codec.ts';
import { CodecError, type JournalError } from '../../model/errors.ts';
import type { Topic } from '../../model/position.ts';
import type { JoinedMember } from '../driver/fleet-group.ts';
import type { LogCluster } from '../log-cluster.ts';
import type { CalmWatch } from './calm-watch.ts';

/** What was shared out. */
export interface SharedOut {
  /** The view of all members, as they read it. */
  readonly text: string;
  /** False: partitions are to move once it is calm. */
  readonly isBalanced: boolean;
}

/** Largest record of a broker that was not told otherwise, in bytes: its message.max.bytes. */
export const largestRecordBytes = 1_048_588;
/** From this share of it on the log says so. */
const warnedShare = 0.75;

const nearlyFull =
  'the fleet is nearly as large as Kafka takes: its group is one record, with the view once for each member. Beyond ' +
  'that no partition gets an owner. Run fewer instances, or raise max.message.bytes of the topic __consumer_offsets';

/** What the member does that the group chose to share out the partitions. */
export class PartitionSharing {
  readonly #cluster: LogCluster;
  readonly #calm: CalmWatch;
  /** Partitions of each topic that was shared out; `undefined` = they could not be learnt. */
  #counts: ReadonlyMap<Topic, number | undefined> = new Map();
  #isNearlyFull = false;

  constructor(cluster: LogCluster, calm: CalmWatch) {
    this.#cluster = cluster;
    this.#calm = calm;
  }

  /**
   * Shares out among these members. One whose claim cannot be read gets no partition; the others go
   * on.
   *
   * @throws {ClosedError} the cluster is closed
   */
  async share(groupGeneration: number, members: readonly JoinedMember[]): Promise<SharedOut> {
    const claims = members.flatMap((member) => this.#claimOf(member) ?? []);
    const topics = new Set(claims.flatMap((claim) => claim.topics));
    const counts = await Promise.all(
      [...topics].map(async (topic) => {
        const known = this.#counts.has(topic);
        return [topic, known ? this.#counts.get(topic) : await this.#count(topic)] as const;
      }),
    );
    this.#counts = new Map(counts);
    const { clock } = this.#cluster.deps;
    const ids = claims.map(({ member }) => member.id);
    this.#calm.saw(ids, clock.steadyMs());
    // Kafka counts anew when it has lost the group. Whoever knows a higher generation would hold
    // the new view for the older one.
    const heldSince = Math.max(0, ...claims.map((claim) => claim.heldSince));
    const generation = Math.max(groupGeneration, heldSince + 1);
    const isCalm = this.#calm.isCalm(clock.steadyMs());
    const shared = assignPartitions({
      claims,
      generation,
      partitionCounts: new Map(
        counts.flatMap(([topic, count]) => (count === undefined ? [] : [[topic, count]])),
      ),
      isCalm,
    });
    if (isCalm && !shared.isBalanced) this.#calm.hasStepped(clock.steadyMs());
    const text = encodeView({
      generation,
      members: claims.map(({ member }) => member),
      topics: shared.topics,
    });
    this.#noteSize(text, members);
    return { text, isBalanced: shared.isBalanced };
  }

  /** Kafka keeps a group as one record, with the claim of each member and its copy of the view. */
  #noteSize(view: string, members: readonly JoinedMember[]): void {
    const viewBytes = Buffer.byteLength(view);
    const bytes = members.reduce((sum, { claim }) => sum + viewBytes + Buffer.byteLength(claim), 0);
    const isNearlyFull = bytes > warnedShare * largestRecordBytes;
    if (isNearlyFull && !this.#isNearlyFull) {
      const fields = { members: members.length, bytes, limitBytes: largestRecordBytes };
      this.#cluster.deps.log.warn(fields, nearlyFull);
    }
    this.#isNearlyFull = isNearlyFull;
  }

  /**
   * Whether a topic has other partitions than were shared out. Asks the brokers, and never rejects:
   * of a topic of which they say nothing the number is taken for the same. One call at a time; a
   * `share` may come while it lasts.
   */
  async haveCountsChanged(): Promise<boolean> {
    const found = await Promise.all(
      [...this.#counts.keys()].map(async (topic) => [topic, await this.#count(topic)] as const),
    );
    const changed = found.filter(
      ([topic, count]) =>
        count !== undefined && this.#counts.has(topic) && count !== this.#counts.get(topic),
    );
    this.#counts = new Map([...this.#counts, ...changed]);
    return changed.length > 0;
  }

  async #count(topic: Topic): Promise<number | undefined> {
    try {
      return await this.#cluster.partitionCount(topic);
    } catch (error) {
      const err: JournalError = this.#cluster.errorOf(error, { topic, right: 'DESCRIBE' });
      const text = 'the partitions of a topic of the fleet are not known: nobody owns them so far';
      // It is asked for again and again; the first answer is enough for the log.
      this.#cluster.deps.log[this.#counts.has(topic) ? 'debug' : 'warn']({ topic, err }, text);
      return undefined;
    }
  }

  #claimOf({ memberId, claim }: JoinedMember): FleetClaim | undefined {
    try {
      return decodeClaim(claim);
    } catch (err) {
      if (!(err instanceof CodecError)) throw err;
      const text = 'a member of the fleet says nothing that can be read, and gets no partition';
      this.#cluster.deps.log.warn({ memberId, err }, text);
      return undefined;
    }
  }
}
