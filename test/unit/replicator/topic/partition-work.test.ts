import { expect } from 'chai';
import { Quarantine } from '../../../../replicator/apply/quarantine.ts';
import { type HeldKey, verdictOn } from '../../../../replicator/topic/partition-work.ts';
import { storeNames } from '../../../../src/compose/open-eventual-store.ts';
import { StoreUnavailableError } from '../../../../src/model/errors.ts';
import { Key } from '../../../../src/model/key.ts';
import { Offset } from '../../../../src/model/position.ts';
import { silentLogger } from '../../../../src/observability/logger.ts';
import { systemClock } from '../../../../src/runtime/clock.ts';
import { partition0, topic } from '../../../support/replicator/records.ts';

const deps = { log: silentLogger, clock: systemClock };
const quarantine = new Quarantine({ policy: 'fail', skip: [] }, { file: undefined, ...deps });
const round = { quarantine, source: { topic, partition: partition0 }, records: [] };
const error = new StoreUnavailableError('no answer');
const rest = { key: Key.of('t', 'a'), first: Offset.of(3), records: [] };
const moved = { hasMoved: true };
const notStored = { hasMoved: false, error };
const heldKey: HeldKey = { type: 'held', rest, reason: 'failed', error };

describe('a partition that is held', () => {
  for (const storeName of Object.values(storeNames)) {
    it(`says that ${storeName} failed, where it did`, async () => {
      const text = `partition is held: ${storeName} failed; nothing is lost, it is tried again`;
      const ofKey = await verdictOn({ keys: [heldKey], tail: undefined }, moved, {
        ...round,
        storeName,
      });
      const problem = { message: text, offset: 3, id: 'a', heldKeys: 1, err: error };
      const held = { keys: [heldKey], tail: undefined };
      expect(ofKey).to.deep.equal({ type: 'wait', rest: held, problem });
      const ofOffset = await verdictOn({ keys: [], tail: undefined }, notStored, {
        ...round,
        storeName,
      });
      expect(ofOffset).to.deep.equal({
        type: 'wait',
        rest: { keys: [], tail: undefined },
        problem: { message: text, heldKeys: 0, err: error },
      });
    });
  }

  it('is done when nothing is held and its offset is stored', async () => {
    const verdict = await verdictOn({ keys: [], tail: undefined }, moved, {
      ...round,
      storeName: 'the store',
    });
    expect(verdict).to.deep.equal({ type: 'done' });
  });
});
