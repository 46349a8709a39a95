import { spawnSync } from 'node:child_process';
import { hostname } from 'node:os';
import { expect } from 'chai';
import { DataIntegrityError } from '../../../../../src/model/errors.ts';
import { Topic } from '../../../../../src/model/position.ts';
import type { FleetView } from '../../../../../src/ports/fleet-membership.ts';
import { FleetFile } from '../../../../../src/stores/sqlite/fleet/fleet-file.ts';
import { FleetRows } from '../../../../../src/stores/sqlite/fleet/fleet-rows.ts';
import { LogPartitions } from '../../../../../src/stores/sqlite/log/log-partitions.ts';
import { createSchema } from '../../../../../src/stores/sqlite/schema/create-schema.ts';
import { openDatabase } from '../../../../../src/stores/sqlite/session.ts';
import { nameOfProcess } from '../../../../../src/stores/sqlite/this-process.ts';

const topic = Topic.of('journal');
const sessionTimeoutMs = 10_000;

function opened() {
  const database = openDatabase(':memory:');
  createSchema(database, ':memory:');
  const partitions = new LogPartitions(database);
  const rows = new FleetRows(database, 'g');
  const time = { steadyMs: 0 };
  const clock = { steadyMs: () => time.steadyMs };
  const member = (id: string, { group = 'g', defaultPartitions = 4 } = {}): FleetFile =>
    new FleetFile(
      { id, address: `http://${id}` },
      { group, sessionTimeoutMs, balanceDelayMs: 1_000_000 },
      { database, partitions, clock, defaultPartitions },
    );
  return { database, partitions, rows, time, member };
}

function ownersOf(view: FleetView | undefined): (string | undefined)[] | undefined {
  return view?.topics.get(topic)?.map(({ owner }) => owner?.id);
}

describe('a member of a fleet in the file', () => {
  it('joins with its first sign of life, and gets what has no owner', () => {
    const { member } = opened();
    expect(ownersOf(member('a').renew([], false, 0))).to.equal(undefined);
    expect(ownersOf(member('a').renew([topic], true, 0))).to.deep.equal(['a', 'a', 'a', 'a']);
  });

  it('is one as long as it shows signs of life, and is told when it was expelled', () => {
    const { member } = opened();
    const [a, b] = [member('a'), member('b')];
    a.renew([topic], false, 0);
    b.renew([topic], false, sessionTimeoutMs - 1);
    expect(a.renew([topic], true, sessionTimeoutMs - 1)).to.not.equal(undefined);
    const later = 2 * sessionTimeoutMs - 1;
    expect(ownersOf(b.renew([topic], true, later - 1))).to.deep.equal(['a', 'a', 'a', 'a']);
    expect(ownersOf(b.renew([topic], true, later))).to.deep.equal(['b', 'b', 'b', 'b']);
    expect(a.renew([topic], true, later)).to.equal(undefined);
    expect(a.renew([topic], false, later)?.members).to.have.length(2);
  });

  it('goes on when it stood still for too long and nobody has expelled it', () => {
    const { member } = opened();
    const a = member('a');
    const before = a.renew([topic], false, 0);
    expect(a.renew([topic], true, 10 * sessionTimeoutMs)).to.deep.equal(before);
  });

  it('is expelled at once when its process has ended here, but not for its name elsewhere', () => {
    const { member, rows } = opened();
    const { pid } = spawnSync(process.execPath, ['--version']);
    const processes = {
      dead: nameOfProcess().replace(/\d+$/, `${pid}`),
      far: `elsewhere/${pid}`,
      // Of a container with the name of this host, or of a version that did not tell those apart.
      near: `${hostname()}/${pid}`,
    };
    for (const [id, process] of Object.entries(processes)) {
      const expires = sessionTimeoutMs;
      rows.saveMember({ member: { id, address: id }, process, topics: [topic], expires });
    }
    const view = member('a').renew([topic], false, 0);
    expect(view?.members.map(({ id }) => id)).to.deep.equal(['a', 'far', 'near']);
  });

  it('is expelled when it shows no sign of life for ten sessions, also if the time of day was set back', () => {
    const { member, time } = opened();
    const [dead, living, a] = [member('dead'), member('living'), member('a')];
    for (const each of [dead, living]) each.renew([topic], false, 3_600_000);
    a.renew([topic], false, 0);
    const members: unknown[] = [];
    for (; time.steadyMs <= 10 * sessionTimeoutMs; time.steadyMs += sessionTimeoutMs / 2) {
      living.renew([topic], true, time.steadyMs);
      members.push(a.renew([topic], true, time.steadyMs)?.members.map(({ id }) => id));
    }
    expect(members).to.have.length(21);
    expect(members.pop()).to.deep.equal(['a', 'living']);
    for (const before of members) expect(before).to.deep.equal(['a', 'dead', 'living']);
  });

  it('leaves what it had to the others, in the same transaction', () => {
    const { member } = opened();
    const [a, b] = [member('a'), member('b')];
    a.renew([topic], false, 0);
    b.renew([topic], false, 0);
    a.leave(1);
    expect(b.generation()).to.equal(3);
    expect(ownersOf(b.view())).to.deep.equal(['b', 'b', 'b', 'b']);
  });

  it('goes on with the generations of those that have left', () => {
    const { member } = opened();
    member('a').renew([topic], false, 0);
    member('a').leave(1);
    expect(member('b').renew([topic], false, 2)?.generation).to.equal(3);
  });

  it('knows nothing of a fleet with another name', () => {
    const { member } = opened();
    member('a').renew([topic], false, 0);
    const view = member('b', { group: 'h' }).renew([topic], false, 0);
    expect(view?.members.map(({ id }) => id)).to.deep.equal(['b']);
    expect(view?.generation).to.equal(1);
  });

  it('creates a topic, so that all share out the same number of partitions whatever their settings', () => {
    const { member, partitions } = opened();
    const [a, b] = [member('a'), member('b', { defaultPartitions: 7 })];
    a.renew([topic], false, 0);
    expect(partitions.partitionCount(topic)).to.equal(4);
    const joined = b.renew([topic], false, 0);
    expect(ownersOf(joined)).to.have.length(4);
    expect(a.renew([topic], true, 1)).to.deep.equal(joined);
  });

  it('names the row that does not decode, and writes nothing', () => {
    const { database, member, rows } = opened();
    member('a').renew([topic], false, 0);
    database.exec(`UPDATE fleet_view SET view = '{"v":1}'`);
    expect(() => member('b').renew([topic], false, 0)).to.throw(
      DataIntegrityError,
      'the row of g in fleet_view does not decode',
    );
    expect(rows.members()).to.have.length(1);
  });
});
