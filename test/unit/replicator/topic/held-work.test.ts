import { expect } from 'chai';
import { Quarantine } from '../../../../replicator/apply/quarantine.ts';
import { afterQuarantine, type HeldKey } from '../../../../replicator/topic/held-work.ts';
import { storeNames } from '../../../../src/compose/open-eventual-store.ts';
import { StoreUnavailableError } from '../../../../src/model/errors.ts';
import { Key } from '../../../../src/model/key.ts';
import { Offset } from '../../../../src/model/position.ts';
import { silentLogger } from '../../../../src/observability/logger.ts';
import { systemClock } from '../../../../src/runtime/clock.ts';
import { partition0, topic } from '../../../support/replicator/records.ts';

const deps = { log: silentLogger, clock: systemClock };
const quarantine = new Quarantine({ policy: 'fail', skip: [] }, { file: undefined, ...deps });

describe('a partition that is held', () => {
  for (const storeName of Object.values(storeNames)) {
    it(`says that ${storeName} failed, where it did`, async () => {
      const error = new StoreUnavailableError('no answer');
      const rest = { key: Key.of('t', 'a'), first: Offset.of(3), records: [] };
      const held: HeldKey = { type: 'held', rest, reason: 'failed', error };
      const source = { topic, partition: partition0 };
      const round = { quarantine, source, records: [], storeName };
      const text = `partition is held: ${storeName} failed; nothing is lost, it is tried again`;

      const ofKey = await afterQuarantine(
        { held: [held], unreadable: undefined },
        undefined,
        round,
      );
      expect(ofKey.problem).to.deep.include({ message: text, id: 'a', offset: 3, err: error });
      const ofOffset = await afterQuarantine({ held: [], unreadable: undefined }, error, round);
      expect(ofOffset.problem).to.deep.include({ message: text, err: error });
    });
  }
});
