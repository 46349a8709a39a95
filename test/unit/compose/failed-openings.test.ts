import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { expect } from 'chai';
import { createActor } from 'xstate';
import { createPersistence, openJournals, type PluginContext } from '../../../src/index.ts';
import { counter } from '../../support/counter.ts';
import { OwnJournal } from '../../support/own-plugins/own-journal.ts';
import { made as mappings } from '../../support/own-plugins/own-keys.ts';
import { RecordingLogger } from '../../support/recording-logger.ts';
import { failureOf } from '../actor/support.ts';

const keys = new URL('../../support/own-plugins/own-keys.ts', import.meta.url).pathname;
const path = 'evolutiongaming.kafka-journal.embedded.journal';
const withMapping = `
  akka.persistence.journal.plugin = "${path}"
  ${path} { file = ":memory:", persistence-id-to-key.impl = "${keys}#OwnKeys" }`;

const signalOfMapping = () => (mappings.at(-1) ?? expect.fail('none was made')).context.signal;

/** It may hold a connection or a timer open, which would keep the process from ending. */
describe('a mapping of persistence ids is told when nobody uses it any more:', () => {
  beforeEach(() => {
    mappings.length = 0;
  });

  it('of openJournals, when they are closed', async () => {
    const opened = await openJournals({ config: withMapping });
    expect(signalOfMapping().aborted).to.equal(false);
    await opened[Symbol.asyncDispose]();
    expect(signalOfMapping().aborted).to.equal(true);
    await opened[Symbol.asyncDispose]();
  });

  for (const [what, open] of [
    ['openJournals', openJournals],
    ['createPersistence', createPersistence],
  ] as const) {
    it(`of ${what}, when something else of the configuration is wrong`, async () => {
      const error = await failureOf(open({ config: `${withMapping}, ${path}.read-timeout = no` }));
      expect(error).to.include({ code: 'CONFIG' });
      expect(signalOfMapping().aborted).to.equal(true);
    });
  }

  it('of createPersistence, when its actors have ended', async () => {
    const persistence = await createPersistence({ config: withMapping });
    const logic = persistence.persistent(counter, { persistenceId: 'order/1' });
    const actor = createActor(logic, { input: { id: 'a' } }).start();
    await persistence.whenRecovered(actor);
    const states: boolean[] = [];
    const asked = persistence
      .ask(actor, { type: 'added', by: 1 })
      .then(() => states.push(signalOfMapping().aborted));
    await Promise.all([persistence.shutdown(), asked]);
    expect([...states, signalOfMapping().aborted]).to.deep.equal([false, true]);
  });
});

describe('an opening that fails says why, whatever becomes of the rest:', () => {
  const atStart = 'akka.persistence.journal { plugin = one, auto-start-journals = [one, two] }';
  const failing = () => {
    throw new Error('no such table');
  };

  it('what is open already does not close in order', async () => {
    const log = new RecordingLogger();
    const one = (context: PluginContext) => {
      return Object.assign(new OwnJournal(context), {
        [Symbol.asyncDispose]: async () => {
          throw new Error('the socket is gone');
        },
      });
    };
    const plugins = { one, two: failing };
    const error = await failureOf(createPersistence({ config: atStart, plugins, log }));
    expect(error).to.include({ code: 'CONFIG' });
    expect(error.message).to.include('no such table');
    expect(log.lines.filter(({ level }) => level === 'warn').map(({ message }) => message)).to.eql([
      'a plugin did not close in order after another one had failed to open',
    ]);
  });

  for (const [what, close] of [
    ['never closes', () => new Promise<void>(() => {})],
    ['fails to close', () => Promise.reject(new Error('the socket is gone'))],
  ] as const) {
    it(`what it has made is no journal, and ${what}`, async () => {
      const signals: AbortSignal[] = [];
      const noJournal = ({ signal }: PluginContext) => {
        signals.push(signal);
        return { [Symbol.asyncDispose]: close };
      };
      const config = `${atStart}, akka.persistence.journal-plugin-fallback.start-timeout = 20ms`;
      const plugins = { one: noJournal as never, two: failing };
      const error = await failureOf(createPersistence({ config, plugins }));
      expect(error).to.include({ code: 'CONFIG' });
      expect(error.message).to.include('must make a journal; an object lacks write, ');
      expect(signals.map(({ reason }) => reason)).to.deep.equal([error]);
    });
  }

  it('what makes it has failed, and is told that it is not wanted', async () => {
    const signals: AbortSignal[] = [];
    const plugins = {
      one: ({ signal }: PluginContext) => {
        signals.push(signal);
        return failing();
      },
      two: failing,
    };
    const error = await failureOf(createPersistence({ config: atStart, plugins }));
    expect(signals.map(({ reason }) => reason)).to.deep.equal([error]);
  });

  it("a port of the fleet is in use: with its place, in a section of a path of the user's", async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    const config = `
      akka.persistence.journal.plugin = "my.journal"
      my.journal {
        class = "builtin#EmbeddedJournal", file = ":memory:"
        fleet { enabled = on, group = g, remote.host = "127.0.0.1" }
        fleet.remote.port = ${port}
      }`;
    const error = await failureOf(createPersistence({ config }));
    const message = `cannot listen at host 127.0.0.1, port ${port}: another process uses it`;
    expect(error).to.deep.include({
      problems: [{ path: 'my.journal.fleet.remote.port', file: 'config text', line: 6, message }],
    });
    other.close();
    await once(other, 'close');
    await (await createPersistence({ config })).shutdown();
  });
});
