import { expect } from 'chai';
import { DataIntegrityError } from '../../../src/model/errors.ts';

describe('an error about stored data', () => {
  it('names in its message what is known of the place, and nothing else', () => {
    const place = { id: 'a-1', seqNr: 3, offset: undefined };
    expect(new DataIntegrityError('an event is missing', { place }).message).to.equal(
      'an event is missing (id a-1, seqNr 3)',
    );
    const nothing = { id: undefined };
    expect(new DataIntegrityError('an event is missing', { place: nothing }).message).to.equal(
      'an event is missing',
    );
  });
});
