import { setTimeout as sleep } from 'node:timers/promises';
import { auth, Client } from 'cassandra-driver';
import kafkajs, { type AclEntry, type Admin, type Kafka } from 'kafkajs';
import { parseAddress } from '../support/stack/probes.ts';
import type { Login } from '../support/stack/stack.ts';
import type { SecuredServers, SecuredWorld } from './secured-world.ts';

/** What an operator gives to one user, and takes away from it. */
export interface Right {
  grant(): Promise<void>;
  revoke(): Promise<void>;
}

/** The rights that suffice, one by one (stack.md 4). */
export interface Rights {
  readonly clientWritesTopic: Right;
  readonly clientReadsTopic: Right;
  readonly clientSelects: Right;
  readonly replicatorReadsTopic: Right;
  readonly replicatorReadsGroup: Right;
  readonly replicatorSelects: Right;
  readonly replicatorModifies: Right;
}

/** A right of the client on one table of Cassandra. */
export function clientRightOn(
  { keyspace, logins }: SecuredWorld,
  cassandra: Client,
  [permission, table]: readonly [permission: 'SELECT' | 'MODIFY', table: string],
): Right {
  const on = `TABLE ${keyspace}.${table}`;
  return cqlRight(cassandra, { permission, on, role: logins.client.username });
}

/** The right of a user to create one topic. */
export function createRightOn(kafka: Admin, { username }: Login, topic: string): Right {
  const { AclOperationTypes, AclResourceTypes } = kafkajs;
  return aclRight(kafka, {
    ...allowed(username, topic),
    resourceType: AclResourceTypes.TOPIC,
    operation: AclOperationTypes.CREATE,
  });
}

/** The right of a user to be a member of one group. */
export function groupRightOn(kafka: Admin, { username }: Login, group: string): Right {
  const { AclOperationTypes, AclResourceTypes } = kafkajs;
  return aclRight(kafka, {
    ...allowed(username, group),
    resourceType: AclResourceTypes.GROUP,
    operation: AclOperationTypes.READ,
  });
}

function allowed(username: string, resourceName: string) {
  return {
    resourceName,
    resourcePatternType: kafkajs.ResourcePatternTypes.LITERAL,
    principal: `User:${username}`,
    host: '*',
    permissionType: kafkajs.AclPermissionTypes.ALLOW,
  };
}

/** Acts under the administrator's login. */
export interface Operator extends AsyncDisposable {
  readonly kafka: Admin;
  readonly cassandra: Client;
  readonly rights: Rights;
  grantAll(): Promise<void>;
  /** Runs `work` while a right is missing. */
  without<T>(right: Right, work: () => Promise<T>): Promise<T>;
}

/** Cassandra keeps what it knows of a user for 100 ms (`permissions_validity`). */
const cassandraInForceMs = 300;
const kafkaInForceLimitMs = 5_000;
const pollMs = 20;

export async function openOperator(world: SecuredWorld): Promise<Operator> {
  const { admin } = world.logins;
  const kafka = plainKafka(world.servers, admin).admin();
  const cassandra = plainCassandra(world.servers, admin);
  await Promise.all([kafka.connect(), cassandra.connect()]);
  const rights = rightsOf(world, { kafka, cassandra });
  return {
    kafka,
    cassandra,
    rights,
    async grantAll() {
      await Promise.all(Object.values(rights).map((right) => right.grant()));
    },
    async without(right, work) {
      await right.revoke();
      try {
        return await work();
      } finally {
        await right.grant();
      }
    },
    async [Symbol.asyncDispose]() {
      // What is granted in a keyspace goes with it.
      const acls = [rights.clientWritesTopic, rights.clientReadsTopic];
      const more = [rights.replicatorReadsTopic, rights.replicatorReadsGroup];
      await Promise.all([...acls, ...more].map((right) => right.revoke()));
      await kafka.deleteTopics({ topics: [world.topic] });
      await cassandra.execute(`DROP KEYSPACE IF EXISTS ${world.keyspace}`);
      await Promise.all([kafka.disconnect(), cassandra.shutdown()]);
    },
  };
}

