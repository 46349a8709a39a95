import { expect } from 'chai';
import { settle } from '../support.ts';
import { factsIn, openOutbox } from './support.ts';

describe('a delivery', () => {
  it('is sent once its event is stored, and no longer after its confirmation', async () => {
    const world = openOutbox();
    await world.recovered();
    const gate = world.journal.blockNextWrite();
    const asked = world.post('a');
    await gate.reached;
    await settle();
    expect(world.shown()).to.deep.equal([]);
    gate.open();
    await asked;
    await settle();
    expect(world.shown()).to.deep.equal(['mail#1 a']);
    await world.attempts[0]?.succeed('receipt 7');
    const id = 'e#1.0@writer-1';
    expect(factsIn(world.journal)).to.deep.equal([
      { deliveries: [{ id, to: 'mail', message: 'a' }] },
      { confirmed: [id] },
    ]);
    expect(world.context()).to.deep.equal(['posted', `${id}: receipt 7`]);
    await world.time.pass(20_000);
    expect(world.shown()).to.deep.equal(['mail#1 a']);
  });
});
