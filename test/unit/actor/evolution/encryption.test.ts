import { expect } from 'chai';
import { assign, fromPromise, setup } from 'xstate';
import { EntityCipher, type EntityKeys } from '../../../../src/actor/evolution/entity-cipher.ts';
import { taggedJson } from '../../../../src/actor/evolution/tagged-json.ts';
import { SerializedPayload } from '../../../../src/model/serialized-payload.ts';
import type { PersistenceId, PersistentRepr } from '../../../../src/ports/journal-plugin.ts';
import { SnapshotCriteria } from '../../../../src/ports/snapshot-store.ts';
import { systemClock } from '../../../../src/runtime/clock.ts';
import { HoldableJournal } from '../holdable-journal.ts';
import { TestSnapshotStore } from '../snapshots/support.ts';
import { failureOf, settle } from '../support.ts';
import { World } from '../world.ts';

/** Keys in memory, and how often they were asked for. */
class MemoryKeys implements EntityKeys {
  readonly #keys = new Map<string, Uint8Array>();
  readonly asked: string[] = [];
  isDown = false;
  #made = 0;

  async keyOf(persistenceId: string, { create }: { create: boolean }) {
    this.asked.push(create ? 'create' : 'look');
    if (this.isDown) throw new Error('down');
    if (create && !this.#keys.has(persistenceId)) {
      this.#keys.set(persistenceId, new Uint8Array(32).fill(++this.#made));
    }
    return this.#keys.get(persistenceId);
  }

  async forget(persistenceId: string): Promise<void> {
    this.#keys.delete(persistenceId);
  }
}

const diary = setup({
  types: { context: {} as { notes: unknown[] } },
  actors: { read: fromPromise(async () => ({ secret: 'of a child' })) },
}).createMachine({
  id: 'diary',
  context: ({ input }) => ({ notes: [input] }),
  initial: 'open',
  states: {
    open: {
      on: {
        note: { actions: assign({ notes: ({ context, event }) => [...context.notes, event] }) },
        read: 'reading',
      },
    },
    reading: {
      invoke: {
        id: 'reader',
        src: 'read',
        onDone: {
          target: 'open',
          actions: assign({ notes: ({ context, event }) => [...context.notes, event.output] }),
        },
      },
    },
  },
});

type Started = ReturnType<World['start']>;
const notes = ({ actor }: Started) =>
  (actor.getSnapshot() as unknown as { context: { notes: unknown[] } }).context.notes;

function start(world: World, keys: EntityKeys, options: object = {}): Started {
  return world.start(diary, { secret: 'input' }, { encryption: keys, ...options });
}

async function recovered(world: World, keys: EntityKeys, options?: object): Promise<Started> {
  const started = start(world.crash(), keys, options);
  await started.host.whenRecovered(started.actor);
  return started;
}

/** Everything of the journal, as text. */
const journalText = (world: World): string =>
  JSON.stringify(world.journal.stored('e'), (_, value: unknown) =>
    value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : value,
  );

