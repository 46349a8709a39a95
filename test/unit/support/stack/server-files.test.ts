import { expect } from 'chai';

import { cassandraYaml, systemProperties } from '../../../support/stack/cassandra-server.ts';
import { kafkaProperties } from '../../../support/stack/kafka-server.ts';
import type { Logins } from '../../../support/stack/stack.ts';

const ports = { client: 1, controller: 2, storage: 3 };
const logins: Logins = {
  admin: { username: 'admin', password: 'a' },
  client: { username: 'client', password: 'c' },
  replicator: { username: 'replicator', password: 'r' },
};

describe('the files of the servers', () => {
  it('keep tables over kill -9 unless the data is thrown away', () => {
    const losing = ['cassandra.unsafesystem', 'cassandra.test.flush_local_schema_changes'];
    expect(systemProperties('keep')).to.not.have.any.keys(...losing);
    expect(systemProperties('quick')).to.include.keys(...losing);
  });

  it('make Cassandra write its commit log before it acknowledges a row that outlives a kill', () => {
    const yaml = cassandraYaml({ folder: '/data', ports, profile: 'keep', secured: false });
    expect(yaml).to.match(/^commitlog_sync: batch$/m);
    expect(yaml).to.not.include('commitlog_sync_period');
  });

  it('leave Cassandra as it is shipped where figures are taken', () => {
    const yaml = cassandraYaml({ folder: '/data', ports, profile: 'bench', secured: false });
    expect(yaml).to.match(/^commitlog_sync: periodic$/m);
    expect(yaml).to.not.include('concurrent_writes');
  });

  it('offer clients of a secured Kafka no listener without a login', () => {
    const input = { ports, dataFolder: '/data', profile: 'quick', logins } as const;
    const properties = kafkaProperties(input);
    expect(properties['listeners']).to.equal('SASL://127.0.0.1:1,CONTROLLER://127.0.0.1:2');
    expect(properties['allow.everyone.if.no.acl.found']).to.equal('false');
    expect(properties['super.users']).to.equal('User:admin;User:ANONYMOUS');
  });

  it('ask for a login and a grant on a secured Cassandra', () => {
    const yaml = cassandraYaml({ folder: '/data', ports, profile: 'quick', secured: true });
    expect(yaml).to.include('authenticator: PasswordAuthenticator');
    expect(yaml).to.include('authorizer: CassandraAuthorizer');
  });
});
