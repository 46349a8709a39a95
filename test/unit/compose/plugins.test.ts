import { expect } from 'chai';
import { createActor } from 'xstate';
import {
  ClosedError,
  ConfigError,
  createPersistence,
  InvalidInputError,
  type JournalPlugin,
  type Persistence,
  type PersistenceOptions,
  SeqNr,
} from '../../../src/index.ts';
import { InMemoryJournalPlugin } from '../../../src/plugin/in-memory-journal-plugin.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import { counter } from '../../support/counter.ts';
import { made, OwnJournal } from '../../support/own-plugins/own-journal.ts';
import { failureOf } from '../actor/support.ts';

const module = new URL('../../support/own-plugins/own-journal.ts', import.meta.url).pathname;
const own = `
akka.persistence.journal.plugin = "my.journal"
my.journal { class = "${module}#OwnJournal", table = "events" }`;
const embedded = 'evolutiongaming.kafka-journal.embedded.journal';

describe('plugins of a user', () => {
  let persistence: Persistence | undefined;
  beforeEach(() => {
    made.length = 0;
  });
  afterEach(async () => {
    await persistence?.shutdown();
    persistence = undefined;
  });

  async function open(options: PersistenceOptions): Promise<Persistence> {
    persistence = await createPersistence(options);
    return persistence;
  }

  function start(host: Persistence, id: string, journalPluginId?: string) {
    const options = journalPluginId === undefined ? {} : { journalPluginId };
    const logic = host.persistent(counter, { persistenceId: id, ...options });
    const actor = createActor(logic, { input: { id } });
    actor.subscribe({ error: () => {} });
    return actor.start();
  }

  async function add(host: Persistence, id: string, by: number, plugin?: string): Promise<number> {
    const actor = start(host, id, plugin);
    const { snapshot } = await host.ask(actor, { type: 'added', by });
    await host.stop(actor);
    return snapshot.context.sum;
  }

  for (const name of ['OwnJournal', 'default']) {
    it(`keep the events of actors: an export that is a ${name === 'default' ? 'function' : 'class'}`, async () => {
      const host = await open({ config: `${own}, my.journal.class = "${module}#${name}"` });
      expect(made, 'opened on first use').to.have.lengthOf(0);
      expect(await add(host, 'a', 2)).to.equal(2);
      expect(await add(host, 'a', 3), 'recovered').to.equal(5);
      expect(await add(host, 'b', 1)).to.equal(1);
      expect(made, 'one a path').to.have.lengthOf(1);
    });
  }

  it('are given their section over the fallback, its path, and the whole', async () => {
    const host = await open({
      config: `${own}, akka.persistence.journal-plugin-fallback.replay-batch-size = 7, more.x = 1`,
    });
    const journal = await host.journal('my.journal', OwnJournal);
    expect(journal).to.equal(made[0]);
    const { config, configPath, rootConfig, signal } = journal.context;
    expect(configPath).to.equal('my.journal');
    expect(config.getString('table')).to.equal('events');
    expect(config.getNumber('replay-batch-size')).to.equal(7);
    expect(config.getDurationMs('circuit-breaker.call-timeout')).to.equal(10_000);
    expect(config.originOf('table')).to.deep.equal({ file: 'config text', line: 3 });
    expect(rootConfig.getNumber('more.x')).to.equal(1);
    expect(signal.aborted).to.equal(false);
  });

  it('may be registered in code, without a section', async () => {
    const config = 'akka.persistence.journal.plugin = "my.journal"';
    const factories = [
      (context: OwnJournal['context']) => new OwnJournal(context),
      OwnJournal,
      { create: async (context: OwnJournal['context']) => new OwnJournal(context) },
    ];
    for (const factory of factories) {
      const host = await open({ config, plugins: { 'my.journal': factory } });
      expect(await add(host, 'a', 2)).to.equal(2);
      expect(made.at(-1)?.context.configPath).to.equal('my.journal');
      await host.shutdown();
    }
    expect(made).to.have.lengthOf(3);
  });

  it('are opened at start where the configuration says so, and closed in reverse order', async () => {
    const closed: string[] = [];
    const plugin =
      (name: string) =>
      (context: OwnJournal['context']): JournalPlugin =>
        Object.assign(new OwnJournal(context), {
          [Symbol.asyncDispose]: async () => {
            closed.push(name);
          },
        });
    const host = await open({
      config: 'akka.persistence.journal { plugin = one, auto-start-journals = ["two", ""] }',
      plugins: { one: plugin('one'), two: plugin('two'), three: plugin('three') },
    });
    expect(made.map(({ context }) => context.configPath)).to.deep.equal(['two', 'one']);
    await add(host, 'a', 1, 'three');
    await host.shutdown();
    expect(closed).to.deep.equal(['three', 'one', 'two']);
  });

  it('that were not ready within start-timeout are closed when they come', async () => {
    const late = Promise.withResolvers<OwnJournal>();
    let signal: AbortSignal | undefined;
    const host = await open({
      config: 'akka.persistence.journal.plugin = mine, mine.start-timeout = 20ms',
      plugins: {
        mine: (context) => {
          signal = context.signal;
          return late.promise;
        },
      },
    });
    const error = await host.journal('mine', OwnJournal).catch((reason: unknown) => reason);
    expect(error).to.include({ code: 'DEADLINE_EXCEEDED', retryable: true });
    expect((error as Error).message).to.equal('mine was not ready within start-timeout, 20 ms');
    expect(signal?.reason).to.equal(error);
    const journal = new OwnJournal({} as OwnJournal['context']);
    late.resolve(journal);
    await new Promise((resolve) => setImmediate(resolve));
    expect(journal.isClosed).to.equal(true);
  });

  it('keep commands waiting while they start: one whose time ends meanwhile gets to know', async () => {
    const coming = Promise.withResolvers<OwnJournal>();
    const config = 'akka.persistence.journal.plugin = "my.journal"';
    const host = await open({ config, plugins: { 'my.journal': () => coming.promise } });
    const actor = start(host, 'a');
    const ask = (timeout: number) => host.ask(actor, { type: 'added', by: 1 }, { timeout });
    const { cause } = await failureOf(ask(5));
    expect(cause).to.include({ code: 'LOG_UNAVAILABLE', message: 'my.journal is not open yet' });
    const journal = new OwnJournal({ clock: systemClock } as OwnJournal['context']);
    coming.resolve(journal);
    await ask(5_000);
    const written = Promise.withResolvers<[]>();
    journal.write = () => written.promise;
    expect(await failureOf(ask(5)), 'it is open').not.to.have.property('cause');
    written.resolve([]);
  });

  it('are not waited for by a shutdown while they start', async () => {
    const late = Promise.withResolvers<OwnJournal>();
    const host = await open({
      config: 'akka.persistence.journal.plugin = mine',
      plugins: { mine: () => late.promise },
    });
    const opening = host.journal('mine', OwnJournal).catch((reason: unknown) => reason);
    await host.shutdown();
    expect(await opening).to.include({ code: 'CLOSED' });
    const journal = new OwnJournal({} as OwnJournal['context']);
    late.resolve(journal);
    await new Promise((resolve) => setImmediate(resolve));
    expect(journal.isClosed).to.equal(true);
  });

  it('are wanted until the actors have ended what they hold', async () => {
    const steps: string[] = [];
    class Slow extends OwnJournal {
      override async write(...call: Parameters<OwnJournal['write']>) {
        await this.context.clock.sleep(5, this.context);
        steps.push('written');
        return await super.write(...call);
      }

      override async [Symbol.asyncDispose]() {
        steps.push(this.context.signal.aborted ? 'closed' : 'closed while it was wanted');
      }
    }
    const host = await open({
      config: 'akka.persistence.journal.plugin = mine',
      plugins: { mine: Slow },
    });
    const actor = start(host, 'a');
    await host.whenRecovered(actor);
    const asked = [1, 2].map(async (by) => {
      await host.ask(actor, { type: 'added', by });
      steps.push('answered');
    });
    await Promise.all([host.shutdown(), ...asked]);
    expect(steps).to.deep.equal(['written', 'answered', 'written', 'answered', 'closed']);
  });

  it('are asked for by their class, and nothing else passes for them', async () => {
    const host = await open({
      config: `${own}, akka.persistence.journal.auto-start-journals = []`,
    });
    const refused = async (call: Promise<unknown>) => {
      const error = await call.catch((reason: unknown) => reason);
      expect(error).to.be.instanceOf(InvalidInputError);
      return (error as Error).message;
    };
    expect(await refused(host.journal())).to.match(/the default journal has no journals by key/);
    expect(await refused(host.journal('my.journal', InMemoryJournalPlugin))).to.match(
      /journal my\.journal is no InMemoryJournalPlugin/,
    );
  });

  it('are one plugin, however their path is spelt', async () => {
    const host = await open({
      config: 'pekko.persistence.journal.plugin = "pekko.persistence.journal.mine"',
      plugins: { 'pekko.persistence.journal.mine': OwnJournal },
    });
    const spellings = ['pekko.persistence.journal.mine', 'akka.persistence."journal".mine'];
    for (const [index, path] of [undefined, ...spellings].entries()) {
      expect(await add(host, 'a', 1, path)).to.equal(index + 1);
    }
    expect(made.map(({ context }) => context.configPath)).to.deep.equal([
      'akka.persistence.journal.mine',
    ]);
  });

  it('may be silent in a recovery for as long as their own section says', async () => {
    const host = await open({
      config: `${own}, other.recovery-event-timeout = 20ms`,
      plugins: {
        other: (context) =>
          Object.assign(new OwnJournal(context), { highestSeqNr: () => new Promise(() => {}) }),
      },
    });
    const error = await host.whenRecovered(start(host, 'a', 'other')).catch((reason) => reason);
    expect(error.cause).to.have.property('code', 'DEADLINE_EXCEEDED');
    expect(error.cause.message).to.match(/said anything for 20 ms/);
  });

  it('say what is wrong with their section to the actor that opens them', async () => {
    const host = await open({
      config: `${own}, other { class = "${module}", recovery-event-timeout = soon }`,
    });
    const error = await host.whenRecovered(start(host, 'a', 'other')).catch((reason) => reason);
    expect(error.cause).to.be.instanceOf(ConfigError);
    expect(error.cause.message).to.match(/^other\.recovery-event-timeout: must be a duration/);
  });

  it('do not see an answer that came after their call was given up as one of a later incarnation', async () => {
    const host = await open({
      config: `${own}, my.journal.circuit-breaker.call-timeout = 30ms`,
    });
    const journal = await host.journal('my.journal', OwnJournal);
    const write = journal.write.bind(journal);
    const late = Promise.withResolvers<void>();
    let isLate = true;
    journal.write = async (writes) => {
      if (!isLate) return await write(writes);
      isLate = false;
      await late.promise;
      return [];
    };
    const logic = host.persistent(counter, {
      persistenceId: 'a',
      onPersistFailure: { minBackoff: 1, maxBackoff: 1 },
    });
    const actor = createActor(logic, { input: { id: 'a' } }).start();
    const error = await host
      .ask(actor, { type: 'added', by: 5 })
      .catch((reason: unknown) => reason);
    expect(error).to.include({ stored: 'unknown' });
    const asked = host.ask(actor, { type: 'added', by: 2 });
    late.resolve();
    expect((await asked).snapshot.context.sum).to.equal(2);
    expect(actor.getSnapshot().context.sum).to.equal(2);
  });
});

