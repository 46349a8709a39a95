import { expect } from 'chai';
import fc from 'fast-check';
import { TopicCommit } from '../../../replicator/topic-commit.ts';
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
  what: fc.constantFrom(
    'assign',
    'deliver',
    'deliver',
    'deliver',
    'revoke',
    'lose',
    'wait',
    'fail',
  ),
  where: partition,
  size: fc.integer({ min: 1, max: 4 }),
});

/** A member whose partitions come and go over a store that fails now and then. */
async function live(happenings: readonly { what: string; where: Partition; size: number }[]) {
  const { member, store, clock, stop } = await testReplicator();
  const commits: { where: Partition; next: number; replicated: number }[] = [];
  member().beforeCommit = (where, next) => {
    const replicated = store.offsets.get(`journal/${where}`) ?? -1;
    commits.push({ where, next, replicated });
  };
  const owned = new Set<Partition>();
  let failures = 0;
  store.before = ({ name }) => {
    if (name !== 'claim' && failures > 0) {
      failures--;
      throw new Error('injected');
    }
  };
  const deliver = async (where: Partition, size: number): Promise<void> => {
    const from = (store.offsets.get(`journal/${where}`) ?? -1) + 1;
    const numbers = Array.from({ length: size }, (_, index) => from + index);
    member().send(
      where,
      numbers.map((at) => logRecord(`key-${where}`, at, append(at + 1))),
    );
    await clock.advance(1_000);
  };
  const happen = async (what: string, where: Partition, size: number): Promise<void> => {
    if (what === 'wait') return clock.advance(2_500);
    if (what === 'fail') failures = size;
    else if (what === 'assign') owned.add(where);
    else if (what === 'deliver') await deliver(where, size);
    else if (owned.delete(where)) await member()[what === 'lose' ? 'lose' : 'revoke'](where);
  };
  for (const { what, where, size } of happenings) {
    if (what === 'assign' && !owned.has(where)) await member().assign(where);
    if (what !== 'deliver' || owned.has(where)) await happen(what, where, size);
  }
  await settle();
  await stop();
  return commits;
}

describe('TopicFlow’s commits (I15)', () => {
  it('never go beyond what is replicated, and never back', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(happening, { maxLength: 15 }), async (happenings) => {
        const commits = await live(happenings);
        const last = new Map<Partition, number>();
        for (const { where, next, replicated } of commits) {
          expect(next).to.be.at.most(replicated + 1);
          expect(next).to.be.above(last.get(where) ?? 0);
          last.set(where, next);
        }
      }),
      { numRuns: 60 },
    );
  });
});
