import { expect } from 'chai';
import { Attached } from '../../../src/runtime/attached.ts';

describe('Attached', () => {
  it('gives what was set on an object, and nothing of others', () => {
    const names = new Attached<string>('names');
    const [one, other] = [{}, {}];
    names.set(one, 'first');
    names.set(one, 'last');
    expect([names.get(one), names.get(other)]).to.deep.equal(['last', undefined]);
  });

  it('does not see what another one of the same name has set', () => {
    const owner = {};
    new Attached<string>('names').set(owner, 'theirs');
    expect(new Attached<string>('names').get(owner)).to.equal(undefined);
  });

  it('is not in the way of what the object itself has', () => {
    const owner = { own: 1 };
    new Attached<string>('names').set(owner, 'ours');
    expect(Object.keys(owner)).to.deep.equal(['own']);
    expect(JSON.stringify(owner)).to.equal('{"own":1}');
  });

  it('knows nothing of what is no object', () => {
    const names = new Attached<string>('names');
    for (const none of [undefined, null, 'text', 1])
      expect(names.get(none as unknown as object)).to.equal(undefined);
  });
});
