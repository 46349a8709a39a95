import { expect } from 'chai';
import type { FleetClaim } from '../../../src/fleet/assignment/fleet-claim.ts';
import {
  decodeClaim,
  decodeView,
  encodeClaim,
  encodeView,
} from '../../../src/fleet/assignment/member-codec.ts';
import { largestRecordBytes } from '../../../src/kafka/fleet/partition-sharing.ts';
import { CodecError } from '../../../src/model/errors.ts';
import type { Partition, Topic } from '../../../src/model/position.ts';
import type { FleetView } from '../../../src/ports/fleet-membership.ts';

const first = { id: '7d0f1f0e-0000-4000-8000-000000000001', address: 'http://10.0.0.1:9000' };
const second = { id: '7d0f1f0e-0000-4000-8000-000000000002', address: 'https://[::1]:9001' };
const topics = ['journal', '__proto__', '2026'] as Topic[];
const [journal, odd] = topics as [Topic, Topic];

const claim: FleetClaim = {
  member: first,
  topics,
  held: new Map([
    [journal, [0, 2] as Partition[]],
    [odd, []],
  ]),
  left: new Map([[odd, [1] as Partition[]]]),
  heldSince: 12,
};
const view: FleetView = {
  generation: 13,
  members: [first, second],
  topics: new Map([
    [
      journal,
      [
        { owner: first, formerOwner: undefined, since: 0 },
        { owner: second, formerOwner: first, since: 12 },
      ],
    ],
    [odd, [{ owner: undefined, formerOwner: undefined, since: 0 }]],
  ]),
};

describe('what members of a fleet write for each other', () => {
  it('a claim comes back as it was', () => {
    expect(decodeClaim(encodeClaim(claim))).to.deep.equal(claim);
  });

  it('a view comes back as it was', () => {
    expect(decodeView(encodeView(view))).to.deep.equal(view);
  });

  it('version 1 keeps its form: members of other releases read it', () => {
    expect(encodeClaim({ ...claim, topics: [journal], held: new Map(), left: new Map() })).to.equal(
      `{"v":1,"id":"${first.id}","address":"${first.address}","topics":["journal"],"held":{},"since":12}`,
    );
    expect(encodeView(view)).to.equal(
      `{"v":1,"generation":13,"members":[["${first.id}","${first.address}"],` +
        `["${second.id}","${second.address}"]],"topics":{"journal":{"owners":[0,1],` +
        '"former":[[1,0]],"since":[[1,12]]},"__proto__":{"owners":[-1]}}}',
    );
  });

  it('take so much room: 100 members and 100 partitions, each just moved, fit into one record of Kafka', () => {
    const bytesOf = (members: number, partitions: number) => {
      const all = Array.from({ length: members }, (_, at) => {
        const id = `7d0f1f0e-0000-4000-8000-${String(at).padStart(12, '0')}`;
        return { id, address: `https://10.123.123.${at % 256}:12345` };
      });
      const moved = (at: number) => {
        return { owner: all[at % members], formerOwner: all[(at + 1) % members], since: 1_000 };
      };
      const shared = Array.from({ length: partitions }, (_, at) => moved(at));
      const text = encodeView({
        generation: 1_000,
        members: all,
        topics: new Map([[journal, shared]]),
      });
      const held = new Map([[journal, [0, 1, 2] as Partition[]]]);
      const [member = first] = all;
      const claimed = encodeClaim({
        member,
        topics: [journal],
        held,
        left: held,
        heldSince: 1_000,
      });
      return { view: text.length, claim: claimed.length };
    };
    const perMember = bytesOf(101, 100).view - bytesOf(100, 100).view;
    const perPartition = bytesOf(100, 101).view - bytesOf(100, 100).view;
    expect([perMember, perPartition]).to.satisfy(
      ([member, partition]: [number, number]) => member <= 80 && partition <= 24,
      `docs/fleet.md names them: ${perMember}, ${perPartition}`,
    );
    const { view: text, claim: claimed } = bytesOf(100, 100);
    // The group is one record: each member has its claim and a copy of the view.
    expect(100 * (text + claimed)).to.be.below(largestRecordBytes);
  });

  it('members that a later version adds are passed over', () => {
    const text = encodeClaim(claim).replace('{"v":1,', '{"zone":"b","v":1,');
    expect(decodeClaim(text)).to.deep.equal(claim);
    const later = encodeView(view).replace('{"owners":[0,1,1],', '{"owners":[0,1,1],"warm":[[1]],');
    expect(decodeView(later)).to.deep.equal(view);
  });

  it('another version is refused, by name', () => {
    const text = encodeClaim(claim).replace('"v":1', '"v":2');
    expect(() => decodeClaim(text)).to.throw(CodecError, /claim\.v is 2: .* \(v 1\)/);
  });

  const wrong: readonly [string, (text: string) => unknown, string, RegExp][] = [
    ['no JSON', decodeClaim, '{', /claim of a member of the fleet is no JSON/],
    ['no object', decodeClaim, '[]', /claim must be an object, not an array/],
    ['no id', decodeClaim, '{"v":1}', /claim\.id must be a text, not undefined/],
    [
      'an illegal topic',
      decodeClaim,
      '{"v":1,"id":"a","address":"b","topics":["ok","a b"]}',
      /claim\.topics\[1\] is wrong/,
    ],
    [
      'a partition below 0',
      decodeClaim,
      '{"v":1,"id":"a","address":"b","topics":[],"held":{"t":[-1]},"since":1}',
      /claim\.held\.t\[0\] must be an integer of at least 0, not -1/,
    ],
    [
      'a generation that is no safe integer',
      decodeClaim,
      '{"v":1,"id":"a","address":"b","topics":[],"held":{},"since":9007199254740993}',
      /claim\.since must be an integer/,
    ],
    [
      'an owner that is no member',
      decodeView,
      '{"v":1,"generation":1,"members":[["a","b"]],"topics":{"t":{"owners":[0,1]}}}',
      /view\.topics\.t\.owners\[1\] must be below 1, the count of members, not 1/,
    ],
    [
      'a member without an address',
      decodeView,
      '{"v":1,"generation":1,"members":[["a"]],"topics":{}}',
      /view\.members\[0\] must be an id and an address/,
    ],
    [
      'a former owner without a partition',
      decodeView,
      '{"v":1,"generation":1,"members":[["a","b"]],"topics":{"t":{"owners":[0],"former":[[0]]}}}',
      /view\.topics\.t\.former must be pairs of a partition and a member/,
    ],
    [
      'a take-over without a generation',
      decodeView,
      '{"v":1,"generation":1,"members":[["a","b"]],"topics":{"t":{"owners":[0],"since":[[0]]}}}',
      /view\.topics\.t\.since must be pairs of a partition and a generation/,
    ],
  ];
  for (const [name, decode, text, message] of wrong) {
    it(`${name}: a codec error that names the place`, () => {
      expect(() => decode(text)).to.throw(CodecError, message);
    });
  }
});
