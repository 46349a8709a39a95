import { expect } from 'chai';
import { settle } from '../../support/replicator/manual-clock.ts';
import { append, logRecord, partition0, partition1 } from '../../support/replicator/records.ts';
import { gate, testReplicator } from '../../support/replicator/test-replicator.ts';

describe('slow keys', () => {
  for (const slowKeys of [1, 200]) {
    it(`of one partition (${slowKeys}, with 4 in flight) do not stall another`, async () => {
      const { member, store, stop } = await testReplicator({ maxKeysInFlight: 4 });
      await member().assign(partition0);
      await member().assign(partition1);
      const slow = gate();
      store.before = ({ key, name }) =>
        name === 'append' && key?.startsWith('journal:slow') ? slow.opened : undefined;
      const stalled = Array.from({ length: slowKeys }, (_, index) =>
        logRecord(`slow-${index}`, index, append(1)),
      );
      member().send(partition0, stalled);
      await settle();
      for (let round = 0; round < 100; round++) {
        const batch = Array.from({ length: 10 }, (_, index) =>
          logRecord(`quick-${index}`, round * 10 + index, append(round + 1)),
        );
        await member().deliver(partition1, batch);
      }
      expect(store.offsets.get('journal/1')).to.equal(999);
      expect(store.offsets.has('journal/0')).to.equal(false);
      slow.open();
      await settle();
      expect(store.offsets.get('journal/0')).to.equal(slowKeys - 1);
      await stop();
    });
  }
});