/** The plain driver under a login, for what none of our programs would do. */
export function plainKafka({ kafka }: SecuredServers, { username, password }: Login): Kafka {
  return new kafkajs.Kafka({
    brokers: [kafka.address],
    logLevel: kafkajs.logLevel.NOTHING,
    sasl: { mechanism: 'scram-sha-256', username, password },
  });
}

export function plainCassandra(
  { cassandra }: SecuredServers,
  { username, password }: Login,
): Client {
  const { host, port } = parseAddress(cassandra.address);
  return new Client({
    contactPoints: [host],
    protocolOptions: { port },
    localDataCenter: cassandra.datacenter,
    authProvider: new auth.PlainTextAuthProvider(username, password),
  });
}

function rightsOf(
  { topic, keyspace, logins }: SecuredWorld,
  { kafka, cassandra }: Pick<Operator, 'kafka' | 'cassandra'>,
): Rights {
  const { AclOperationTypes: operation, AclResourceTypes: resource } = kafkajs;
  const { LITERAL, PREFIXED } = kafkajs.ResourcePatternTypes;
  const onTopic = {
    resourceType: resource.TOPIC,
    resourceName: topic,
    resourcePatternType: LITERAL,
  };
  const onGroups = {
    resourceType: resource.GROUP,
    resourceName: 'replicator',
    resourcePatternType: PREFIXED,
  };
  const acl = ({ username }: Login, on: Omit<typeof onTopic, 'operation'>, right: number): Right =>
    aclRight(kafka, {
      ...on,
      principal: `User:${username}`,
      host: '*',
      operation: right,
      permissionType: kafkajs.AclPermissionTypes.ALLOW,
    });
  const cql = ({ username }: Login, permission: string): Right =>
    cqlRight(cassandra, { permission, on: `KEYSPACE ${keyspace}`, role: username });
  const { client, replicator } = logins;
  return {
    clientWritesTopic: acl(client, onTopic, operation.WRITE),
    clientReadsTopic: acl(client, onTopic, operation.READ),
    clientSelects: cql(client, 'SELECT'),
    replicatorReadsTopic: acl(replicator, onTopic, operation.READ),
    replicatorReadsGroup: acl(replicator, onGroups, operation.READ),
    replicatorSelects: cql(replicator, 'SELECT'),
    replicatorModifies: cql(replicator, 'MODIFY'),
  };
}

function aclRight(admin: Admin, entry: AclEntry): Right {
  return {
    async grant() {
      await admin.createAcls({ acl: [entry] });
      await untilListed(admin, entry, true);
    },
    async revoke() {
      await admin.deleteAcls({ filters: [entry] });
      await untilListed(admin, entry, false);
    },
  };
}

/** A broker lists what its authorizer goes by. */
async function untilListed(admin: Admin, entry: AclEntry, wanted: boolean): Promise<void> {
  const limit = Date.now() + kafkaInForceLimitMs;
  for (;;) {
    const { resources } = await admin.describeAcls(entry);
    if (resources.length > 0 === wanted) return;
    if (Date.now() > limit) throw new Error(`an ACL of ${entry.principal} is not in force`);
    await sleep(pollMs);
  }
}

function cqlRight(
  client: Client,
  {
    permission,
    on,
    role,
  }: { readonly permission: string; readonly on: string; readonly role: string },
): Right {
  const what = `${permission} ON ${on}`;
  const change = async (cql: string): Promise<void> => {
    await client.execute(cql);
    await sleep(cassandraInForceMs);
  };
  return {
    grant: () => change(`GRANT ${what} TO ${role}`),
    revoke: () => change(`REVOKE ${what} FROM ${role}`),
  };
}
