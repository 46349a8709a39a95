import { expect } from 'chai';
import { inScalaSetOrder } from '../../../../src/codec/record/tags.ts';

// Orders of five and more are those that Scala 2.13.16 printed; more are in
// test/golden/jvm-answers.jsonl.
describe('inScalaSetOrder (docs/format.md#tags)', () => {
  it('keeps up to four as they come, the first of equal ones in its place', () => {
    expect(inScalaSetOrder([])).to.deep.equal([]);
    expect(inScalaSetOrder(['d', 'c', 'b', 'a'])).to.deep.equal(['d', 'c', 'b', 'a']);
    expect(inScalaSetOrder(['b', 'a', 'b', 'c', 'a', 'd'])).to.deep.equal(['b', 'a', 'c', 'd']);
  });

  it('orders five and more by hash, however they come', () => {
    const letters = ['e', 'f', 'a', 'b', 'c', 'd'];
    expect(inScalaSetOrder(['a', 'b', 'c', 'd', 'e', 'f'])).to.deep.equal(letters);
    expect(inScalaSetOrder([...letters].reverse())).to.deep.equal(letters);
    const tags = ['wallet', 'deposit', 'eur', 'vip', '2024', 'mobile', 'fraud-check'];
    const ordered = ['vip', '2024', 'fraud-check', 'wallet', 'eur', 'deposit', 'mobile'];
    expect(inScalaSetOrder(tags)).to.deep.equal(ordered);
  });

  it('keeps texts of one hash as they come', () => {
    expect(inScalaSetOrder(['Aa', 'BB', 'a', 'b', 'c'])).to.deep.equal(['b', 'c', 'a', 'Aa', 'BB']);
    expect(inScalaSetOrder(['BB', 'Aa', 'a', 'b', 'c'])).to.deep.equal(['b', 'c', 'a', 'BB', 'Aa']);
  });
});
