import { expect } from 'chai';
import type { AppendOptions } from '../../../src/journal/append-events.ts';
import { InvalidInputError } from '../../../src/model/errors.ts';
import { SeqNr } from '../../../src/model/seq-nr.ts';
import type { CallOptions } from '../../../src/ports/call-options.ts';
import { eventsFrom } from './counting-world.ts';
import { HoldingWorld, type Process } from './holding/holding-world.ts';

async function first(items: AsyncIterable<unknown>): Promise<unknown> {
  for await (const item of items) return item;
  return undefined;
}

describe('options of a journal that do not exist', () => {
  let world: HoldingWorld;
  let mine: Process;
  beforeEach(() => {
    world = new HoldingWorld();
    mine = world.process('mine');
  });
  afterEach(() => world.close());

  const refusalOf = async (work: () => Promise<unknown>): Promise<string> => {
    const error = await work().then(
      () => undefined,
      (failure: unknown) => failure,
    );
    expect(error, String(work)).to.be.instanceOf(InvalidInputError);
    return (error as Error).message;
  };

  it('are refused by each call, which sends nothing', async () => {
    const misspelt = { singal: AbortSignal.abort() } as CallOptions;
    const { journals } = mine;
    const key = world.key();
    const journal = journals.of(key);
    for (const work of [
      () => journals.hold(key, misspelt),
      async () => await first(journals.ids(key.topic, misspelt)),
      () => first(journal.read(SeqNr.min, misspelt)),
      () => journal.pointer(misspelt),
      () => journal.delete(SeqNr.max, misspelt),
      () => journal.purge(misspelt),
      () => journal.mark('m', misspelt),
    ]) {
      expect(await refusalOf(work)).to.equal('the call has no option "singal"');
    }
    expect(world.text).to.equal('');
  });

  it('are refused within those of an append, also when a held one looks for its number', async () => {
    const cases: readonly (readonly [object, string])[] = [
      [{ header: {} }, 'an append has no option "header"'],
      [{ metadata: { headers: {} } }, 'metadata has no option "headers"'],
      [{ metadata: { header: { date: 1 } } }, 'metadata.header has no option "date"'],
      [
        { metadata: { payload: { expiresAfter: { length: 1n, unit: 'day' } } } },
        'metadata.payload has no option "expiresAfter"',
      ],
    ];
    const held = await mine.journals.hold(world.key());
    const before = world.text;
    for (const journal of [mine.journals.of(world.key()), held]) {
      for (const [options, message] of cases) {
        const append = () => journal.append(eventsFrom(1, 1), options as AppendOptions);
        expect(await refusalOf(append)).to.equal(message);
      }
    }
    expect(world.text).to.equal(before);
    const headers = { a: 'b' };
    await held.append(eventsFrom(1, 1), { headers });
    expect(world.text).to.not.equal(before);
  });
});
