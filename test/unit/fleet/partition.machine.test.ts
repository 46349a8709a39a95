import { expect } from 'chai';
import {
  type PartitionEffect,
  type PartitionFact,
  type PartitionState,
  partitionSteps,
} from '../../../src/fleet/partition.machine.ts';

function stepOf(state: PartitionState, fact: PartitionFact) {
  return partitionSteps[state][fact];
}

function walk(facts: readonly PartitionFact[]): {
  readonly state: PartitionState;
  readonly effects: readonly PartitionEffect[];
} {
  let state: PartitionState = 'elsewhere';
  const effects: PartitionEffect[] = [];
  for (const fact of facts) {
    const step: ReturnType<typeof stepOf> = stepOf(state, fact);
    if (step === undefined) continue;
    state = step.state;
    effects.push(...step.effects);
  }
  return { state, effects };
}

describe('the life of a partition in a process', () => {
  it('serves once the former owner is gone, and not before', () => {
    expect(walk(['partition.given'])).to.deep.equal({
      state: 'taking',
      effects: ['askFormerOwner'],
    });
    expect(walk(['partition.given', 'former.gone']).state).to.equal('serving');
    expect(walk(['former.gone']).state).to.equal('elsewhere');
  });

  it('is handed over: its entities end before it is elsewhere', () => {
    const moved = ['partition.given', 'former.gone', 'partition.moved'] as const;
    expect(walk(moved).effects.at(-1)).to.equal('endEntities');
    expect(walk([...moved, 'entities.ended'])).to.include({ state: 'elsewhere' });
    // Given again meanwhile: it ends first.
    expect(walk([...moved, 'partition.given']).state).to.equal('handingOver');
  });

  it('waits for the former owner also when it moves on before it was served', () => {
    expect(walk(['partition.given', 'partition.moved']).state).to.equal('handingOver');
    expect(walk(['partition.given', 'partition.moved', 'former.gone']).state).to.equal(
      'handingOver',
    );
  });

  it('drops its entities at once, wherever it is, when the process may be no member', () => {
    const ways: readonly (readonly PartitionFact[])[] = [
      ['partition.given'],
      ['partition.given', 'former.gone'],
      ['partition.given', 'former.gone', 'partition.moved'],
    ];
    for (const way of ways) {
      const { state, effects } = walk([...way, 'partition.lost']);
      expect(state).to.equal('elsewhere');
      expect(effects.slice(-2)).to.deep.equal(['dropEntities', 'noteElsewhere']);
    }
    expect(walk(['partition.lost']).effects).to.deep.equal([]);
  });
});