describe('encrypted entities', () => {
  it('store nothing readable: events, input, and what their children give', async () => {
    const world = new World();
    const keys = new MemoryKeys();
    const live = start(world, keys);
    await live.tell('note', { secret: 'event' });
    await live.tell('read');
    await settle();
    const all = [{ secret: 'input' }, { type: 'note', secret: 'event' }, { secret: 'of a child' }];
    expect(notes(live)).to.deep.equal(all);
    expect(world.journal.stored('e').length).to.equal(4);
    expect(journalText(world)).not.to.contain('secret');
    expect(notes(await recovered(world, keys))).to.deep.equal(all);
  });

  it('store the reply to a command with an id encrypted, and give it again after a recovery', async () => {
    const world = new World();
    const keys = new MemoryKeys();
    const reply = { secret: 'reply' };
    const decide = () => ({ type: 'persist', events: [{ type: 'note' }], reply });
    const ask = ({ host, actor }: Started) =>
      host.ask(actor as never, { type: 'tell' } as never, { commandId: 'c' });
    await ask(start(world, keys, { decide }));
    expect(journalText(world)).not.to.contain('secret');
    expect(await ask(await recovered(world, keys, { decide }))).to.deep.include({ reply });
    expect(world.journal.stored('e')).to.have.length(2);
  });

  it('encrypt the same event in another way each time', async () => {
    const world = new World();
    const live = start(world, new MemoryKeys());
    await live.tell('note');
    await live.tell('note');
    const [first, second] = world.journal.payloads('e').slice(1) as SerializedPayload[];
    expect(first?.serializer).to.equal(60);
    expect(first?.bytes).to.have.length(second?.bytes.length ?? 0);
    expect(first?.bytes).not.to.deep.equal(second?.bytes);
  });

  it('ask for their key once a recovery, and make it with the first write', async () => {
    const world = new World();
    const keys = new MemoryKeys();
    const live = start(world, keys);
    await live.host.whenRecovered(live.actor);
    expect(keys.asked).to.deep.equal(['look']);
    for (let i = 0; i < 3; i++) await live.tell('note');
    expect(keys.asked).to.deep.equal(['look', 'create']);
    await (await recovered(world, keys)).tell('note');
    expect(keys.asked).to.deep.equal(['look', 'create', 'look']);
  });

  it('cannot be recovered once the key is forgotten; the error says so', async () => {
    const world = new World();
    const keys = new MemoryKeys();
    await start(world, keys).tell('note');
    await keys.forget('e');
    const error = await failureOf(recovered(world, keys));
    expect(error.code).to.equal('RECOVERY_FAILED');
    expect(error.cause).to.have.property('code', 'KEY_FORGOTTEN');
    expect(error.message).to.contain('the key of "e" is gone');
  });

  it('whose key is made anew stay unreadable', async () => {
    const world = new World();
    const keys = new MemoryKeys();
    await start(world, keys).tell('note');
    await keys.forget('e');
    await keys.keyOf('e', { create: true });
    const error = await failureOf(recovered(world, keys));
    expect(error.message).to.contain('encrypted with another key');
  });

  it('cannot be read without the option', async () => {
    const world = new World();
    await start(world, new MemoryKeys()).tell('note');
    const { host, actor } = world.crash().start(diary);
    const error = await failureOf(host.whenRecovered(actor));
    expect(error.message).to.contain('event 1 of e cannot be read: it is encrypted');
  });

  it('read what was stored before there was a key', async () => {
    const world = new World();
    world.journal.seed('e', [{ type: 'note', n: 1 }]);
    const keys = new MemoryKeys();
    const live = await recovered(world, keys);
    await live.tell('note', { n: 2 });
    expect(notes(await recovered(world, keys)).slice(1)).to.deep.equal([
      { type: 'note', n: 1 },
      { type: 'note', n: 2 },
    ]);
  });

  it('read the snapshots from before there was a key, and encrypt later ones', async () => {
    const world = new World();
    const store = new TestSnapshotStore();
    const deps = { snapshotStore: async () => store };
    const retention = { snapshotEvery: 2, deleteEvents: true };
    const run = async (options: object, count: number) => {
      const live = world.crash().start(diary, 0, { retention, ...options }, deps);
      await live.host.whenRecovered(live.actor);
      for (let i = 0; i < count; i++) {
        await live.tell('note');
        await settle();
      }
      return live;
    };
    await run({}, 5);
    expect(world.journal.stored('e')[0]?.seqNr).to.equal(5);
    await run({ retention: undefined }, 1); // number 7, without a snapshot
    const encryption = new MemoryKeys();
    const live = await run({ encryption }, 0);
    // Nothing has been written since then, so it is this that makes the key.
    await live.host.deleteEvents(live.actor, 7);
    const snapshot = await store.load('e' as PersistenceId, SnapshotCriteria.all);
    expect(snapshot?.metadata.seqNr).to.equal(7);
    expect(String.fromCharCode(...(snapshot?.snapshot ?? []))).not.to.contain('formatVersion');
    expect(notes(await run({ encryption }, 0))).to.have.length(7);
    await encryption.forget('e');
    const error = await failureOf(run({ encryption }, 0));
    expect(error.message).to.contain('no snapshot stands for them');
    expect(error.cause).to.have.property('code', 'KEY_FORGOTTEN');
  });

  it('reject a command when no key can be made, and take it when one can', async () => {
    const world = new World();
    const keys = new MemoryKeys();
    const live = start(world, keys);
    await live.host.whenRecovered(live.actor);
    keys.isDown = true;
    const error = await failureOf(live.tell('note'));
    expect(error).to.include({ code: 'WRITE_REJECTED', stored: 'no' });
    keys.isDown = false;
    expect((await live.tell('note')).sequenceNr).to.equal(2);
  });

  it('may have adapters and serializers as well', async () => {
    const world = new World();
    const keys = new MemoryKeys();
    const options = { serializers: { '*': taggedJson } };
    await start(world, keys, options).tell('note', { at: new Date(7) });
    expect(notes(await recovered(world, keys, options))[1]).to.deep.equal({
      type: 'note',
      at: new Date(7),
    });
  });

  it('sends no write that waited for its key when the entity was lost; its asker sees nothing of that', async () => {
    const asked = Promise.withResolvers<void>();
    const key = Promise.withResolvers<Uint8Array>();
    const keyOf: EntityKeys['keyOf'] = async (_, { create }) => {
      if (!create) return undefined;
      asked.resolve();
      return await key.promise;
    };
    const journal = new HoldableJournal();
    const started = start(new World(undefined, journal), { ...noKeys, keyOf });
    const written = started.tell('note', { n: 1 });
    await asked.promise;
    journal.lose('e');
    await settle();
    key.resolve(new Uint8Array(32));
    await written;
    expect(notes(started)).to.have.length(2);
    expect(journal.holds).to.have.length(2);
    expect(journal.late).to.deep.equal([]);
  });
});

