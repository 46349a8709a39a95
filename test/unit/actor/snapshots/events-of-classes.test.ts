import { expect } from 'chai';
import { assign, type EventObject, raise, setup } from 'xstate';
import type { Serializer } from '../../../../src/actor/evolution/event-serializer.ts';
import { taggedJson } from '../../../../src/actor/evolution/tagged-json.ts';
import { settle } from '../support.ts';
import { World } from '../world.ts';
import { TestSnapshotStore } from './support.ts';

class Money {
  readonly cents: number;

  constructor(cents: number) {
    this.cents = cents;
  }
}

interface Paid extends EventObject {
  readonly what: Money | Uint8Array;
}

const paid = (what: Paid['what']): Paid => ({ type: 'paid', what });
const moneyOf = (cents: number): Paid => paid(new Money(cents));
const toBytes: Serializer<Paid> = {
  identifier: 300,
  manifest: () => 'paid',
  toBinary: ({ what }) => Uint8Array.of((what as Money).cents),
  fromBinary: ([cents = 0]) => moneyOf(cents),
};
const toPlain = {
  toJournal: ({ what, ...event }: Paid) => ({
    ...event,
    cents: (what as Money | undefined)?.cents,
  }),
  fromJournal: ({ cents, ...event }: { type: string; cents?: number }) => [
    cents === undefined ? event : moneyOf(cents),
  ],
};

/** How events are stored that a snapshot cannot hold as they are, and such an event. */
const ways = {
  'an instance of a class, with a serializer': [{ serializers: { paid: toBytes } }, moneyOf(7)],
  'an instance of a class, with an adapter': [{ eventAdapter: toPlain }, moneyOf(7)],
  'bytes, as tagged JSON': [{ serializers: { '*': taggedJson } }, paid(Uint8Array.of(7))],
} as const;

/** Pays at once, and again after a while; counts. */
function paying(event: Paid) {
  return setup({}).createMachine({
    id: 'paying',
    context: { count: 0 },
    on: {
      later: { actions: raise(event as never, { delay: 100, id: 'again' }) },
      paid: { actions: assign({ count: ({ context }) => context.count + 1 }) },
    },
  });
}

describe('a snapshot of an entity whose events have a form of their own', () => {
  for (const [what, [options, event]] of Object.entries(ways)) {
    it(`keeps the first answer and the delayed event: ${what}`, async () => {
      const [world, store] = [new World(), new TestSnapshotStore()];
      const deps = { snapshotStore: async () => store };
      const all = {
        ...options,
        snapshotWhen: ({ sequenceNr }: { sequenceNr: number }) => sequenceNr === 2,
      };
      const machine = paying(event);
      const live = world.start(machine, undefined, { ...all, initEvent: 'never' }, deps);
      const asked = { commandId: 'first' };
      const { type, ...fields } = event;
      const first = await live.host.ask(live.actor as never, { type, ...fields } as never, asked);
      await live.tell('later');
      await settle();
      expect(await store.numbers('e')).to.deep.equal([2]);

      const after = world.crash();
      const { host, actor } = after.start(machine, undefined, { ...all, initEvent: 'never' }, deps);
      await host.whenRecovered(actor);
      expect(world.journal.requests.at(-1)?.from).to.equal(2);
      const again = await host.ask(actor as never, { type, ...fields } as never, asked);
      expect(again.events).to.deep.equal([event]);
      expect(again.events).to.deep.equal(first.events);
      const [{ what: read } = event] = again.events as unknown as readonly Paid[];
      expect(Object.getPrototypeOf(read)).to.equal(Object.getPrototypeOf(event.what));
      await after.pass(100);
      expect(actor.getSnapshot().context.count).to.equal(2);
    });
  }
});
