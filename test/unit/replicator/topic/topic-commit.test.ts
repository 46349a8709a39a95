import { expect } from 'chai';
import { TopicCommit } from '../../../../replicator/topic/topic-commit.ts';
import { Offset } from '../../../../src/model/position.ts';
import { partition0, partition1 } from '../../../support/replicator/records.ts';

const at = (offset: number) => Offset.of(offset);

function assigned(): TopicCommit {
  const commit = new TopicCommit();
  commit.assign(partition0);
  commit.assign(partition1);
  return commit;
}

describe('TopicCommit', () => {
  it('has nothing to commit at the start', () => {
    expect(assigned().duePartitions()).to.deep.equal([]);
    expect(assigned().due(partition0)).to.equal(undefined);
  });

  it('commits what is marked when nothing was committed', () => {
    const commit = assigned();
    commit.mark(partition0, at(5));
    expect(commit.due(partition0)).to.equal(5);
    expect(commit.duePartitions()).to.deep.equal([partition0]);
  });

  it('commits what is marked above what was committed', () => {
    const commit = assigned();
    commit.mark(partition0, at(5));
    commit.committed(partition0, at(5));
    commit.mark(partition0, at(7));
    expect(commit.due(partition0)).to.equal(7);
  });

  it('has nothing to commit when all that is marked was committed', () => {
    const commit = assigned();
    commit.mark(partition0, at(5));
    commit.committed(partition0, at(5));
    expect(commit.due(partition0)).to.equal(undefined);
  });

  it('never marks backwards', () => {
    const commit = assigned();
    commit.mark(partition0, at(5));
    commit.mark(partition0, at(3));
    expect(commit.due(partition0)).to.equal(5);
  });

  it('never commits backwards', () => {
    const commit = assigned();
    commit.mark(partition0, at(5));
    commit.committed(partition0, at(5));
    commit.committed(partition0, at(3));
    expect(commit.due(partition0)).to.equal(undefined);
  });

  it('lists only partitions with progress', () => {
    const commit = assigned();
    commit.mark(partition0, at(5));
    commit.mark(partition1, at(6));
    commit.committed(partition0, at(5));
    expect(commit.duePartitions()).to.deep.equal([partition1]);
  });

  it('forgets a partition that is given up, whatever was marked', () => {
    const commit = assigned();
    commit.mark(partition0, at(5));
    commit.forget(partition0);
    expect(commit.duePartitions()).to.deep.equal([]);
  });

  it('ignores marks and commits of partitions that are not ours', () => {
    const commit = new TopicCommit();
    commit.mark(partition0, at(5));
    commit.committed(partition0, at(5));
    commit.assign(partition0);
    expect(commit.due(partition0)).to.equal(undefined);
  });

  it('starts anew when a partition comes back', () => {
    const commit = assigned();
    commit.mark(partition0, at(5));
    commit.committed(partition0, at(5));
    commit.forget(partition0);
    commit.assign(partition0);
    commit.mark(partition0, at(3));
    expect(commit.due(partition0)).to.equal(3);
  });
});
