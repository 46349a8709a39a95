import { expect } from 'chai';
import { SignsOfLife } from '../../../../src/stores/sqlite/signs-of-life.ts';

describe('signs of life', () => {
  it('are forgotten with the rows that are gone', () => {
    let steadyMs = 0;
    const signs = new SignsOfLife(1_000, { steadyMs: () => steadyMs });
    const sign = { process: 'elsewhere/1', expires: 1_000_000 };
    for (const id of ['gone', 'kept']) expect(signs.isDead(id, sign, 0)).to.equal(false);
    signs.keepOnly(new Set(['kept']));
    steadyMs = 10_000;
    expect(signs.isDead('gone', sign, 0)).to.equal(false);
    expect(signs.isDead('kept', sign, 0)).to.equal(true);
  });
});
