import { InvalidInputError, type JournalError, NotSetUpError } from '../../model/errors.ts';
import { protocolErrorOf } from '../driver-errors.ts';
import type { LogCluster } from '../log-cluster.ts';

/** The group, as far as messages name it. */
export interface NamedGroup {
  readonly group: string;
  readonly sessionTimeoutMs: number;
}

/** Why a fleet's group cannot be used, as one of our errors. */
export function fleetErrorOf(
  cause: unknown,
  cluster: LogCluster,
  { group, sessionTimeoutMs }: NamedGroup,
): JournalError {
  const where = `(Kafka at ${cluster.address})`;
  const type = protocolErrorOf(cause);
  if (type === 'INCONSISTENT_GROUP_PROTOCOL') {
    const text = `group ${group} has members that are no instances of this service`;
    return new NotSetUpError(`${text}: set fleet.group to a name of its own ${where}`, { cause });
  }
  if (type === 'INVALID_SESSION_TIMEOUT') {
    const text = `the brokers do not allow fleet.session-timeout to be ${sessionTimeoutMs} ms`;
    const why = 'set it within their group.min.session.timeout.ms and group.max.session.timeout.ms';
    return new InvalidInputError(`${text}: ${why} ${where}`, { cause });
  }
  return cluster.errorOf(cause, { group, right: 'READ' });
}
