import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { createActor, fromPromise, setup } from 'xstate';
import { createPersistence, type Persistence } from '../../../src/index.ts';
import { counter } from '../../support/counter.ts';
import { RecordingLogger } from '../../support/recording-logger.ts';

/*
 * Each row of the table of configuration errors, by its words: what a user gets who does that. Rows
 * of event adapters, serializers, retention and of the tables of a keyspace are tested where these
 * are.
 */

const own = new URL('../../support/own-plugins/own-journal.ts', import.meta.url).pathname;
const keys = new URL('../../support/own-plugins/own-keys.ts', import.meta.url).pathname;
const overflow = new URL('../../support/own-plugins/own-overflow.ts', import.meta.url).pathname;
const embedded = 'evolutiongaming.kafka-journal.embedded.journal';
const kafka = 'evolutiongaming.kafka-journal.persistence.journal';
const memory = 'akka.persistence.journal.plugin = "akka.persistence.journal.inmem"';
const mine = 'akka.persistence.journal.plugin = mine';

interface Situation {
  readonly row: string;
  readonly config: string;
  /** The whole message: path, value and what is allowed. */
  readonly message: RegExp;
  /** The line of the file that is named. */
  readonly line?: number;
  /** It comes when the first actor starts. */
  readonly atActor?: true;
  readonly cause?: RegExp;
}

