import { expect } from 'chai';
import { createActor } from 'xstate';
import type {
  StashOverflow,
  StashOverflowStrategy,
} from '../../../src/actor/entity/stash-overflow.ts';
import { createPersistence } from '../../../src/index.ts';
import { counter } from '../../support/counter.ts';
import { made } from '../../support/own-plugins/own-overflow.ts';
import { openCounter } from './open-counter.ts';
import { failureOf } from './support.ts';

const module = new URL('../../support/own-plugins/own-overflow.ts', import.meta.url).pathname;

/** A counter that is recovering, and holds the one command that it may. */
function full(strategy: StashOverflowStrategy) {
  const settings = { stashCapacity: 1, stashOverflow: strategy };
  const { host, journal, start } = openCounter({ settings });
  const replay = journal.blockReplay();
  const actor = start();
  const waiting = host.ask(actor, { type: 'added', n: 1 });
  return { host, actor, waiting, replay };
}

describe('a strategy for a full stash', () => {
  it('is asked for each command that has no room; one that is dropped is not stored', async () => {
    const seen: StashOverflow[] = [];
    const strategy: StashOverflowStrategy = {
      onOverflow: (overflow) => {
        seen.push(overflow);
        return 'drop';
      },
    };
    const { host, actor, waiting, replay } = full(strategy);
    const error = await failureOf(host.ask(actor, { type: 'added', n: 5 }));
    expect(error).to.include({ code: 'STASH_OVERFLOW', stored: 'no' });
    expect(error.cause).to.equal(undefined);
    actor.send({ type: 'added', n: 7 });
    const { persistenceId } = actor.getSnapshot().persistence;
    expect(seen).to.deep.equal([
      { persistenceId, command: { type: 'added', n: 5 }, capacity: 1 },
      { persistenceId, command: { type: 'added', n: 7 }, capacity: 1 },
    ]);
    replay.open();
    expect((await waiting).snapshot.context.count).to.equal(1);
    await host.shutdown();
  });

  it('fails the entity when it says so', async () => {
    const { host, actor, waiting } = full({ onOverflow: () => 'fail' });
    expect((await failureOf(host.ask(actor, { type: 'added', n: 2 }))).code).to.equal(
      'STASH_OVERFLOW',
    );
    expect((await failureOf(waiting)).code).to.equal('ENTITY_STOPPED');
    expect(actor.getSnapshot().status).to.equal('error');
    await host.shutdown();
  });

  it('says in words of its own why a command is dropped; the entity goes on', async () => {
    const reason = new Error('come back later');
    const wrong = [
      [() => reason, /^come back later$/],
      // A rejection that nobody waits for would end the process.
      [() => Promise.reject(reason), /onOverflow must answer "drop", "fail" or an error, not/],
      [() => undefined, /onOverflow must answer "drop", "fail" or an error, not undefined/],
      [
        () => {
          throw reason;
        },
        /^come back later$/,
      ],
      [
        () => {
          throw 'a text';
        },
        /onOverflow threw/,
      ],
    ] as const;
    for (const [onOverflow, message] of wrong) {
      const { host, actor, waiting, replay } = full({ onOverflow } as StashOverflowStrategy);
      const error = await failureOf(host.ask(actor, { type: 'added', n: 2 }));
      expect(error).to.include({ code: 'STASH_OVERFLOW', stored: 'no', retryable: true });
      expect((error.cause as Error).message).to.match(message);
      replay.open();
      expect((await waiting).snapshot.context.count).to.equal(1);
      await host.shutdown();
    }
  });

  for (const name of ['#OwnOverflow', '#configurator', '']) {
    it(`is what the configuration names: export "${name}"`, async () => {
      made.length = 0;
      const host = await createPersistence({
        config: `
          akka.persistence {
            journal.plugin = "akka.persistence.journal.inmem", typed.stash-capacity = 1
            internal-stash-overflow-strategy = "${module}${name}"
          }
          akka.persistence.journal.inmem.delay-writes = 100ms
          my.refusal = "too many"`,
      });
      expect(made, 'made at start').to.have.lengthOf(1);
      const options = { persistenceId: 'full' };
      const actor = createActor(host.persistent(counter, options), { input: { id: 'a' } });
      actor.subscribe({ error: () => {} });
      actor.start();
      const waiting = host.ask(actor, { type: 'added', by: 1 });
      const error = await failureOf(host.ask(actor, { type: 'added', by: 2 }));
      expect((error.cause as Error).message).to.equal('too many');
      expect(made[0]?.seen).to.have.lengthOf(1);
      expect((await waiting).snapshot.context.sum).to.equal(1);
      await host.shutdown();
    });
  }
});
