import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { expect } from 'chai';
import { Topic } from '../../src/model/position.ts';
import { silentLogger } from '../../src/observability/logger.ts';
import type { FleetMembership, FleetView } from '../../src/ports/fleet-membership.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { readSqliteFleet } from '../../src/stores/sqlite/fleet/read-sqlite-fleet.ts';
import type { FleetTimings } from '../../src/stores/sqlite/fleet/sqlite-fleet-membership.ts';
import { openSqliteParts } from '../../src/stores/sqlite/store.ts';
import { quickTimings } from '../support/fleet/quick-timings.ts';
import { temporaryFile } from '../unit/stores/sqlite/temporary-file.ts';
import { eventually } from './action-log.fixture.ts';

const topic = Topic.of('journal');
const childFile = join(import.meta.dirname, 'sqlite-fleet-child.ts');

/** A member with a connection of its own, as another process has. */
async function joined(file: string, own: Partial<FleetTimings> = {}) {
  const settings = { file, partitions: 4, segmentSize: 100 };
  const parts = await openSqliteParts(settings, { log: silentLogger, clock: systemClock });
  const { store } = parts;
  const id = randomUUID();
  const views: (FleetView | undefined)[] = [];
  const membership = store.joinFleet({ id, address: `http://${id}` }, quickTimings(own));
  membership.onChange((view) => views.push(view));
  return {
    ...parts,
    id,
    views,
    membership,
    owned: () => countOf(membership, id),
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  };
}

function countOf({ view }: FleetMembership, id: string): number {
  return view?.topics.get(topic)?.filter(({ owner }) => owner?.id === id).length ?? 0;
}

