import { StoreUnavailableError } from '../../../../src/model/errors.ts';
import type { LogRecord } from '../../../../src/model/log-record.ts';
import { Offset } from '../../../../src/model/position.ts';
import { settle } from '../../../support/replicator/manual-clock.ts';
import type { StoreCall } from '../../../support/replicator/memory-replicated-journal.ts';
import { openingOf, partition0 } from '../../../support/replicator/records.ts';
import { testReplicator } from '../../../support/replicator/test-replicator.ts';

export const place = 'journal/0';
export const down = new StoreUnavailableError('no host answers');
export const refuse = (name: StoreCall['name']) => (call: StoreCall) => {
  if (call.name === name) throw down;
};

export type World = Awaited<ReturnType<typeof testReplicator>>;

/** R, and W unless it was never stored, before the partition is assigned. */
export function standing({ store }: World, replicated: number, tenuresUpTo?: number): void {
  store.offsets.set(place, replicated);
  if (tenuresUpTo !== undefined) store.tenuresKnown.set(place, tenuresUpTo);
}

export function opened({ store }: World, offset: number, scope = ''): void {
  const marks = store.tenures.get(place) ?? new Map();
  store.tenures.set(place, marks.set(offset, { ...openingOf(scope), offset: Offset.of(offset) }));
}

/** Calls about tenures and R, as short texts. */
export function moves({ store }: World): readonly string[] {
  return store.calls.flatMap(({ name, key, offset, openings }) => {
    if (name === 'saveTenures') return [`W ${offset} with ${openings}`];
    if (name === 'saveOffset') return [`R ${offset}`];
    return name === 'lastTenure' ? [`asked for "${key}" at ${offset}`] : [];
  });
}

/** A partition that stands somewhere, assigned; `claim` = its moves, which are forgotten. */
export async function assigned(replicated: number, tenuresUpTo?: number) {
  const world = await testReplicator();
  standing(world, replicated, tenuresUpTo);
  const from = await world.member().assign(partition0);
  const claim = moves(world);
  world.store.calls.length = 0;
  return { ...world, world, from, claim };
}

/** Delivers, and stops at once: what is held stays held. */
export async function replicated(world: World, records: readonly LogRecord[]): Promise<void> {
  world.member().send(partition0, records);
  await settle();
}