const noKeys: EntityKeys = { keyOf: async () => undefined, forget: async () => {} };

describe('the cipher of an entity', () => {
  const reprOf = (payload: unknown, seqNr = 1): PersistentRepr =>
    ({ persistenceId: 'e', seqNr, payload, manifest: '', writerUuid: 'w', facts: {} }) as never;

  async function opened(): Promise<EntityCipher> {
    const cipher = await EntityCipher.open('e', new MemoryKeys(), systemClock);
    await cipher.ready();
    return cipher;
  }

  it('gives back JSON, bytes and what a serializer made', async () => {
    const cipher = await opened();
    const some = [
      { a: [1, null] },
      'text',
      Uint8Array.of(1, 2),
      new SerializedPayload(7, 'é', Uint8Array.of(3)),
    ];
    for (const payload of some) {
      const sealed = cipher.sealEvent(reprOf(payload));
      expect(cipher.openEvent(sealed.payload as SerializedPayload, sealed)).to.deep.equal(payload);
    }
  });

  it('opens nothing that was changed, cut short or moved', async () => {
    const cipher = await opened();
    const sealed = cipher.sealEvent(reprOf({ a: 1 }));
    const { bytes } = sealed.payload as SerializedPayload;
    const open =
      (changed: Uint8Array, at = 1) =>
      () =>
        cipher.openEvent(new SerializedPayload(60, 'v1', changed), reprOf(undefined, at));
    expect(open(bytes, 2)).to.throw('for another place');
    for (let i = 0; i < bytes.length; i++) {
      const changed = Uint8Array.from(bytes);
      changed[i] = (changed[i] ?? 0) ^ 1;
      expect(open(changed)).to.throw('encrypted with another key or for another place');
      expect(open(bytes.subarray(0, i))).to.throw();
    }
    expect(open(bytes)()).to.deep.equal({ a: 1 });
  });

  it('takes keys of 32 bytes only, and leaves it to their owner to wipe them', async () => {
    const given = new Uint8Array(32).fill(1);
    const kept = await EntityCipher.open('e', { ...noKeys, keyOf: async () => given }, systemClock);
    const sealed = kept.seal(Uint8Array.of(7), 'place');
    given.fill(0);
    expect([...kept.open(sealed, 'place')]).to.deep.equal([7]);
    const short: EntityKeys = { keyOf: async () => new Uint8Array(31), forget: async () => {} };
    const error = await failureOf(EntityCipher.open('e', short, systemClock));
    expect(error.message).to.contain('the key of "e" must have 32 bytes');
  });

  it('waits 10 s for keys, and may be tried again then', async () => {
    const waits: number[] = [];
    const clock = {
      nowMs: () => 0,
      steadyMs: () => 0,
      sleep: async (ms: number) => void waits.push(ms),
    };
    const silence = new Promise<undefined>(() => {});
    const silentOn = (which: boolean): EntityKeys => ({
      keyOf: (_, { create }) => (create === which ? silence : Promise.resolve(undefined)),
      forget: async () => {},
    });
    const looked = await failureOf(EntityCipher.open('e', silentOn(false), clock));
    expect(looked).to.include({ code: 'DEADLINE_EXCEEDED', stored: 'no', retryable: true });
    const made = await failureOf((await EntityCipher.open('e', silentOn(true), clock)).ready());
    expect(made).to.include({ code: 'WRITE_REJECTED', stored: 'no', retryable: true });
    expect(new Set(waits)).to.deep.equal(new Set([10_000]));
  });
});