const situations: readonly Situation[] = [
  {
    row: 'default journal requested, journal.plugin empty',
    config: '\nakka.persistence.journal.plugin = ""',
    message: /akka\.persistence\.journal\.plugin: no default journal; set it to "evolut.*" or "/,
    line: 2,
    atActor: true,
  },
  {
    row: 'plugin id points nowhere',
    config: 'akka.persistence.journal.plugin = "no.where"\nown.j.class = "x#Y"',
    message: /names no\.where, where there is no section; sections with a class are .*own\.j/,
    line: 1,
  },
  {
    row: 'plugin id points to the other kind of plugin: a journal',
    config: `${memory}\nakka.persistence.snapshot-store.plugin = "${embedded}"`,
    message: /plugin: names .*embedded\.journal, which is the section of a journal, not of a snap/,
    line: 2,
  },
  {
    row: 'plugin id points to the other kind of plugin: a snapshot store',
    config: `${memory}\nakka.persistence.journal.auto-start-journals = [mine]\nmine.class = "builtin#LocalSnapshotStore"`,
    message: /names mine, which is the section of a snapshot store, not of a journal/,
    line: 2,
  },
  {
    row: 'class empty or missing',
    config: `${mine}\nmine { class = "" }`,
    message: /mine\.class: is missing or empty; an example is "builtin#KafkaJournal"/,
    line: 2,
  },
  {
    row: 'module not found',
    config: `${mine}\nmine.class = "./none.ts#X"`,
    message: /names module \.\/none\.ts, which was not found; looked for from \/.*/,
    line: 2,
    cause: /Cannot find module/,
  },
  {
    row: 'export missing',
    config: `${mine}\nmine.class = "${own}#None"`,
    message: /names export None, which .* does not have; it has .*OwnJournal/,
    line: 2,
  },
  {
    row: 'export of wrong kind',
    config: `${mine}\nmine.class = "${own}#notAJournal"`,
    message: /must name a class, a function, or an object with create\(\).* a journal, not 5/,
    line: 2,
    atActor: true,
  },
  {
    row: 'plugin object incomplete',
    config: `${mine}\nmine.class = "${own}#halfAJournal"`,
    message: /must make a journal; an object lacks deleteTo, highestSeqNr, replay, Symbol/,
    line: 2,
    atActor: true,
  },
  {
    row: 'plugin object incomplete: it looks like the other kind',
    config: `${mine}\nmine.class = "${own}#aSnapshotStore"`,
    message: /lacks write, deleteTo, .*; it looks like a snapshot store/,
    line: 2,
    atActor: true,
  },
  {
    row: 'a wrong setting of a snapshot store, before any actor needs it',
    config: `${memory}\nakka.persistence.snapshot-store {
      plugin = "akka.persistence.snapshot-store.local"
      local.max-load-attempts = 0
    }`,
    message: /snapshot-store\.local\.max-load-attempts: must be an integer from 1 to/,
    line: 4,
  },
  {
    row: 'constructor/factory threw',
    config: `${mine}\nmine.class = "${own}#throwing"`,
    message: /mine\.class: names what fails: Error: no such disk/,
    line: 2,
    atActor: true,
    cause: /no such disk/,
  },
  {
    row: 'start-timeout exceeded',
    config: `${mine}\nmine { class = "${own}#hanging", start-timeout = 10ms }`,
    message: /^mine was not ready within start-timeout, 10 ms$/,
    atActor: true,
  },
  {
    row: 'replay-filter.mode unknown',
    config: `${mine}\nmine { class = "${own}", replay-filter.mode = drop }`,
    message:
      /mine\.replay-filter\.mode: must be one of repair-by-discard-old, fail, warn, off, not "d/,
    line: 2,
  },
  ...[
    'replay-filter.window-size',
    'replay-filter.max-old-writers',
    'replay-batch-size',
    'circuit-breaker.max-failures',
  ].map((key) => ({
    row: `${key} <= 0`,
    config: `${mine}\nmine { class = "${own}", ${key} = 0 }`,
    message: new RegExp(`mine\\.${key}: must be an integer from 1 to 2147483647, not 0`),
    line: 2,
  })),
  ...['typed.stash-capacity', 'max-concurrent-recoveries'].map((key) => ({
    row: `${key} <= 0`,
    config: `${memory}\nakka.persistence.${key} = 0`,
    message: new RegExp(`akka\\.persistence\\.${key}: must be an integer from 1 to .*, not 0`),
    line: 2,
  })),
  {
    row: 'stash overflow strategy unknown',
    config: `${memory}\nakka.persistence.typed.stash-overflow-strategy = explode`,
    message: /typed\.stash-overflow-strategy: must be one of drop, fail.*, not "explode"/,
    line: 2,
  },
  {
    row: 'stash overflow strategy unknown: the classic one',
    config: `${memory}\nakka.persistence.internal-stash-overflow-strategy = explode`,
    message: /internal-.*: must be throw, discard, .*JVM.*, or "module#export", not explode/,
    line: 2,
  },
  ...(
    [
      ['./none.ts#X', /names module \.\/none\.ts, which was not found; looked for from/],
      [`${overflow}#None`, /names export None, which .* does not have; it has .*OwnOverflow/],
      [`${overflow}#number`, /must name a class, a function, .* a strategy of a full stash, not 5/],
      [`${overflow}#noStrategy`, /must make a strategy of a full stash; .* lacks onOverflow/],
      [`${overflow}#throwing`, /names an export that failed to make a strategy.*no such table/],
    ] as const
  ).map(([name, message]) => ({
    row: `stash overflow strategy that cannot be made: ${name.replace(/.*#/, '#')}`,
    config: `${memory}\nakka.persistence.internal-stash-overflow-strategy = "${name}"`,
    message,
    line: 2,
  })),
  {
    row: 'serializer of this package that is none',
    config: `${memory}\nakka.persistence.serialization.serializers.b = "builtin#Bytes"`,
    message:
      /serializers\.b: must not be builtin#Bytes: .*known are builtin#TaggedJson, builtin#Jso/,
    line: 2,
  },
  ...[
    ['', /serialization-bindings: binds "", which is blank: it must be .*"prefix\.\*"/],
    ['class:', /serialization-bindings: binds "class:", which names no class: it must be/],
  ].map(([pattern, message]) => ({
    row: `serializer bound to nothing: "${pattern}"`,
    config: `${memory}\nakka.persistence.serialization {
      serializers.t = "builtin#TaggedJson", serialization-bindings { "${pattern}" = t } }`,
    message: message as RegExp,
    line: 3,
  })),
  {
    row: 'segment-size out of range',
    config: `akka.persistence.journal.plugin = "${embedded}"\n${embedded}.segment-size = 1`,
    message: /segment-size: must be an integer from 2 to 2147483647, not 1/,
    line: 2,
  },
  {
    row: 'persistence-id-to-key.impl unknown',
    config: `akka.persistence.journal.plugin = "${embedded}"\n${embedded}.persistence-id-to-key.impl = hash`,
    message: /impl: must be constant-topic, split or "module#export", not "hash"/,
    line: 2,
  },
  ...(
    [
      ['./none.ts#X', /names module \.\/none\.ts, which was not found; looked for from/],
      [`${keys}#None`, /names export None, which .* does not have; it has .*OwnKeys/],
      [`${keys}#number`, /must name a class, a function, .* a mapping of persistence ids, not 5/],
      [`${keys}#noMapping`, /must make a mapping of persistence ids; .* lacks keyOf/],
      [`${keys}#throwing`, /an export that failed to make a mapping.*no such table/],
      [
        'builtin#Keys',
        /must not be builtin#Keys: there is no such built-in mapping of persistence ids/,
      ],
    ] as const
  ).map(([name, message]) => ({
    row: `persistence-id-to-key.impl that cannot be made: ${name.replace(/.*#/, '#')}`,
    config: `akka.persistence.journal.plugin = "${embedded}"\n${embedded}.persistence-id-to-key.impl = "${name}"`,
    message,
    line: 2,
  })),
  {
    row: 'topic empty or illegal after mapping: by a module',
    config: `akka.persistence.journal.plugin = "${embedded}"
      ${embedded} { file = ":memory:", persistence-id-to-key.impl = "${keys}#OwnKeys" }`,
    message:
      /persistence id "-entity": keyOf threw, see .*-to-key\.impl \(.*application\.conf:2\)$/,
    atActor: true,
    cause: /no kind/,
  },
  {
    row: 'topic empty or illegal after mapping',
    config: `akka.persistence.journal.plugin = "${embedded}"
      ${embedded} { file = ":memory:", persistence-id-to-key.impl = split }`,
    message: /persistence id "-entity" maps to topic "" and id "entity", which is refused/,
    atActor: true,
  },
  {
    row: 'duration, size or enum malformed',
    config: `${mine}\nmine { class = "${own}", circuit-breaker.call-timeout = soon }`,
    message: /call-timeout: must be a duration such as 500ms, 10s or 2 minutes.*, not "soon"/,
    line: 2,
  },
  {
    row: 'duration malformed: of a recovery from a journal of a user',
    config: `${mine}\nmine { class = "${own}", recovery-event-timeout = soon }`,
    message: /mine\.recovery-event-timeout: must be a duration such as 500ms.*, not "soon"/,
    line: 2,
  },
  ...['circuit-breaker.call-timeot', 'replay-filter.modes'].map((key) => ({
    row: `unknown key among those of the host, in the section of a user: ${key}`,
    config: `${mine}\nmine { class = "${own}", ${key} = 1s, call-timeot = "of the journal" }`,
    message: new RegExp(`^mine\\.${key}: is not a known key; did you mean ${key.slice(0, 18)}`),
    line: 2,
  })),
  {
    row: 'duration, size or enum malformed: a value where a section should be',
    config: `${mine}\nmine { class = "${own}", circuit-breaker = off }`,
    message: /^mine\.circuit-breaker: must be an object, not "off"/,
    line: 2,
  },
  {
    row: 'unresolved reference',
    config: `${memory}\nmy.x = \${nowhere.to.be.found}`,
    message: /^nowhere\.to\.be\.found: \$\{nowhere\.to\.be\.found\}/,
    line: 2,
  },
];

