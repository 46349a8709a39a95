import { expect } from 'chai';
import fc from 'fast-check';
import { TopicCommit } from '../../../replicator/topic/topic-commit.ts';
import { Offset, Partition } from '../../../src/model/position.ts';
import { settle } from '../../support/replicator/manual-clock.ts';
import { append, logRecord } from '../../support/replicator/records.ts';
import { testReplicator } from '../../support/replicator/test-replicator.ts';

const partition = fc.constantFrom(0, 1, 2).map((number) => Partition.of(number));
const offset = fc.integer({ min: 0, max: 20 }).map((number) => Offset.of(number));

const step = fc.oneof(
  fc.record({ type: fc.constantFrom('assign', 'forget', 'commit' as const), partition }),
  fc.record({ type: fc.constant('mark' as const), partition, offset }),
);

describe('TopicCommit (I15)', () => {
  it('commits the highest mark of each partition that is ours, never less than before, never what was not marked', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const commit = new TopicCommit();
        const ours = new Map<Partition, { marked: number; committed: number }>();
        for (const next of steps) {
          const model = ours.get(next.partition);
          if (next.type === 'assign') {
            commit.assign(next.partition);
            ours.set(next.partition, { marked: -1, committed: -1 });
          } else if (next.type === 'forget') {
            commit.forget(next.partition);
            ours.delete(next.partition);
          } else if (next.type === 'mark') {
            commit.mark(next.partition, next.offset);
            if (model !== undefined) model.marked = Math.max(model.marked, next.offset);
          } else {
            const due = commit.due(next.partition);
            if (due !== undefined) commit.committed(next.partition, due);
            const isDue = model !== undefined && model.marked > model.committed;
            expect(due).to.equal(isDue ? model.marked : undefined);
            if (isDue) model.committed = model.marked;
          }
        }
        const left = [...ours].filter(([, { marked, committed }]) => marked > committed);
        expect(commit.duePartitions()).to.have.members(left.map(([number]) => number));
      }),
      { numRuns: 500 },
    );
  });
});

const happening = fc.record({
  what: fc.oneof(
    { weight: 5, arbitrary: fc.constantFrom('assign', 'deliver') },
    { weight: 2, arbitrary: fc.constantFrom('revoke', 'lose', 'wait', 'failCommit') },
    fc.constantFrom('fail', 'failOffset'),
  ),
  where: fc.constantFrom(0, 1).map((number) => Partition.of(number)),
  size: fc.integer({ min: 1, max: 4 }),
});
type Happening = typeof happening extends fc.Arbitrary<infer T> ? T : never;

interface Commit {
  readonly where: Partition;
  readonly next: number;
  readonly replicated: number;
  /** Assigned, and neither revoked for good nor lost. */
  readonly isOurs: boolean;
  readonly failed: boolean;
}

/** A member whose partitions come and go, over a store and a group that fail now and then. */
class Life {
  readonly commits: Commit[] = [];
  /** The partitions that are ours, and the replicated offset when they were assigned. */
  readonly #ours = new Map<Partition, number>();
  readonly #inHand = new Set<Partition>();
  readonly #failures = { any: 0, offset: 0, commit: 0 };
  #isAssigning = false;
  readonly #world: Awaited<ReturnType<typeof testReplicator>>;

  constructor(world: Awaited<ReturnType<typeof testReplicator>>) {
    this.#world = world;
    world.store.before = ({ name }) => {
      if (this.#isAssigning) return;
      if (this.#fails('any') || (name === 'saveOffset' && this.#fails('offset')))
        throw new Error('injected');
    };
    world.member().beforeCommit = (where, next) => {
      const [replicated, isOurs] = [this.#replicated(where), this.#ours.has(where)];
      const failed = this.#fails('commit');
      this.commits.push({ where, next, replicated, isOurs, failed });
      if (failed) throw new Error('injected');
    };
  }

  #fails(what: 'any' | 'offset' | 'commit'): boolean {
    return this.#failures[what] > 0 && this.#failures[what]-- > 0;
  }

  #replicated(where: Partition): number {
    return this.#world.store.offsets.get(`journal/${where}`) ?? -1;
  }

  async happen({ what, where, size }: Happening): Promise<void> {
    const { clock, member } = this.#world;
    if (what === 'wait') return clock.advance(6_000);
    if (what === 'fail') this.#failures.any = size;
    else if (what === 'failOffset') this.#failures.offset = 3 * size;
    else if (what === 'failCommit') this.#failures.commit = size;
    else if (what === 'assign') await this.#assign(where);
    else if (!this.#ours.has(where)) return;
    else if (what === 'deliver') await this.#deliver(where, size);
    else if (what === 'revoke') {
      await member().revoke(where);
      this.#ours.delete(where);
    } else {
      this.#ours.delete(where);
      await member().lose(where);
    }
  }

  async #assign(where: Partition): Promise<void> {
    if (this.#ours.has(where)) return;
    this.#ours.set(where, this.#replicated(where));
    this.#isAssigning = true;
    await this.#world.member().assign(where);
    this.#isAssigning = false;
  }

  async #deliver(where: Partition, size: number): Promise<void> {
    if (this.#inHand.has(where)) return this.#world.clock.advance(1_000);
    const from = this.#replicated(where) + 1;
    const numbers = Array.from({ length: size }, (_, index) => from + index);
    const records = numbers.map((at) => logRecord(`key-${where}`, at, append(at + 1)));
    this.#inHand.add(where);
    const work = this.#world.member().deliver(where, records);
    work.catch(() => {}).finally(() => this.#inHand.delete(where));
    await this.#world.clock.advance(1_000);
  }

  /** Ends as a member that leaves; what is to be committed then. */
  async end(): Promise<ReadonlyMap<Partition, number>> {
    await settle();
    this.#failures.commit = 0;
    await this.#world.stop();
    const moved = [...this.#ours].filter(([where, from]) => this.#replicated(where) > from);
    return new Map(moved.map(([where]) => [where, this.#replicated(where) + 1]));
  }
}

describe('TopicFlow’s commits (I15)', () => {
  it('never go beyond what is replicated, never back, never to a foreign partition, and get there', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(happening, { minLength: 4, maxLength: 20 }), async (happenings) => {
        const life = new Life(await testReplicator());
        for (const one of happenings) await life.happen(one);
        const due = await life.end();
        const last = new Map<Partition, number>();
        for (const { where, next, replicated, isOurs, failed } of life.commits) {
          expect(next).to.be.at.most(replicated + 1);
          expect(next).to.be.above(last.get(where) ?? 0);
          expect(isOurs).to.equal(true);
          if (!failed) last.set(where, next);
        }
        for (const [where, next] of due) expect(last.get(where)).to.equal(next);
      }),
      { numRuns: 300 },
    );
  });
});