/** The process of `sqlite-fleet-child.ts`. */
function startChild(file: string) {
  const child = spawn(process.execPath, [childFile, file, topic], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  const closed = once(child, 'close');
  return {
    lines: () => text.split('\n').slice(0, -1),
    signal: (name: 'SIGSTOP' | 'SIGCONT') => child.kill(name),
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await closed;
    },
  };
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Holds the event loop, as a process that stands still does for those who wait in it. */
function standStill(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

describe('a fleet in a SQLite file', function () {
  this.timeout(60_000);

  it('is of one member in memory', async () => {
    await using one = await joined(':memory:');
    one.membership.host([topic]);
    await eventually('all partitions', () => one.owned() === 4);
    expect(one.membership.isMember()).to.equal(true);
    await pause(3 * quickTimings().heartbeatIntervalMs);
    const told = one.views.map((view) => view?.generation);
    expect(told, 'each view is told once').to.deep.equal([...new Set(told)]);
  });

  it('shows a view that another process wrote long before the next heartbeat', async () => {
    await using temporary = await temporaryFile();
    const slow = { heartbeatIntervalMs: 10_000, sessionTimeoutMs: 30_000 };
    await using one = await joined(temporary.file, slow);
    one.membership.host([topic]);
    await eventually('all partitions', () => one.owned() === 4);
    await using two = await joined(temporary.file, slow);
    await eventually('the second', () => two.membership.view !== undefined);
    const sinceMs = performance.now();
    await eventually('both', () => one.membership.view?.members.length === 2);
    expect(performance.now() - sinceMs).to.be.below(1_000);
    two.membership.host([topic]);
    one.membership.host([]);
    await eventually('the other one', () => two.owned() === 4);
    await one.store[Symbol.asyncDispose]();
    await eventually('one left', () => two.membership.view?.members.length === 1);
  });

  it('looks before it answers, when it stood still while its partitions moved within its lease', async () => {
    await using temporary = await temporaryFile();
    await using one = await joined(temporary.file, { sessionTimeoutMs: 30_000 });
    one.membership.host([topic]);
    await eventually('all partitions', () => one.owned() === 4);
    await using child = startChild(temporary.file);
    await eventually('the child', () => one.membership.view?.members.length === 2);
    expect(one.membership.isMember()).to.equal(true);
    standStill(2_000);
    expect(one.membership.isMember()).to.equal(false);
    // What it read then is what it believes now.
    expect(one.owned()).to.equal(2);
    expect(one.membership.isMember()).to.equal(true);
    await eventually('the child has the rest', () => child.lines().at(-1)?.endsWith(' 2') === true);
  });

  it('gives the partitions of a process that was killed to another one at once', async () => {
    await using temporary = await temporaryFile();
    await using one = await joined(temporary.file, { sessionTimeoutMs: 30_000 });
    await using child = startChild(temporary.file);
    await eventually('the child', () => child.lines().at(-1)?.endsWith(' 4') === true);
    one.membership.host([topic]);
    await pause(50);
    expect(one.owned()).to.equal(0);
    await child[Symbol.asyncDispose]();
    const killedMs = performance.now();
    await eventually('its partitions', () => one.owned() === 4);
    expect(performance.now() - killedMs).to.be.below(1_000);
    const { formerOwner } = one.membership.view?.topics.get(topic)?.[0] ?? {};
    expect(formerOwner).to.equal(undefined);
  });

  it('expels a process that stands still; that one knows when it goes on, and joins again', async () => {
    await using temporary = await temporaryFile();
    await using one = await joined(temporary.file);
    await using child = startChild(temporary.file);
    await eventually('the child', () => child.lines().at(-1)?.endsWith(' 4') === true);
    one.membership.host([topic]);
    child.signal('SIGSTOP');
    const stoppedMs = performance.now();
    await eventually('its partitions', () => one.owned() === 4);
    const { sessionTimeoutMs } = quickTimings();
    expect(performance.now() - stoppedMs).to.be.within(
      sessionTimeoutMs - 250,
      sessionTimeoutMs + 2_000,
    );
    child.signal('SIGCONT');
    await eventually('it joins again', () => one.membership.view?.members.length === 2);
    await eventually('it says so', () => child.lines().at(-1)?.startsWith('owns') === true);
    const after = child.lines().slice(child.lines().findIndex((line) => line.endsWith(' 4')) + 1);
    expect(after.filter((line) => line.startsWith('stood'))).to.not.include('stood true');
    expect(after).to.include('expelled');
  });

  it('hears long before its next sign of life that another one has expelled it, and joins again', async () => {
    await using temporary = await temporaryFile();
    const slow = { heartbeatIntervalMs: 20_000, sessionTimeoutMs: 60_000 };
    await using one = await joined(temporary.file, slow);
    one.membership.host([topic]);
    await eventually('all partitions', () => one.owned() === 4);
    await using two = await joined(temporary.file, slow);
    await eventually('two members', () => one.membership.view?.members.length === 2);
    const told = one.views.length;
    const sinceMs = performance.now();
    const remove = two.database.prepare('DELETE FROM fleet_member WHERE member = ?');
    remove.run(one.id);
    two.membership.host([topic]);
    await eventually('it has joined again', () => one.views.length === told + 2);
    expect(performance.now() - sinceMs).to.be.below(5_000);
    expect(one.views.slice(told).map((view) => view?.members.length)).to.deep.equal([undefined, 2]);
    expect([one.owned(), two.owned()]).to.deep.equal([0, 4]);
  });

  it('has no view while it cannot write its signs of life, and takes up what it had when it can', async () => {
    await using temporary = await temporaryFile();
    await using one = await joined(temporary.file, { sessionTimeoutMs: 600 });
    one.membership.host([topic]);
    await eventually('all partitions', () => one.owned() === 4);
    const before = one.membership.view?.generation;
    one.database.exec('ALTER TABLE fleet_member RENAME TO elsewhere');
    await eventually('no view', () => one.membership.view === undefined);
    expect(one.membership.isMember()).to.equal(false);
    expect(one.views.at(-1)).to.equal(undefined);
    one.database.exec('ALTER TABLE elsewhere RENAME TO fleet_member');
    await eventually('all partitions again', () => one.owned() === 4);
    expect(one.membership.isMember()).to.equal(true);
    expect(one.membership.view?.generation).to.equal(before);
    expect(one.views.at(-1)).to.equal(one.membership.view);
  });

  it('has no view while another process holds the file for longer than its lease', async () => {
    await using temporary = await temporaryFile();
    await using one = await joined(temporary.file, { sessionTimeoutMs: 600 });
    await using other = await joined(temporary.file);
    one.membership.host([topic]);
    await eventually('all partitions', () => one.owned() === 4);
    await other.membership[Symbol.asyncDispose]();
    other.database.exec('BEGIN IMMEDIATE');
    const lockedMs = performance.now();
    await eventually('no view', () => one.membership.view === undefined);
    // Not only when the write fails, after ten seconds.
    expect(performance.now() - lockedMs).to.be.below(5_000);
    other.database.exec('COMMIT');
    await eventually('all partitions again', () => one.owned() === 4);
  });

  it('takes its row away when it is disposed, twice or not, and tells nobody any more', async () => {
    await using temporary = await temporaryFile();
    await using one = await joined(temporary.file);
    await eventually('a view', () => one.membership.view !== undefined);
    const told = one.views.length;
    const { membership } = one;
    await Promise.all([membership[Symbol.asyncDispose](), membership[Symbol.asyncDispose]()]);
    expect(membership.view).to.equal(undefined);
    expect(membership.isMember()).to.equal(false);
    expect(readSqliteFleet(temporary.file, 'g', Date.now()).view.generation).to.equal(0);
    await pause(300);
    expect(one.views).to.have.length(told);
  });

  it('is described from outside as its members see it', async () => {
    await using temporary = await temporaryFile();
    await using one = await joined(temporary.file);
    one.membership.host([topic]);
    await eventually('all partitions', () => one.owned() === 4);
    const described = readSqliteFleet(temporary.file, 'g', Date.now());
    expect(described.view).to.deep.equal(one.membership.view);
    expect(described.hosted).to.deep.equal(new Map([[one.id, [topic]]]));
    expect(readSqliteFleet(temporary.file, 'other', Date.now()).view.generation).to.equal(0);
  });
});
