import { expect } from 'chai';
import { javaStringHash, murmur2, partitionOf } from '../../../src/codec/java-hash.ts';

describe('murmur2 (docs/format.md#partition)', () => {
  // key, hash, partition of 3, 12 and 100: values of Kafka's Java producer.
  const table: readonly (readonly [string, number, number, number, number])[] = [
    ['', 275646681, 0, 9, 81],
    ['21', -973932308, 0, 0, 40],
    ['foobar', -790332482, 0, 6, 66],
    ['abc', 479470107, 0, 3, 7],
    ['a-little-bit-long-string', -985981536, 2, 8, 12],
    ['id', -1152384481, 1, 7, 67],
    ['ID', -693595829, 0, 3, 19],
    ['persistenceId', -1474737382, 1, 10, 66],
    ['00000000-0000-0000-0000-000000000000', 713427837, 0, 9, 37],
    ['Straße', 403542409, 1, 1, 9],
    ['user-😀', -1358553031, 1, 1, 17],
  ];
  for (const [key, hash, of3, of12, of100] of table) {
    it(`puts ${JSON.stringify(key)} where the Java producer does`, () => {
      const bytes = Buffer.from(key);
      expect(murmur2(bytes)).to.equal(hash);
      expect([3, 12, 100].map((count) => partitionOf(bytes, count))).to.deep.equal([
        of3,
        of12,
        of100,
      ]);
    });
  }
});

describe('javaStringHash (docs/format.md#stored-payload)', () => {
  const table: readonly (readonly [string, number])[] = [
    ['', 0],
    ['a', 97],
    ['id', 3355],
    ['journal id', 969045668],
    ['p1', 3521],
    ['topic-id', -957340039],
    ['persistenceid', -1839193094],
    ['polygenelubricants', -2147483648],
    ['00000000-0000-0000-0000-000000000000', 1428967488],
    ['3f2504e0-4f89-11d3-9a0c-0305e82c3301', -280591469],
    ['straße', -891990090],
    ['ας', 30257],
    ['i̇', 4030],
    ['user-😀', -145411419],
  ];
  for (const [text, hash] of table) {
    it(`of ${JSON.stringify(text)} is Java's`, () => {
      expect(javaStringHash(text)).to.equal(hash);
    });
  }
});
