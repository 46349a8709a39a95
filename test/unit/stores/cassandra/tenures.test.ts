import { expect } from 'chai';
import { StoreUnavailableError } from '../../../../src/model/errors.ts';
import type { Topic } from '../../../../src/model/position.ts';
import { CassandraEventualJournal } from '../../../../src/stores/cassandra/eventual-journal.ts';
import { CassandraReplicatedJournal } from '../../../../src/stores/cassandra/replicated-journal.ts';
import * as given from '../../../contract/replicated-store.ts';
import {
  known,
  lastOf,
  opening,
  type TenureStore,
  tenuresContract,
} from '../../../contract/tenures.contract.ts';
import { CassandraModel } from '../../../simulation/cql/cassandra-model.ts';
import { planOf } from '../../../simulation/plan.ts';
import { cassandraSettings } from '../../../simulation/settings.ts';
import { ModelSession } from './model-session.ts';

const settings = cassandraSettings(planOf(1).plan);

function open() {
  const model = new CassandraModel();
  const session = new ModelSession(model);
  const another = async () => new CassandraReplicatedJournal(new ModelSession(model), settings);
  const store: TenureStore = {
    eventual: new CassandraEventualJournal(session, settings),
    replicated: new CassandraReplicatedJournal(session, settings),
    another,
  };
  return { store, session };
}

describe('tenures in Cassandra', () => {
  describe('as the simulation has its tables', () => {
    const { store } = open();
    tenuresContract(() => store);
  });

  for (const written of [0, 1, 2]) {
    it(`are not known as far as a call that ended after ${written} of its 2 marks`, async () => {
      const topic: Topic = given.randomTopic();
      const { store, session } = open();
      await store.replicated.saveTenures(known(topic, 3, [opening(2)]), given.nowMs);
      const call = known(topic, 9, [opening(5), opening(7, { scope: 'b' })]);
      session.writesLeft = written;
      const failed: unknown = await store.replicated
        .saveTenures(call, given.nowMs)
        .catch((error: unknown) => error);
      expect(failed).to.be.instanceOf(StoreUnavailableError);
      const next = await store.another?.();
      expect(await next?.tenuresUpTo(topic, call.partition)).to.equal(3);
      expect(await lastOf(store, topic, 3)).to.equal(2);
      expect(await lastOf(store, topic, 9)).to.equal('unknown');
      await next?.saveTenures(call, given.nowMs);
      expect(await lastOf(store, topic, 9)).to.equal(5);
      expect(await lastOf(store, topic, 9, 'b')).to.equal(7);
    });
  }
});
