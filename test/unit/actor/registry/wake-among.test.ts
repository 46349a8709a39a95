import { expect } from 'chai';
import type { AnyActorLogic } from 'xstate';
import type { LocalEntities } from '../../../../src/actor/registry/entities.ts';
import { wakeAmong } from '../../../../src/actor/registry/wake-among.ts';
import { counterMachine } from '../counter.ts';
import { testHost } from '../support.ts';

/** Types of entities by the text before their ids. */
function typesOf(...beginnings: readonly string[]): readonly LocalEntities<AnyActorLogic>[] {
  const types: LocalEntities<AnyActorLogic>[] = [];
  const { host } = testHost({
    place: (entities) => {
      types.push(entities as unknown as LocalEntities<AnyActorLogic>);
      return entities;
    },
  });
  for (const [at, beginning] of beginnings.entries()) {
    const persistenceId = ({ input }: { input: { id: string } }): string => beginning + input.id;
    host.entities(`${at} ${beginning}`, host.persistent(counterMachine(), { persistenceId }));
  }
  return types;
}

describe('waking an entity among several types', () => {
  for (const beginnings of [
    ['', 'order-', 'order-line-'],
    ['order-line-', 'order-', ''],
  ]) {
    it(`opens it as the type that fits best, of ${JSON.stringify(beginnings)}`, async () => {
      const types = typesOf(...beginnings);
      for (const id of ['order-line-7', 'order-8', 'cart-9']) await wakeAmong(types, id);
      const opened = types.map((one) => [one.type.slice(2), one.ids()]);
      expect(opened).to.have.deep.members([
        ['order-line-', ['7']],
        ['order-', ['8']],
        ['', ['cart-9']],
      ]);
    });
  }

  it('opens it as the type that was registered first where two fit alike', async () => {
    const types = typesOf('a-', 'a-');
    await wakeAmong(types, 'a-1');
    expect(types.map((type) => type.ids())).to.deep.equal([['1'], []]);
  });

  it('opens nothing of a type that is not known', () => {
    const types = typesOf('order-');
    expect(wakeAmong(types, 'cart-9')).to.equal(undefined);
    expect(types[0]?.ids()).to.deep.equal([]);
  });
});
