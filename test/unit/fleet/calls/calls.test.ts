import { expect } from 'chai';
import {
  decodeCall,
  decodeUpkeep,
  encodeCall,
  encodeUpkeep,
  nameOfAsk,
} from '../../../../src/fleet/calls/call-codec.ts';
import {
  decodeRefusal,
  encodeRefusal,
  readRefusal,
} from '../../../../src/fleet/calls/refusal-codec.ts';
import { decodeRelease, encodeRelease } from '../../../../src/fleet/calls/release-codec.ts';
import { CodecError, InvalidInputError } from '../../../../src/model/errors.ts';
import { Partition, Topic } from '../../../../src/model/position.ts';
import { SeqNr } from '../../../../src/model/seq-nr.ts';

const call = { type: 'account', id: 'a-1', command: { type: 'opened' }, generation: 4, hops: 1 };

function refusalOf(work: () => unknown): InvalidInputError {
  try {
    work();
  } catch (error) {
    if (error instanceof InvalidInputError) return error;
    throw error;
  }
  throw new Error('it was expected to be refused');
}

/** Each text must be refused with a message that begins like this. */
function refusesAll(decode: (body: string) => unknown, wrong: Readonly<Record<string, string>>) {
  for (const [body, message] of Object.entries(wrong)) {
    expect(() => decode(body), body).to.throw(CodecError, message);
  }
}

describe('a call', () => {
  it('is a JSON object with the entity, the command and what the caller knew', () => {
    expect(encodeCall(call)).to.equal(
      '{"type":"account","id":"a-1","command":{"type":"opened"},"generation":4,"hops":1}',
    );
    expect(decodeCall(encodeCall(call))).to.deep.equal(call);
  });

  it('carries the terms of its asker, and has a name that versions without them refuse', () => {
    const terms = { expectedSequenceNr: 7 };
    const body = encodeCall({ ...call, terms });
    expect(body).to.match(/"hops":1,"terms":\{"expectedSequenceNr":7\}\}$/);
    expect(decodeCall(body)).to.deep.equal({ ...call, terms });
    expect(encodeCall({ ...call, terms: {} })).to.equal(encodeCall(call));
    const all = { ...terms, commandId: 'c', correlationId: 'o', causationId: 'e' };
    expect(decodeCall(encodeCall({ ...call, terms: all }))).to.deep.equal({ ...call, terms: all });
    expect(nameOfAsk(terms)).to.equal('ask-on-terms');
    expect(nameOfAsk({ commandId: 'c' })).to.equal('ask-on-terms');
    // To lose them harms nothing.
    expect(nameOfAsk({ correlationId: 'o', causationId: 'e' })).to.equal('ask');
    expect(nameOfAsk({})).to.equal('ask');
  });

  it('is refused when JSON cannot hold its command, with the path', () => {
    const wrong: readonly (readonly [object, string])[] = [
      [{ at: new Date(0) }, 'command.at'],
      [{ items: [{ n: 1 }, { n: Number.NaN }] }, 'command.items[1].n'],
      [{ by: new Map() }, 'command.by'],
      [{ run: () => 1 }, 'command.run'],
      [{ list: [undefined] }, 'command.list[0]'],
      [{ 'a b': 5n }, 'command["a b"]'],
    ];
    for (const [members, path] of wrong) {
      const command = { type: 'x', ...members };
      expect(refusalOf(() => encodeCall({ ...call, command }))).to.include({ path, stored: 'no' });
    }
  });

  it('is refused when an id is blank or no well-formed text, on both sides', () => {
    for (const id of ['', ' ', 'a\ud800']) {
      expect(() => encodeCall({ ...call, id })).to.throw(InvalidInputError, 'id of an entity');
      expect(() => encodeCall({ ...call, type: id })).to.throw(InvalidInputError, 'a type of');
      const text = 'must be a well-formed text that is not blank';
      const body = (member: object) => JSON.stringify({ ...call, ...member });
      expect(() => decodeCall(body({ id }))).to.throw(CodecError, `call.id ${text}`);
      expect(() => decodeCall(body({ type: id }))).to.throw(CodecError, `call.type ${text}`);
    }
  });

  it('is refused when it does not hold together, naming the member', () => {
    const body = (member: object) => JSON.stringify({ ...call, ...member });
    refusesAll(decodeCall, {
      '': 'malformed JSON',
      '{': 'malformed JSON',
      '[]': 'call must be an object, not an array',
      [body({ type: 5 })]: 'call.type must be a text, not 5',
      [body({ id: null })]: 'call.id must be a text, not null',
      [body({ command: 'x' })]: 'call.command must be an object with a text "type"',
      [body({ command: {} })]: 'call.command must be an object with a text "type"',
      [body({ generation: -1 })]: 'call.generation must be an integer of at least 0, not -1',
      [body({ generation: 2 ** 53 })]: 'call.generation must be an integer of at least 0',
      [body({ hops: 0.5 })]: 'call.hops must be an integer of at least 0, not 0.5',
      [body({ terms: [] })]: 'call.terms must be an object, not an array',
      [body({ terms: { expectedSequenceNr: -1 } })]: 'call.terms.expectedSequenceNr must be an int',
      [body({ terms: { commandId: '' } })]: 'call.terms.commandId must be a well-formed text of at',
      [body({ terms: { causationId: 'x'.repeat(256) } })]: 'call.terms.causationId must be',
      // A demand of a later version: it must not be ignored.
      [body({ terms: { once: true } })]: 'call.terms has the unknown member "once"',
    });
  });
});

