import { expect } from 'chai';
import { balanceStepMs } from '../../../../../src/fleet/assignment/assign-partitions.ts';
import { decodeView, encodeView } from '../../../../../src/fleet/assignment/member-codec.ts';
import { Topic } from '../../../../../src/model/position.ts';
import type { MemberRow, ViewRow } from '../../../../../src/stores/sqlite/fleet/fleet-rows.ts';
import { type ShareOut, shareOut } from '../../../../../src/stores/sqlite/fleet/share-out.ts';

const topic = Topic.of('journal');
const other = Topic.of('other');
const balanceDelayMs = 3_000;

function row(id: string, topics: readonly Topic[] = [topic]): MemberRow {
  return { member: { id, address: `http://${id}` }, process: 'host/1', topics, expires: 0 };
}

/** What is shared out among `members` after `last`, at `nowMs`. */
function shared(
  members: readonly MemberRow[],
  last: ViewRow | undefined,
  { nowMs = 0, counts = [[topic, 4]] }: { nowMs?: number; counts?: [Topic, number][] } = {},
): ViewRow | undefined {
  const input: ShareOut = {
    members,
    partitionCounts: new Map(counts),
    last,
    balanceDelayMs,
    nowMs,
  };
  return shareOut(input);
}

/** After all steps of balancing among `members`, the first of them at `nowMs`. */
function balanced(members: readonly MemberRow[], last: ViewRow | undefined, nowMs: number) {
  let row = last;
  for (let atMs = nowMs; row?.isBalanced === false; atMs += balanceStepMs)
    row = shared(members, row, { nowMs: atMs });
  return row;
}

/** By partition: `owner`, or `owner<former`. */
function ownersOf(row: ViewRow | undefined, of = topic): string | undefined {
  return row?.view.topics
    .get(of)
    ?.map(({ owner, formerOwner }) => {
      const former = formerOwner === undefined ? '' : `<${formerOwner.id}`;
      return `${owner?.id ?? '-'}${former}`;
    })
    .join(' ');
}

describe('sharing out in the file', () => {
  const one = shared([row('a')], undefined);
  const two = shared([row('a'), row('b')], one, { nowMs: 10_000 });

  it('begins with generation 1, and counts on with each one', () => {
    expect(one?.view.generation).to.equal(1);
    expect(ownersOf(one)).to.equal('a a a a');
    expect(two?.view.generation).to.equal(2);
    expect(two?.view.members.map(({ id }) => id)).to.deep.equal(['a', 'b']);
  });

  it('leaves all as it is while nothing changes', () => {
    expect(shared([row('a')], one, { nowMs: 1_000_000 })).to.equal(undefined);
  });

  it('is done anew when a member hosts another topic, another address, or a topic has grown', () => {
    const moved = { ...row('a'), member: { id: 'a', address: 'http://new' } };
    expect(ownersOf(shared([row('a', [])], one, { counts: [] }))).to.equal(undefined);
    expect(ownersOf(shared([row('a')], one, { counts: [[topic, 5]] }))).to.equal('a a a a a');
    const grown = shared([row('a', [topic, other])], one, {
      counts: [
        [topic, 4],
        [other, 1],
      ],
    });
    expect(ownersOf(grown, other)).to.equal('a');
    const after = shared([moved], one);
    expect(after?.view.topics.get(topic)?.[0]?.owner?.address).to.equal('http://new');
  });

  it('gives a newcomer nothing that has an owner until no member came or went for the delay', () => {
    expect(ownersOf(two)).to.equal('a a a a');
    const members = [row('a'), row('b')];
    const before = shared(members, two, { nowMs: 10_000 + balanceDelayMs - 1 });
    expect(before).to.equal(undefined);
    const calm = shared(members, two, { nowMs: 10_000 + balanceDelayMs });
    expect(ownersOf(calm)).to.equal('a a a b<a');
  });

  it('gives it one first, and more a second later, until they are even', () => {
    const members = [row('a'), row('b')];
    const first = shared(members, two, { nowMs: 20_000 });
    expect(ownersOf(first)).to.equal('a a a b<a');
    expect(shared(members, first, { nowMs: 20_999 })).to.equal(undefined);
    const second = shared(members, first, { nowMs: 21_000 });
    expect(ownersOf(second)).to.equal('a a b<a b<a');
    expect(shared(members, second, { nowMs: 1_000_000 })).to.equal(undefined);
  });

  it('counts the delay from a change of members, and not from one of topics', () => {
    const hosting = shared([row('a'), row('b', [topic, other])], two, {
      nowMs: 10_000 + balanceDelayMs,
      counts: [
        [topic, 4],
        [other, 1],
      ],
    });
    expect(ownersOf(hosting)).to.equal('a a a b<a');
  });

  it('does not wait for ever when the wall clock is set back', () => {
    const members = [row('a'), row('b')];
    const calm = shared(members, two, { nowMs: 10_000 - balanceDelayMs });
    expect(ownersOf(calm)).to.equal('a a a b<a');
  });

  it('keeps naming the former owner until that one is no member any more', () => {
    const members = [row('a'), row('b')];
    const calm = balanced(members, two, 20_000);
    const joined = shared([...members, row('c')], calm, { nowMs: 30_001 });
    expect(ownersOf(joined)).to.equal('a a b<a b<a');
    const left = shared([row('b'), row('c')], joined, { nowMs: 30_002 });
    expect(ownersOf(left)).to.equal('c c b b');
  });

  it('says in which generation an owner got a partition, as long as it stays the owner', () => {
    const sinceOf = (row: ViewRow | undefined) =>
      row?.view.topics.get(topic)?.map(({ since }) => since);
    const calm = balanced([row('a'), row('b')], two, 20_000);
    expect(sinceOf(calm)).to.deep.equal([1, 1, 4, 3]);
    const joined = shared([row('a'), row('b'), row('c')], calm, { nowMs: 30_001 });
    expect(sinceOf(joined)).to.deep.equal([1, 1, 4, 3]);
    // Also when the former owner is named no more.
    const left = shared([row('b'), row('c')], joined, { nowMs: 30_002 });
    expect(sinceOf(left)).to.deep.equal([6, 6, 4, 3]);
    expect(joined && decodeView(encodeView(joined.view))).to.deep.equal(joined?.view);
  });

  it('names the last owner as the former one when a partition moves again', () => {
    const calm = balanced([row('a'), row('b')], two, 20_000);
    const back = shared([row('a'), row('b', [])], calm, { nowMs: 30_001 });
    expect(ownersOf(back)).to.equal('a a a<b a<b');
  });
});
