import { Topic } from '../../src/model/position.ts';
import { silentLogger } from '../../src/observability/logger.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { openSqliteStore } from '../../src/stores/sqlite/store.ts';
import { quickTimings } from '../support/fleet/quick-timings.ts';
import { serveAsMember } from './fleet-membership.fixture.ts';

/* A member of the contract in a process of its own: `group id topic file`. */
const [group = '', id = '', topicName = '', file = ''] = process.argv.slice(2);

const settings = { file, partitions: 6, segmentSize: 100 };
const store = await openSqliteStore(settings, { log: silentLogger, clock: systemClock });
const member = { id, address: 'http://127.0.0.1:1' };
const membership = store.joinFleet(member, quickTimings({ group, balanceDelayMs: 1_000_000 }));
serveAsMember(id, Topic.of(topicName), membership);
