import { expect } from 'chai';
import { assign, type EventObject, raise, setup } from 'xstate';
import type { JsonCodec, Serializer } from '../../../../src/actor/evolution/event-serializer.ts';
import { taggedJson } from '../../../../src/actor/evolution/tagged-json.ts';
import { SerializedPayload } from '../../../../src/model/serialized-payload.ts';
import { failureOf } from '../support.ts';
import { World } from '../world.ts';

const keeping = setup({ types: { context: {} as { kept: unknown[] } } }).createMachine({
  id: 'keeping',
  context: { kept: [] },
  on: {
    keep: { actions: assign({ kept: ({ context, event }) => [...context.kept, event] }) },
    later: { actions: raise({ type: 'keep', at: new Date(5) } as never, { delay: 10 }) },
  },
});

const kept = ({ actor }: ReturnType<World['start']>) =>
  (actor.getSnapshot() as unknown as { context: { kept: unknown[] } }).context.kept;

async function recovered(world: World, options: object) {
  const started = world.crash().start(keeping, undefined, options);
  await started.host.whenRecovered(started.actor);
  return started;
}

class Keep implements EventObject {
  readonly type = 'keep';
  readonly cents: number;

  constructor(cents: number) {
    this.cents = cents;
  }
}

const money: Serializer<Keep> = {
  identifier: 100,
  manifest: () => 'keep',
  toBinary: ({ cents }) => Buffer.from(String(cents)),
  fromBinary: (bytes) => new Keep(Number(Buffer.from(bytes).toString())),
};

