import { expect } from 'chai';
import { recordIdOf } from '../../../../src/codec/record/record-id.ts';
import { Topic } from '../../../../src/model/position.ts';
import { place } from '../../../contract/replicated-store.ts';

describe('recordIdOf', () => {
  const topic = Topic.of('journal');

  it('is a UUID of version 5 (RFC 9562)', () => {
    for (let offset = 0; offset < 50; offset++) {
      const id = recordIdOf(topic, place(offset));
      expect(id).to.match(/^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    }
  });

  it('never changes for one place, or re-deliveries by a newer version would differ', () => {
    // uuidgen --sha1 --namespace 6f1d8c1e-5b0b-4b7f-9f4a-3c0d2e7a9b51 --name journal:3:42
    expect(recordIdOf(topic, place(42, 3))).to.equal('ac2b66b3-d777-5186-87af-54a28c9b3f29');
  });

  it('differs by topic, partition and offset', () => {
    const ids = [
      recordIdOf(topic, place(11, 1)),
      recordIdOf(topic, place(1, 11)),
      recordIdOf(topic, place(1, 1)),
      recordIdOf(Topic.of('journal-1'), place(1, 1)),
    ];
    expect(new Set(ids).size).to.equal(ids.length);
  });
});
