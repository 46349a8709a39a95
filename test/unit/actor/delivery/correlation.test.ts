import { expect } from 'chai';
import { createActor } from 'xstate';
import { Outbox } from '../../../../src/actor/entity/outbox.ts';
import { MemoryJournalPlugin } from '../../../support/memory-journal-plugin.ts';
import { ManualClock, settle, testHost } from '../support.ts';

/** One process; another call with the same journal and time is the next one, after a crash. */
function open(journal: MemoryJournalPlugin, time: ManualClock, isReachable: boolean) {
  const { host } = testHost({ journal, clock: time });
  const seen: (string | undefined)[] = [];
  const logic = host.behavior({
    types: { commands: {} as { type: 'post' }, events: {} as { type: 'posted' } },
    persistenceId: 'e',
    initialState: 0,
    decide: () => ({
      type: 'persist',
      events: [{ type: 'posted' }],
      deliver: [{ to: 'mail', message: 'hello' }],
    }),
    evolve: (count) => count + 1,
    deliveries: {
      to: {
        mail: async (_message, { correlationId }) => {
          seen.push(correlationId);
          if (!isReachable) throw new Error('nobody there');
        },
      },
    },
  });
  return { host, seen, actor: createActor(logic, {}).start() };
}

describe('the correlation id of a command that delivers', () => {
  it('is given to the destination with each attempt, also after a crash', async () => {
    const [journal, time] = [new MemoryJournalPlugin(), new ManualClock()];
    const first = open(journal, time, false);
    await first.host.ask(first.actor, { type: 'post' }, { correlationId: 'order-1' });
    await first.host.ask(first.actor, { type: 'post' });
    await settle();
    expect(first.seen).to.deep.equal(['order-1', undefined]);
    first.actor.stop();
    const second = open(journal, time, true);
    await second.host.whenRecovered(second.actor);
    await settle();
    expect(second.seen).to.deep.equal(['order-1', undefined]);
  });

  it('is kept by a snapshot', () => {
    const outbox = new Outbox();
    const deliveries = [{ id: 'd', to: 'mail' }];
    outbox.note({ deliveries, command: { first: 3, last: 3, correlationId: 'order-1' } }, 3);
    const again = Outbox.ofPlain(JSON.parse(JSON.stringify(outbox.toPlain())));
    expect(again.get('d')).to.deep.equal({
      id: 'd',
      to: 'mail',
      seqNr: 3,
      correlationId: 'order-1',
    });
  });
});