describe('events that are bound to a serializer', () => {
  it('carry dates, bigints, maps, sets and bytes as tagged JSON', async () => {
    const world = new World();
    const options = { serializers: { keep: taggedJson } };
    const live = world.start(keeping, undefined, options);
    const what = {
      at: new Date(0),
      n: 2n ** 64n,
      map: new Map<unknown, unknown>([[new Date(1), new Set([1n])]]),
      bytes: Uint8Array.from([1, 255]),
      $odd: { $date: 'no date' },
    };
    await live.tell('keep', what);
    expect(kept(live)).to.deep.equal([{ type: 'keep', ...what }]);
    expect(world.journal.payloads('e')[0]).to.deep.include({
      at: { $date: '1970-01-01T00:00:00.000Z' },
      $odd: { $plain: { $date: 'no date' } },
    });
    expect(world.journal.stored('e')[0]?.facts).to.deep.equal({ encoding: 'tagged' });
    expect(kept(await recovered(world, options))).to.deep.equal(kept(live));
  });

  it('are read by the codec that wrote them, not by shape, and when nothing is bound any more', async () => {
    const world = new World();
    world.journal.seed('e', [{ type: 'keep', at: { $date: '1970-01-01T00:00:00.000Z' } }]);
    const bound = await recovered(world, { serializers: { '*': taggedJson } });
    await bound.tell('keep', { at: new Date(0) });
    const events = [
      { type: 'keep', at: { $date: '1970-01-01T00:00:00.000Z' } },
      { type: 'keep', at: new Date(0) },
    ];
    expect(kept(bound)).to.deep.equal(events);
    expect(kept(await recovered(world, {}))).to.deep.equal(events);
  });

  it('may be instances of a class, which live code gets as a recovery will', async () => {
    const world = new World();
    const options = { serializers: { 'class:Keep': money } };
    const live = world.start(keeping, undefined, options);
    const given = new Keep(7);
    await live.host.ask(live.actor as never, given as never);
    expect(world.journal.payloads('e')).to.deep.equal([
      new SerializedPayload(100, 'keep', Uint8Array.from([0x37])),
    ]);
    expect(kept(live)[0]).to.be.instanceOf(Keep).and.not.equal(given);
    expect(kept(await recovered(world, options))).to.deep.equal([new Keep(7)]);
  });

  it('may change their serializer: of several the first writes, the others read', async () => {
    const world = new World();
    const start = world.start(keeping, undefined, { serializers: { keep: money } });
    await start.host.ask(start.actor as never, new Keep(1) as never);
    const later = await recovered(world, { serializers: { keep: [taggedJson, money] } });
    await later.tell('keep', { cents: 2n });
    expect(kept(later)).to.deep.equal([new Keep(1), { type: 'keep', cents: 2n }]);
    expect(world.journal.stored('e')[1]?.facts.encoding).to.equal('tagged');
  });

  it('are read as what they were when a member without a value makes them look like a tag', async () => {
    const world = new World();
    const options = { serializers: { '*': taggedJson } };
    const live = world.start(keeping, undefined, options);
    const kind = undefined;
    for (const value of [
      { $date: '2020', kind },
      { $other: 1, kind },
    ]) {
      await live.tell('keep', { value });
    }
    const plain = [{ $date: '2020' }, { $other: 1 }].map((value) => ({ type: 'keep', value }));
    expect(kept(live)).to.deep.equal(plain);
    expect(kept(await recovered(world, options))).to.deep.equal(plain);
  });

  it('are not bound to what is no serializer, or could be taken for another one', () => {
    const start = (serializers: object) => () =>
      new World().start(keeping, undefined, { serializers });
    const bytes = (identifier: unknown) => ({ ...money, identifier });
    expect(start({ keep: bytes(99) })).to.throw('of "keep" has the identifier 99: it must be an');
    expect(start({ keep: [taggedJson, bytes(60)] })).to.throw('from 100 to 2147483647');
    expect(start({ keep: {} })).to.throw('is neither a Serializer');
    expect(start({ keep: undefined })).to.throw('is neither a Serializer');
    for (const pattern of ['', ' ', 'class:']) {
      const refused = `the option "serializers" binds "${pattern}"`;
      expect(start({ [pattern]: taggedJson })).to.throw(refused);
    }
    const codec = { ...taggedJson, name: 'mine' };
    expect(start({ keep: codec, other: codec })).not.to.throw();
    expect(start({ keep: codec, other: { ...codec } })).to.throw(
      'of "keep" and of "other", are both stored as "mine"',
    );
    expect(start({ keep: { ...taggedJson } })).to.throw('that is the one of taggedJson');
  });

  it('fail a recovery that lacks their serializer, naming id and manifest, or codec', async () => {
    const world = new World();
    const other: JsonCodec = { ...taggedJson, name: 'other' };
    const live = world.start(keeping, undefined, {
      serializers: { 'class:Keep': money, '*': other },
    });
    await live.tell('keep');
    const failure = async () => {
      const { host, actor } = world.crash().start(keeping);
      return await failureOf(host.whenRecovered(actor));
    };
    const codec = await failure();
    expect(codec.code).to.equal('RECOVERY_FAILED');
    expect(codec.message).to.contain('event 1 ("keep") of e cannot be read');
    expect(codec.message).to.contain('by the JSON codec "other", which is not known here');
    world.journal.seed('f', [new SerializedPayload(100, 'keep', Uint8Array.of(1))]);
    const { host, actor } = world.start(keeping, undefined, { persistenceId: 'f' });
    const serializer = await failureOf(host.whenRecovered(actor));
    expect(serializer.message).to.contain('event 1 of f cannot be read');
    expect(serializer.message).to.contain('no serializer for id 100 with manifest "keep" is known');
  });

  it('are rejected with the place of what even tags cannot hold, or when the serializer throws', async () => {
    const world = new World();
    const broken: Serializer = {
      ...money,
      toBinary: () => {
        throw new Error('broken');
      },
    } as Serializer;
    // Such bytes would be taken for none at all.
    const noBytes = { ...money, identifier: 101, toBinary: () => new ArrayBuffer(8) };
    const { tell } = world.start(keeping, undefined, {
      serializers: { '*': taggedJson, later: broken, soon: noBytes },
    });
    const rejected = async (what: unknown) => await failureOf(tell('keep', { what }));
    for (const [what, path] of [
      [new Date(Number.NaN), 'event.what'],
      [{ a: [Number.NaN] }, 'event.what.a[0]'],
      [new (class Extended extends Map {})(), 'event.what'],
      [() => {}, 'event.what'],
      [{ [Symbol('s')]: 1 }, 'event.what'],
      [[/b/.exec('abc')], 'event.what[0]'],
    ] as const) {
      const error = await rejected(what);
      expect(error).to.have.property('stored', 'no');
      expect(error).to.have.property('path', path);
    }
    expect((await failureOf(tell('later'))).message).to.contain('its serializer failed: broken');
    expect((await failureOf(tell('soon'))).message).to.contain('"keep" and an object, not');
    expect(world.journal.payloads('e')).to.deep.equal([]);
  });

  it('may be those of delayed actions', async () => {
    const world = new World();
    const options = { serializers: { keep: taggedJson } };
    const live = world.start(keeping, undefined, options);
    await live.tell('later');
    await world.pass(10);
    expect(kept(live)).to.deep.equal([{ type: 'keep', at: new Date(5) }]);
    expect(kept(await recovered(world, options))).to.deep.equal(kept(live));
  });

  it('are refused as ever where nothing is bound', async () => {
    const { tell } = new World().start(keeping, undefined, { serializers: { other: taggedJson } });
    const error = await failureOf(tell('keep', { at: new Date(0) }));
    expect(error.code).to.equal('WRITE_REJECTED');
    expect(error).to.have.property('path', 'event.at');
  });
});
