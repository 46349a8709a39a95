import { expect } from 'chai';
import { protocolError } from '../../../../src/kafka/driver/kafkajs.ts';
import { fleetErrorOf } from '../../../../src/kafka/fleet/fleet-errors.ts';
import { LogCluster } from '../../../../src/kafka/log-cluster.ts';
import {
  AccessDeniedError,
  InvalidInputError,
  LogUnavailableError,
  NotSetUpError,
} from '../../../../src/model/errors.ts';

/** Kafka's numbers: GROUP_AUTHORIZATION_FAILED, INCONSISTENT_GROUP_PROTOCOL and so on. */
const cases = [
  [30, AccessDeniedError, /group service: grant READ on the group/],
  [23, NotSetUpError, /group service has members that are no instances of this service/],
  [26, InvalidInputError, /fleet\.session-timeout to be 100 ms/],
  [15, LogUnavailableError, /fake:9092/],
] as const;

describe('why the group of a fleet cannot be used', () => {
  const members: Partial<LogCluster> = { address: 'fake:9092' };
  const cluster = Object.assign(Object.create(LogCluster.prototype), members) as LogCluster;
  for (const [code, type, text] of cases) {
    it(`Kafka's ${code} is a ${type.name} that names what to do`, () => {
      const group = { group: 'service', sessionTimeoutMs: 100 };
      const error = fleetErrorOf(protocolError(code), cluster, group);
      expect(error).to.be.instanceOf(type);
      expect(error.message).to.match(text);
    });
  }
});
