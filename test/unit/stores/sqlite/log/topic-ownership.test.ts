import { spawnSync } from 'node:child_process';
import { hostname } from 'node:os';
import { expect } from 'chai';
import { FencedError } from '../../../../../src/model/errors.ts';
import { Topic } from '../../../../../src/model/position.ts';
import {
  ownerLifetimeMs,
  TopicOwnership,
} from '../../../../../src/stores/sqlite/log/topic-ownership.ts';
import { createSchema } from '../../../../../src/stores/sqlite/schema/create-schema.ts';
import { openDatabase } from '../../../../../src/stores/sqlite/session.ts';
import { nameOfProcess } from '../../../../../src/stores/sqlite/this-process.ts';

const topic = Topic.of('journal');

function opened() {
  const database = openDatabase(':memory:');
  createSchema(database, ':memory:');
  const time = { steadyMs: 0 };
  const clock = { steadyMs: () => time.steadyMs };
  const save = database.prepare('INSERT OR REPLACE INTO log_owner VALUES (?, ?, ?)');
  return {
    time,
    one: new TopicOwnership(database, clock),
    two: new TopicOwnership(database, clock),
    ownedBy: (owner: string, expires: number) => save.run(topic, owner, expires),
  };
}

describe('ownership of a topic', () => {
  it('belongs to one member as long as it shows signs of life', () => {
    const { one, two } = opened();
    const owner = one.acquire(topic, 1_000) ?? '';
    expect(two.acquire(topic, 1_000)).to.equal(undefined);
    expect(one.renew(topic, owner, 5_000)).to.equal(true);
    expect(two.acquire(topic, 5_000 + ownerLifetimeMs - 1)).to.equal(undefined);
    expect(two.acquire(topic, 5_000 + ownerLifetimeMs)).to.be.a('string');
  });

  it('is free at once when its owner gives it back', () => {
    const { one, two } = opened();
    one.release(topic, one.acquire(topic, 1_000) ?? '');
    expect(two.acquire(topic, 1_000)).to.be.a('string');
  });

  it('is free at once when its owner was a process of this place that has ended', () => {
    const { one, ownedBy } = opened();
    const { pid } = spawnSync(process.execPath, ['--version']);
    ownedBy(`another-host/${pid}/id`, 9_000);
    expect(one.acquire(topic, 1_000)).to.equal(undefined);
    // A container with the name of this host counts its processes by itself.
    ownedBy(`${hostname()}/${pid}/id`, 9_000);
    expect(one.acquire(topic, 1_000)).to.equal(undefined);
    ownedBy(`${nameOfProcess().replace(/\d+$/, `${pid}`)}/id`, 9_000);
    expect(one.acquire(topic, 1_000)).to.be.a('string');
  });

  it('is free after ten lifetimes without a sign of life, also if the time of day was set back', () => {
    const { one, two, time } = opened();
    const owner = one.acquire(topic, 3_600_000) ?? '';
    expect(two.acquire(topic, 0)).to.equal(undefined);
    time.steadyMs = 10 * ownerLifetimeMs;
    one.renew(topic, owner, 3_000_000);
    expect(two.acquire(topic, 0)).to.equal(undefined);
    time.steadyMs += 10 * ownerLifetimeMs - 1;
    expect(two.acquire(topic, 0)).to.equal(undefined);
    time.steadyMs++;
    expect(two.acquire(topic, 0)).to.be.a('string');
  });

  it('lets nobody write who has lost it without noticing', () => {
    const { one, two } = opened();
    const owner = one.acquire(topic, 1_000) ?? '';
    one.refuseWhenLost(topic);
    const next = two.acquire(topic, 1_000 + ownerLifetimeMs) ?? '';
    expect(() => one.refuseWhenLost(topic)).to.throw(FencedError, 'another process');
    two.refuseWhenLost(topic);
    expect(one.renew(topic, owner, 1_000 + ownerLifetimeMs)).to.equal(false);
    one.release(topic, owner);
    expect(two.renew(topic, next, 2_000 + ownerLifetimeMs)).to.equal(true);
  });

  it('does not matter to a store that never replicated the topic', () => {
    const { one, two } = opened();
    one.acquire(topic, 1_000);
    two.refuseWhenLost(topic);
  });
});
