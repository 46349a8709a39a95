import { expect } from 'chai';
import { CassandraEventualJournal } from '../../../../src/stores/cassandra/eventual-journal.ts';
import { CassandraReplicatedJournal } from '../../../../src/stores/cassandra/replicated-journal.ts';
import * as given from '../../../contract/replicated-store.ts';
import { CassandraModel } from '../../../simulation/cql/cassandra-model.ts';
import { planOf } from '../../../simulation/plan.ts';
import { cassandraSettings } from '../../../simulation/settings.ts';
import { ModelSession } from './model-session.ts';

const settings = cassandraSettings(planOf(1).plan);

describe('the row of a journal in Cassandra', () => {
  it('is read with one statement where it lies in the first segment', async () => {
    const session = new ModelSession(new CassandraModel());
    const key = given.newKey(given.randomTopic());
    const writer = await new CassandraReplicatedJournal(session, settings).open(key);
    await writer.append(given.append(0, [1]), given.nowMs);
    const before = session.reads;
    const row = await new CassandraEventualJournal(session, settings).pointer(key);
    expect(row?.seqNr).to.equal(1);
    expect(session.reads - before).to.equal(1);
  });
});
