import { expect } from 'chai';
import { InvalidInputError } from '../../../src/model/errors.ts';
import { persistenceIdToKey } from '../../../src/plugin/persistence-id-to-key.ts';

const constant = persistenceIdToKey({ type: 'constant-topic', topic: 'journal' });
const split = persistenceIdToKey({
  type: 'split',
  separator: '-',
  fallback: { topic: 'journal' },
});

describe('persistenceIdToKey', () => {
  it('puts every journal into the constant topic, the whole id as key', () => {
    expect(constant('wallet-1')).to.deep.equal({ topic: 'journal', id: 'wallet-1' });
  });

  it('splits at the last separator', () => {
    expect(split('eu-wallet-1')).to.deep.equal({ topic: 'eu-wallet', id: '1' });
  });

  it('falls back to the constant topic for an id without the separator', () => {
    expect(split('wallet')).to.deep.equal({ topic: 'journal', id: 'wallet' });
  });

  for (const [problem, id] of [
    ['is blank', '  '],
    ['has its separator in front, an empty topic', '-1'],
    ['maps to a topic with a slash', 'a/b-1'],
    ['maps to a topic of 250 characters', `${'t'.repeat(250)}-1`],
  ] as const) {
    it(`refuses an id that ${problem}`, () => {
      expect(() => split(id)).to.throw(InvalidInputError);
    });
  }

  it('names the id and the topic it refuses', () => {
    expect(() => split('a/b-1')).to.throw('"a/b-1" maps to topic "a/b"');
  });
});