/** The error at the beginning of the chain. */
function rootOf(error: unknown): Error {
  const { cause } = error as Error;
  const isOurs = error instanceof Error && /cannot be recovered|has ended/.test(error.message);
  return isOurs && cause instanceof Error ? rootOf(cause) : (error as Error);
}

describe('errors that users get of their configuration', () => {
  let folder = '';
  let file = '';
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'errors-'));
    file = join(folder, 'application.conf');
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  function start(host: Persistence, persistenceId: string) {
    const logic = host.persistent(counter, { persistenceId });
    const actor = createActor(logic, { input: { id: 'a' } });
    actor.subscribe({ error: () => {} });
    return actor.start();
  }

  async function failure(config: string, atActor: boolean): Promise<Error> {
    writeFileSync(file, config);
    const creating = createPersistence({ file });
    if (!atActor)
      return await creating.then(
        () => expect.fail('should be refused'),
        (error) => error,
      );
    const host = await creating;
    try {
      const actor = start(host, '-entity');
      return await host.whenRecovered(actor).then(() => expect.fail('should fail'), rootOf);
    } finally {
      await host.shutdown();
    }
  }

  for (const { row, config, message, line, atActor, cause } of situations) {
    it(row, async () => {
      const error = await failure(config, atActor === true);
      expect(error.message).to.match(message);
      if (line !== undefined) {
        expect(error.message).to.include(`(${file}:${line})`);
        expect(error).to.have.property('code', 'CONFIG');
      }
      if (cause !== undefined) expect((error.cause as Error).message).to.match(cause);
    });
  }

  it('circuit-breaker call-timeout <= producer delivery-timeout: a warning with both', async () => {
    const log = new RecordingLogger();
    const config = `
      akka.persistence.journal { plugin = "${kafka}", auto-start-journals = [""] }
      ${kafka} {
        start-timeout = 50ms, kafka.bootstrap-servers = ["127.0.0.1:1"]
        kafka.producer.delivery-timeout = 2m, circuit-breaker.call-timeout = 2m
      }`;
    await createPersistence({ config, log }).catch(() => {});
    const warning = log.lines.find(({ message }) => message.includes('call-timeout'));
    expect(warning).to.deep.include({
      level: 'warn',
      fields: { journal: kafka, callTimeoutMs: 120_000, deliveryTimeoutMs: 120_000 },
    });
  });

  for (const id of ['', ' ']) {
    it(`persistence id null/blank: "${id}"`, async () => {
      const host = await createPersistence({ config: memory });
      try {
        const { error } = start(host, id).getSnapshot() as { readonly error?: unknown };
        expect((error as Error).message).to.match(
          /^actor x:\d+: a persistence id must be .* not blank, not "/,
        );
      } finally {
        await host.shutdown();
      }
    });
  }

  it('second live actor for an id', async () => {
    const host = await createPersistence({ config: memory });
    try {
      const first = start(host, 'twice');
      await host.whenRecovered(first);
      const second = start(host, 'twice');
      const error = await host.whenRecovered(second).catch((reason: unknown) => reason);
      expect(error).to.have.property('code', 'DUPLICATE_ENTITY');
      expect((error as Error).message).to.equal(
        `"twice" has a live actor in this process already: ${first.sessionId}, so ${second.sessionId} does not start`,
      );
    } finally {
      await host.shutdown();
    }
  });

  it('machine uses automatic invoke ids: a warning with the place of the state', async () => {
    const log = new RecordingLogger();
    const host = await createPersistence({ config: memory, log });
    const machine = setup({ actors: { work: fromPromise(async () => {}) } }).createMachine({
      initial: 'busy',
      states: { busy: { invoke: { src: 'work' } } },
    });
    host.persistent(machine, { persistenceId: 'a' });
    await host.shutdown();
    expect(log.of('warn').join()).to.match(/ids that xstate made from the places of states/);
    expect(JSON.stringify(log.lines)).to.match(/busy/);
  });
});