describe('a call for a deletion or a purge', () => {
  const toEntity = { type: 'account', id: 'a-1', generation: 4, hops: 1 };

  it('is a JSON object with the entity, what is to go, and what the caller knew', () => {
    const purge = { ...toEntity, upkeep: { name: 'purge' } } as const;
    expect(encodeUpkeep(purge)).to.equal('{"type":"account","id":"a-1","generation":4,"hops":1}');
    expect(decodeUpkeep('purge', encodeUpkeep(purge))).to.deep.equal(purge);
    for (const to of [1, 7, SeqNr.max]) {
      const upkeep = { name: 'delete-events', to: SeqNr.of(to) } as const;
      const body = encodeUpkeep({ ...toEntity, upkeep });
      expect(body).to.equal(`{"type":"account","id":"a-1","to":${to},"generation":4,"hops":1}`);
      expect(decodeUpkeep('delete-events', body)).to.deep.equal({ ...toEntity, upkeep });
    }
  });

  it('is refused when it does not hold together, naming the member', () => {
    const body = (member: object) => JSON.stringify({ ...toEntity, to: 3, ...member });
    refusesAll((text) => decodeUpkeep('delete-events', text), {
      '[]': 'call must be an object, not an array',
      [body({ to: undefined })]: 'call.to must be an integer of at least 0',
      [body({ to: 0 })]: 'call.to must be an integer of at least 1, not 0',
      [body({ to: '3' })]: 'call.to must be an integer',
      [body({ id: ' ' })]: 'call.id must be a well-formed text that is not blank',
      [body({ generation: -1 })]: 'call.generation must be an integer of at least 0, not -1',
    });
    const blank = { ...toEntity, id: ' ', upkeep: { name: 'purge' } } as const;
    expect(() => encodeUpkeep(blank)).to.throw(InvalidInputError, 'id of an entity');
  });
});

describe('a refusal', () => {
  it('says who owns the partition, or why nobody took the call', () => {
    const owner = { id: 'm-1', address: 'http://a:1' };
    for (const [refusal, body] of [
      [
        { reason: 'not-owner', owner, generation: 7 },
        '{"reason":"not-owner","owner":{"id":"m-1","address":"http://a:1"},"generation":7}',
      ],
      [
        { reason: 'not-owner', owner: undefined, generation: 0 },
        '{"reason":"not-owner","generation":0}',
      ],
      [{ reason: 'busy', text: '100 calls' }, '{"reason":"busy","text":"100 calls"}'],
    ] as const) {
      expect(encodeRefusal(refusal)).to.equal(body);
      expect(decodeRefusal(body)).to.deep.equal(refusal);
    }
  });

  it('says what its process knows of the owner', () => {
    const a = { id: 'a', address: 'http://a' };
    const b = { id: 'b', address: 'http://b' };
    for (const [owner, generation, text] of [
      [undefined, 0, 'it is not sure that it is still a member of the fleet'],
      [undefined, 7, 'the partition has no owner (generation 7)'],
      [a, 7, 'it has not taken the partition over yet'],
      [b, 7, 'the partition is of http://b (generation 7)'],
    ] as const) {
      const body = encodeRefusal({ reason: 'not-owner', owner, generation });
      const { error } = readRefusal(body, a);
      expect(error.message).to.equal(`http://a has refused the call: ${text}`);
      expect(error.stored).to.equal('no');
    }
  });

  it('is refused when it does not hold together, naming the member', () => {
    refusesAll(decodeRefusal, {
      '{"reason":"tired"}': 'refusal.reason must be one of not-owner, not-hosted, stopping, busy',
      '{"reason":"busy"}': 'refusal.text must be a text',
      '{"reason":"not-owner"}': 'refusal.generation must be an integer',
      '{"reason":"not-owner","generation":1,"owner":"m"}': 'refusal.owner must be an object',
      '{"reason":"not-owner","generation":1,"owner":{}}': 'refusal.owner.id must be a text',
      '{"reason":"not-owner","generation":1,"owner":{"id":"m"}}': 'refusal.owner.address must be',
    });
  });
});

describe('a release', () => {
  it('names the partition and the generation that gave it away', () => {
    const release = { topic: Topic.of('t'), partition: Partition.of(3), generation: 9 };
    expect(encodeRelease(release)).to.equal('{"topic":"t","partition":3,"generation":9}');
    expect(decodeRelease(encodeRelease(release))).to.deep.equal(release);
  });

  it('is refused when it does not hold together, naming the member', () => {
    refusesAll(decodeRelease, {
      '5': 'release must be an object, not 5',
      '{}': 'release.topic must be a text',
      '{"topic":"t","partition":"1"}': 'release.partition must be an integer',
      '{"topic":"t","partition":1}': 'release.generation must be an integer',
      '{"topic":"a b","partition":1,"generation":1}': 'release names no partition',
      '{"topic":"t","partition":4294967296,"generation":1}': 'release names no partition',
    });
  });
});
