import { randomUUID } from 'node:crypto';
import { Topic } from '../../src/model/position.ts';
import { silentLogger } from '../../src/observability/logger.ts';
import type { FleetView } from '../../src/ports/fleet-membership.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { openSqliteStore } from '../../src/stores/sqlite/store.ts';
import { fleetSettings } from '../support/fleet/fleet-settings.ts';

/*
 * A member of a fleet in a process of its own, until it is killed: `file topic`. It prints
 * `owns <generation> <count>` with each view, `expelled`, and `stood <isMember>`: what it believed
 * first after it had stood still, before any of its timers fired.
 */
const [file = '', topicName = ''] = process.argv.slice(2);
const topic = Topic.of(topicName);
const stillMs = 500;

const store = await openSqliteStore(
  { file, partitions: 4, segmentSize: 100 },
  { log: silentLogger, clock: systemClock },
);
const member = { id: randomUUID(), address: 'http://child' };
const membership = store.joinFleet(member, fleetSettings());
membership.onChange((view) => print(view === undefined ? 'expelled' : owned(view)));
membership.host([topic]);

function owned(view: FleetView): string {
  const owners = view.topics.get(topic) ?? [];
  return `owns ${view.generation} ${owners.filter(({ owner }) => owner?.id === member.id).length}`;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Works in one go, so that the process is stopped within the work, most likely. */
function work(): void {
  const endMs = performance.now() + 200;
  for (let before = performance.now(); before < endMs; ) {
    const now = performance.now();
    if (now - before > stillMs) {
      print(`stood ${membership.isMember()}`);
      break;
    }
    before = now;
  }
  setImmediate(work);
}
work();
