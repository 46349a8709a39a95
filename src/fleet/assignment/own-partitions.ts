import type { Partition, Topic } from '../../model/position.ts';
import type { FleetView, PartitionOwner } from '../../ports/fleet-membership.ts';

/** Partitions by topic; a topic without any is left out. */
export type Partitions = ReadonlyMap<Topic, readonly Partition[]>;

/** What a view gives to a member. */
export function ownedBy(id: string, view: FleetView | undefined): Partitions {
  return select(view, ({ owner }) => owner?.id === id);
}

/**
 * What a member has to hand over in its latest view. The next owner may never get that view, since
 * the partitions may be shared out anew before, and then nobody else knows who had them.
 *
 * @param before the view before; `undefined` = it had nothing
 */
export function leftBy(id: string, before: FleetView | undefined, now: FleetView): Partitions {
  const had = ownedBy(id, before);
  const all = new Map([...(before?.topics ?? []), ...now.topics]);
  return select({ topics: all }, (share, topic, partition) => {
    const owner = now.topics.get(topic)?.[partition]?.owner;
    const hadIt = share.formerOwner?.id === id || had.get(topic)?.includes(partition) === true;
    return hadIt && owner?.id !== id;
  });
}

function select(
  view: Pick<FleetView, 'topics'> | undefined,
  isWanted: (share: PartitionOwner, topic: Topic, partition: Partition) => boolean,
): Partitions {
  const selected = [...(view?.topics ?? [])].map(([topic, shares]) => {
    const partitions = [...shares.keys()].map((partition) => partition as Partition);
    const wanted = partitions.filter((partition) => {
      const share = shares[partition];
      return share !== undefined && isWanted(share, topic, partition);
    });
    return [topic, wanted] as const;
  });
  return new Map(selected.filter(([, partitions]) => partitions.length > 0));
}
