import { expect } from 'chai';
import {
  type AnyActorLogic,
  assign,
  createActor,
  type SnapshotFrom,
  sendParent,
  sendTo,
  setup,
} from 'xstate';
import type { LocalEntities } from '../../../src/actor/registry/entities.ts';
import { NotOwnerError, WriteFailedError } from '../../../src/model/errors.ts';
import { HoldableJournal } from './holdable-journal.ts';
import { failureOf, settle, testHost } from './support.ts';
import { World } from './world.ts';

/** What it says is a command like that of a caller; it says it once in its life. */
const kid = setup({}).createMachine({
  id: 'kid',
  initial: 'waiting',
  states: {
    waiting: { on: { ping: 'told' } },
    told: { entry: sendParent({ type: 'heard' }) },
  },
});

const family = setup({
  types: { context: {} as { readonly heard: number } },
  actors: { kid },
}).createMachine({
  id: 'family',
  context: { heard: 0 },
  invoke: { id: 'kid', src: 'kid' },
  on: {
    note: {},
    heard: { actions: assign({ heard: ({ context }) => context.heard + 1 }) },
  },
});

type Family = { getSnapshot(): SnapshotFrom<typeof family> };

function ping(actor: Family): void {
  actor.getSnapshot().children.kid?.send({ type: 'ping' });
}

/** The kid that began anew is pinged as well. */
async function heardWithAnotherPing(actor: Family): Promise<number> {
  ping(actor);
  await settle();
  return actor.getSnapshot().context.heard;
}

const restart = { onPersistFailure: { minBackoff: 1, maxBackoff: 1 } };

describe('what a child machine has sent while its entity writes', () => {
  it('counts once after the write has failed: the child begins anew, and says it again', async () => {
    const world = new World();
    const { host, actor, tell } = world.start(family, undefined, restart);
    await host.whenRecovered(actor);
    const write = world.journal.blockAndFailNextWrite(new WriteFailedError('no answer'));
    const told = failureOf(tell('note'));
    await write.reached;
    ping(actor);
    write.open();
    await told;
    await settle();
    expect(await heardWithAnotherPing(actor)).to.equal(1);
  });

  it('counts once after the entity was lost', async () => {
    const journal = new HoldableJournal();
    const { host } = testHost({ journal });
    const actor = createActor(host.persistent(family, { persistenceId: 'e' })).start();
    await host.whenRecovered(actor);
    const write = journal.blockNextWrite();
    const told = host.ask(actor, { type: 'note' });
    await write.reached;
    ping(actor);
    journal.lose('e');
    write.open();
    await told;
    await settle();
    expect(await heardWithAnotherPing(actor)).to.equal(1);
  });

  it('leaves a command of a caller what it is, though the caller sends the very same object', async () => {
    const heard = { type: 'heard' };
    let told: Promise<unknown>[] = [];
    const world = new World();
    const speaker = setup({}).createMachine({
      id: 'kid',
      on: { ping: { actions: sendParent(heard) } },
    });
    const machine = setup({ actors: { kid: speaker } }).createMachine({
      id: 'family',
      invoke: { id: 'kid', src: 'kid' },
      on: {
        note: {},
        heard: {},
        go: {
          actions: [
            () => {
              told = [tell('note'), host.ask(actor as never, heard as never)];
            },
            sendTo('kid', { type: 'ping' }),
          ],
        },
      },
    });
    const { host, actor, tell } = world.start(machine, undefined, restart);
    await host.whenRecovered(actor);
    const going = world.journal.blockNextWrite();
    const gone = tell('go');
    await going.reached;
    const write = world.journal.blockAndFailNextWrite(new WriteFailedError('no answer'));
    going.open();
    await gone;
    await write.reached;
    write.open();
    await failureOf(told[0] as Promise<unknown>);
    await settle();
    expect(await Promise.race([told[1], settle()])).to.have.property('sequenceNr');
  });

  it('is stored when the entity is handed over', async () => {
    const placed: LocalEntities<AnyActorLogic>[] = [];
    const here = {};
    const { host, journal } = testHost({
      place: (local) => {
        placed.push(local as unknown as LocalEntities<AnyActorLogic>);
        return local;
      },
    });
    const families = host.entities('family', host.persistent(family, { persistenceId: 'e' }), {
      input: () => undefined,
    });
    const local = placed[0] as LocalEntities<AnyActorLogic>;
    local.placeBy(() => here);
    const { snapshot } = await families.ask('a', { type: 'note' });
    const write = journal.blockNextWrite();
    const told = families.ask('a', { type: 'note' });
    await write.reached;
    snapshot.children.kid?.send({ type: 'ping' });
    const reason = new NotOwnerError('another process has it');
    const ended = local.handOver(here, { reason, limitMs: 1000 });
    write.open();
    await Promise.all([told, ended]);
    expect(journal.stored('e').map(({ payload }) => (payload as { type: string }).type)).to.include(
      'heard',
    );
  });
});