describe('persistence.journal of a journal of this package', () => {
  const config = `
    akka.persistence.journal.plugin = "${embedded}"
    ${embedded}.file = ":memory:"`;

  it('shares its journals with the actors', async () => {
    await using stack = new AsyncDisposableStack();
    const host = await createPersistence({ config });
    stack.defer(() => host.shutdown());
    const logic = host.persistent(counter, { persistenceId: 'a' });
    const actor = createActor(logic, { input: { id: 'a' } }).start();
    await host.ask(actor, { type: 'added', by: 2 });
    const { journals, keyOf } = await host.journal();
    const seqNrs: number[] = [];
    for await (const page of journals.of(keyOf('a')).read(SeqNr.min)) {
      seqNrs.push(...page.map(({ event }) => event.seqNr));
    }
    // The init record, and the command.
    expect(seqNrs).to.deep.equal([1, 2]);
    const same = await host.journal(embedded);
    expect(same.journals).to.equal(journals);
    await host.shutdown();
    const error = await journals
      .of(keyOf('a'))
      .pointer()
      .catch((reason: unknown) => reason);
    expect(error).to.be.instanceOf(Error);
  });
});

describe('snapshot stores of a persistence', () => {
  const memory = 'akka.persistence.journal.plugin = "akka.persistence.journal.inmem"';
  const store = `mine.class = "${module}#aSnapshotStore"`;

  for (const [name, text] of [
    ['of a user', `akka.persistence.snapshot-store.plugin = mine, ${store}`],
    ['none at all', ''],
    [
      'none, as JVM files say',
      'akka.persistence.snapshot-store.plugin = "akka.persistence.no-snapshot-store"',
    ],
    [
      'none, as files of Pekko say',
      'pekko.persistence.snapshot-store.plugin = "pekko.persistence.no-snapshot-store"',
    ],
    [
      'none, by its class in Pekko',
      'akka.persistence.snapshot-store.plugin = s, s.class = "org.apache.pekko.persistence.snapshot.NoSnapshotStore"',
    ],
    [
      'of this package, as files of Pekko say',
      `pekko.persistence {
         journal.plugin = "pekko.persistence.journal.inmem"
         journal.inmem.class = "org.apache.pekko.persistence.journal.inmem.InmemJournal"
         snapshot-store.plugin = "pekko.persistence.snapshot-store.local"
         snapshot-store.local.class = "org.apache.pekko.persistence.snapshot.local.LocalSnapshotStore"
       }`,
    ],
    [
      'of this package',
      'akka.persistence.snapshot-store.plugin = s, s.class = "builtin#InMemorySnapshotStore"',
    ],
  ] as const) {
    it(`open, with actors on the journal in memory: ${name}`, async () => {
      const start = text.includes('mine')
        ? ', akka.persistence.snapshot-store.auto-start-snapshot-stores = [""]'
        : '';
      const host = await createPersistence({
        config: `${text.includes('inmem') ? '' : memory}\n${text}${start}`,
      });
      const actor = createActor(host.persistent(counter, { persistenceId: 'a' }), {
        input: { id: 'a' },
      }).start();
      expect((await host.ask(actor, { type: 'added', by: 2 })).snapshot.context.sum).to.equal(2);
      await host.shutdown();
    });
  }

  it('are checked with everything else, before anything is opened', async () => {
    const error = await createPersistence({
      config: `
        akka.persistence.journal.plugin = j
        akka.persistence.snapshot-store { plugin = s, auto-start-snapshot-stores = [nowhere] }
        akka.persistence.typed.stash-capacity = 0
        j.class = "builtin#Kafka"
        s { class = "./none.ts#X", snapshot-is-optional = perhaps }`,
    }).catch((reason: unknown) => reason);
    expect(error).to.be.instanceOf(ConfigError);
    expect(
      (error as ConfigError).problems.map(({ path, line }) => [path, line]),
    ).to.have.deep.members([
      ['akka.persistence.snapshot-store.auto-start-snapshot-stores', 3],
      ['akka.persistence.typed.stash-capacity', 4],
      ['j.class', 5],
      ['s.class', 6],
      ['s.snapshot-is-optional', 6],
    ]);
  });
});

describe('InMemoryJournalPlugin', () => {
  it('settles writes that are under way when it is closed', async () => {
    const options = { testSerialization: false, delayWritesMs: 60_000, clock: systemClock };
    const journal = new InMemoryJournalPlugin(options);
    const write = journal.write([]).catch((reason: unknown) => reason);
    await journal[Symbol.asyncDispose]();
    await journal[Symbol.asyncDispose]();
    expect(await write).to.be.instanceOf(ClosedError);
  });
});
