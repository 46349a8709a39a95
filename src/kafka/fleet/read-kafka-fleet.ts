import type { KafkaSettings } from '../../config/settings/kafka-settings.ts';
import { decodeClaim, decodeView } from '../../fleet/assignment/member-codec.ts';
import { LogUnavailableError, NotSetUpError } from '../../model/errors.ts';
import type { CallOptions } from '../../ports/call-options.ts';
import type { FleetDescription } from '../../ports/fleet-membership.ts';
import {
  claimedText,
  type DescribedGroup,
  describeGroup,
  fleetProtocol,
  givenText,
} from '../driver/fleet-group.ts';
import type { KafkaDeps } from '../driver/kafka-client.ts';
import { LogCluster } from '../log-cluster.ts';

const nobody: FleetDescription = {
  view: { generation: 0, members: [], topics: new Map() },
  hosted: new Map(),
};

/**
 * Who owns what in the fleet of that consumer group, as its members agreed on it last. Without
 * members the generation is 0. While the partitions are shared out anew, it waits for the outcome.
 *
 * @throws {AccessDeniedError} the right DESCRIBE on the group is missing
 * @throws {NotSetUpError} the group has members of another kind
 * @throws {CodecError} a member is of a version of the library that this one cannot read
 * @throws {LogUnavailableError} no broker answered in time, or the group did not come to rest
 * @throws the abort reason when `options.signal` fires
 */
export async function readKafkaFleet(
  settings: KafkaSettings,
  group: string,
  deps: KafkaDeps,
  { signal }: CallOptions = {},
): Promise<FleetDescription> {
  const cluster = await LogCluster.open(settings, deps, { signal });
  const place = { group, right: 'DESCRIBE', signal } as const;
  try {
    return await cluster.retrying(place, async () => {
      const found = await describeGroup(cluster.driver, group);
      return descriptionOf(found, `group ${group} (Kafka at ${cluster.address})`);
    });
  } finally {
    await cluster[Symbol.asyncDispose]();
  }
}

/** @throws {LogUnavailableError} the group is being shared out */
function descriptionOf({ state, protocol, members }: DescribedGroup, name: string) {
  if (state === 'Empty' || state === 'Dead') return nobody;
  // Before that the broker says neither what the members host nor what they have.
  if (state !== 'Stable') throw new LogUnavailableError(`${name} is ${state}`);
  if (protocol !== fleetProtocol) {
    throw new NotSetUpError(`${name} is no fleet: its members share by ${protocol}`);
  }
  const views = members.map((member) => decodeView(givenText(member.memberAssignment)));
  const view = views.reduce((best, other) => (other.generation > best.generation ? other : best));
  const claims = members.map((member) => decodeClaim(claimedText(member.memberMetadata)));
  return { view, hosted: new Map(claims.map(({ member, topics }) => [member.id, topics])) };
}
