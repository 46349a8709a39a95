import { journalSettingsOf } from '../compose/open-journals.ts';
import { readFleetOf } from '../compose/read-fleet.ts';
import { readConfig } from '../config/load-config.ts';
import { readTogether } from '../config/read-together.ts';
import { defaultJournalOf } from '../config/settings/journal-class.ts';
import { ConfigError } from '../model/errors.ts';
import { describeError } from '../observability/describe-error.ts';
import { consoleLoggerFrom } from '../observability/logger.ts';
import type { FleetDescription } from '../ports/fleet-membership.ts';
import { systemClock } from '../runtime/clock.ts';
import { readOptions, UsageError } from './usage.ts';

/**
 * `kafka-journal fleet --config FILE [--json]`: prints which process owns which partition of the
 * journal that `akka.persistence.journal.plugin` names. It takes no part in the fleet, and changes
 * nothing.
 *
 * @returns the exit code: 0 done, 1 failed, 2 wrong usage or configuration
 */
export async function runFleet(args: readonly string[]): Promise<number> {
  try {
    const { config, json } = readOptions('fleet', args, ['config'], ['json']);
    if (config === undefined) throw new UsageError('fleet needs --config FILE');
    const fleet = await findFleet(config);
    console.log(json === undefined ? textOf(fleet) : JSON.stringify(jsonOf(fleet), null, 2));
    return 0;
  } catch (error) {
    const isWrong = error instanceof ConfigError || error instanceof UsageError;
    console.error(`kafka-journal fleet: ${isWrong ? error.message : describeError(error)}`);
    return isWrong ? 2 : 1;
  }
}

interface FoundFleet {
  /** The section of the journal. */
  readonly journal: string;
  /** `undefined` = the section has no fleet. */
  readonly fleet: (FleetDescription & { readonly group: string }) | undefined;
}

async function findFleet(file: string): Promise<FoundFleet> {
  const { config, checkKeys } = readConfig({ file });
  const { settings } = readTogether({
    keys: checkKeys,
    settings: () => journalSettingsOf(config, defaultJournalOf(config)),
  });
  const journal = defaultJournalOf(config);
  const group = settings.fleet?.group;
  if (group === undefined) return { journal, fleet: undefined };
  const deps = { log: consoleLoggerFrom('warn'), clock: systemClock };
  return { journal, fleet: { group, ...(await readFleetOf(settings, group, deps)) } };
}

function textOf({ journal, fleet }: FoundFleet): string {
  if (fleet === undefined) {
    return `${journal} shares its entities with no other process: fleet.enabled is off`;
  }
  const { group, view, hosted } = fleet;
  if (view.members.length === 0) return `fleet ${group} of ${journal} has no members`;
  const owned = countOwned(fleet);
  return [
    `fleet ${group} of ${journal}, generation ${view.generation}`,
    ...view.members.map(({ id, address }) => {
      const topics = hosted.get(id)?.join(', ') || 'hosts nothing';
      return `  ${address}: ${partitions(owned.get(id) ?? 0)} (${topics})`;
    }),
    ...[...view.topics].flatMap(([topic, owners]) => [
      `topic ${topic} (${partitions(owners.length)})`,
      ...owners.map(({ owner }, partition) => `  ${partition}: ${owner?.address ?? 'no owner'}`),
    ]),
  ].join('\n');
}

const partitions = (count: number): string => `${count} partition${count === 1 ? '' : 's'}`;

/** For programs: `owner` is null where there is none. */
function jsonOf({ journal, fleet }: FoundFleet): unknown {
  if (fleet === undefined) return { journal, enabled: false };
  const { group, view, hosted } = fleet;
  const owned = countOwned(fleet);
  return {
    journal,
    enabled: true,
    group,
    generation: view.generation,
    members: view.members.map(({ id, address }) => ({
      id,
      address,
      partitions: owned.get(id) ?? 0,
      topics: hosted.get(id) ?? [],
    })),
    topics: Object.fromEntries(
      [...view.topics].map(([topic, owners]) => [
        topic,
        owners.map(({ owner }, partition) => ({
          partition,
          owner: owner === undefined ? null : { id: owner.id, address: owner.address },
        })),
      ]),
    ),
  };
}

/** Partitions by id of their owner. */
function countOwned({ view }: FleetDescription): ReadonlyMap<string, number> {
  const owned = new Map<string, number>();
  for (const { owner } of [...view.topics.values()].flat()) {
    if (owner !== undefined) owned.set(owner.id, (owned.get(owner.id) ?? 0) + 1);
  }
  return owned;
}
