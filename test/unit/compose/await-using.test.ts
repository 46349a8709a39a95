import { expect } from 'chai';
import { createActor } from 'xstate';
import { createPersistence, Key, openJournals } from '../../../src/index.ts';
import { counter } from '../../support/counter.ts';

const path = 'evolutiongaming.kafka-journal.embedded.journal';
const config = `
akka.persistence.journal.plugin = "${path}"
${path}.file = ":memory:"
`;

describe('a block with `await using`', () => {
  it('shuts down its persistence when it ends, however it ends', async () => {
    const opened: AsyncDisposable[] = [];
    const actors: { getSnapshot(): { status: string } }[] = [];
    const block = async (): Promise<void> => {
      await using persistence = await createPersistence({ config });
      opened.push(persistence);
      const logic = persistence.persistent(counter, { persistenceId: 'a' });
      const actor = createActor(logic, { input: { id: 'a' } }).start();
      actors.push(actor);
      await persistence.whenRecovered(actor);
      expect(actor.getSnapshot().status).to.equal('active');
      throw new Error('in the block');
    };
    const error = await block().catch((cause: unknown) => cause);
    expect(error).to.include({ message: 'in the block' });
    expect(actors.map((actor) => actor.getSnapshot().status)).to.deep.equal(['stopped']);
    // It may be called again, as `shutdown` may.
    await opened[0]?.[Symbol.asyncDispose]();
  });

  it('lets its journals go when it ends', async () => {
    await using journals = await openJournals({ config });
    const signals: AbortSignal[] = [];
    {
      await using held = await journals.hold(Key.of('journal', 'a'));
      signals.push(held.signal);
    }
    // Held once more, which a journal that is still held in this process would have to wait for.
    await using again = await journals.hold(Key.of('journal', 'a'));
    expect(signals.map(({ aborted }) => aborted)).to.deep.equal([true]);
    expect(again.signal.aborted).to.equal(false);
  });
});
