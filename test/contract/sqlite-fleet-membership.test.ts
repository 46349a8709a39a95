import { randomUUID } from 'node:crypto';
import { Topic } from '../../src/model/position.ts';
import { silentLogger } from '../../src/observability/logger.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { openSqliteParts, type SqliteStore } from '../../src/stores/sqlite/store.ts';
import { quickTimings } from '../support/fleet/quick-timings.ts';
import { temporaryFile } from '../unit/stores/sqlite/temporary-file.ts';
import { fleetMembershipContract } from './fleet-membership.contract.ts';
import type { FleetUnderTest } from './fleet-membership.fixture.ts';

fleetMembershipContract('SQLite', openSqliteFleet);

/** Each member has a connection of its own to one file, as another process has. */
async function openSqliteFleet(): Promise<FleetUnderTest> {
  const temporary = await temporaryFile();
  const { file } = temporary;
  const settings = { file, partitions: 6, segmentSize: 100 };
  const openParts = () => openSqliteParts(settings, { log: silentLogger, clock: systemClock });
  const first = await openParts();
  const stores: SqliteStore[] = [first.store];
  return {
    sessionTimeoutMs: quickTimings().sessionTimeoutMs,
    childFile: new URL('./sqlite-fleet-member.ts', import.meta.url),
    childArgs: [file],
    async createTopic(name, partitions) {
      const topic = Topic.of(`${name}-${randomUUID()}`);
      await first.queue.write(() => first.partitions.createTopic(topic, partitions));
      return topic;
    },
    async open(group, member, timings) {
      const { store } = await openParts();
      stores.push(store);
      return store.joinFleet(member, quickTimings({ group, ...timings }));
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(stores.map((store) => store[Symbol.asyncDispose]()));
      await temporary[Symbol.asyncDispose]();
    },
  };
}
