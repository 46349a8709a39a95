import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { assign, type EventObject, setup } from 'xstate';
import type { PersistentOptions } from '../../src/actor/persistent.ts';
import { createPersistence } from '../../src/compose/create-persistence.ts';
import { openJournals } from '../../src/compose/open-journals.ts';
import { SeqNr } from '../../src/model/seq-nr.ts';
import { InMemoryJournalPlugin } from '../../src/plugin/in-memory-journal-plugin.ts';
import type { JournalPlugin, PersistenceId } from '../../src/ports/journal-plugin.ts';
import { OwnJournal } from '../support/own-plugins/own-journal.ts';
import { failureOf } from '../unit/actor/support.ts';

const keeping = setup({ types: { context: {} as { kept: unknown[] } } }).createMachine({
  id: 'keeping',
  context: { kept: [] },
  on: { '*': { actions: assign({ kept: ({ context, event }) => [...context.kept, event] }) } },
});

/** Files of an application: its adapters and serializers, and the configuration beside them. */
const adapters = `
  export class Shouting {
    manifest() { return 'loud'; }
    toJournal({ type, ...rest }) { return { ...rest, type: type.toUpperCase() }; }
    fromJournal({ type, ...rest }) { return [{ ...rest, type: type.toLowerCase() }]; }
  }
  export const dates = {
    identifier: 101,
    manifest: () => 'date',
    toBinary: ({ at }) => Buffer.from(String(at.getTime())),
    fromBinary: (bytes) => ({ type: 'dated', at: new Date(Number(Buffer.from(bytes).toString())) }),
  };
  export const shouting = async ({ config, log }) => {
    log.debug({}, 'is given a log');
    return config.has('akka.persistence') ? new Shouting() : undefined;
  };
  export const datesMaker = { create: () => dates };
  export class Broken {
    constructor() { throw new Error('no such disk'); }
    toJournal() {}
    fromJournal() {}
  }
  export const nothing = {};
`;
const journal = 'evolutiongaming.kafka-journal.embedded.journal';
const config = (folder: string, more = '') => `
  akka.persistence.journal.plugin = "${journal}"
  ${journal}.file = "${folder}/journal.db"
  ${more}
`;
const bound = `
  ${journal} {
    event-adapters { shouting = "./adapters.mjs#Shouting" }
    event-adapter-bindings { said = shouting, SAID = shouting }
  }
  akka.persistence.serialization {
    serializers { dates = "./adapters.mjs#dates", tagged = "builtin#TaggedJson" }
    serialization-bindings { dated = dates, "big.*" = tagged }
  }
`;

const bindingsOf = (section: string) => `${section} {
  event-adapters { shouting = "./adapters.mjs#Shouting" }
  event-adapter-bindings { said = shouting, SAID = shouting }
}`;

describe('events that evolve, on an embedded journal', function () {
  this.timeout(30_000);
  let folder = '';
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'kafka-journal-evolution-'));
    writeFileSync(join(folder, 'adapters.mjs'), adapters);
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  type Options = Partial<PersistentOptions<typeof keeping, EventObject>>;

  /** A process that takes some commands, and ends; answers what the entity has kept by then. */
  async function live(more: string, options: Options, commands: readonly EventObject[]) {
    const file = join(folder, 'application.conf');
    writeFileSync(file, config(folder, more));
    const persistence = await createPersistence({ file });
    try {
      const logic = persistence.persistent(keeping, { persistenceId: 'k', ...options });
      const entities = persistence.entities('keeping', logic);
      for (const command of commands) await entities.ask('k', command as never);
      return (await entities.peek('k')).context.kept;
    } finally {
      await persistence.shutdown();
    }
  }

  /** The records as they are stored. */
  async function stored() {
    await using journals = await openJournals({ config: config(folder) });
    const pages = journals.of(journals.keyOf('k')).read(SeqNr.min);
    const records = [];
    for await (const page of pages) records.push(...page);
    // The first is the init record.
    return records.slice(1);
  }

  it('keep adapters and serializers that the configuration binds', async () => {
    const events = [
      { type: 'said', text: 'hi' },
      { type: 'dated', at: new Date(5) },
      { type: 'big.one', n: 2n ** 70n },
      { type: 'plain' },
    ];
    expect(await live(bound, {}, events)).to.deep.equal(events);
    expect(await live(bound, {}, [])).to.deep.equal(events);
    const records = await stored();
    expect(JSON.stringify(records[0]?.event.payload))
      .to.contain('"manifest":"loud"')
      .and.to.contain('SAID');
    expect(records.map(({ event }) => event.payload?.type)).to.deep.equal([
      'json',
      'binary',
      'json',
      'json',
    ]);
    const error = await failureOf(live('', {}, []));
    expect(error.message).to.contain('no serializer for id 101 with manifest "date" is known here');
  });

  it('keep adapters and serializers that an export makes', async () => {
    const made = bound.replace('#Shouting', '#shouting').replace('#dates', '#datesMaker');
    const events = [
      { type: 'said', text: 'hi' },
      { type: 'dated', at: new Date(5) },
    ];
    expect(await live(made, {}, events)).to.deep.equal(events);
    expect(await live(bound, {}, []), 'the same in the journal').to.deep.equal(events);
  });

  const own = new URL('../support/own-plugins/own-journal.ts', import.meta.url).pathname;
  const inMemory = 'akka.persistence.journal.inmem';
  const fallback = 'akka.persistence.journal-plugin-fallback';
  for (const [name, path, more] of [
    ['the journal in memory', inMemory, bindingsOf(inMemory)],
    [
      'a journal of a user',
      'my.journal',
      `my.journal.class = "${own}#OwnJournal", ${bindingsOf('my.journal')}`,
    ],
    ['a journal that code names', 'of.code', bindingsOf('of.code')],
    ['every journal', inMemory, bindingsOf(fallback)],
    [
      'every journal but for what its section says',
      'my.journal',
      `my.journal { class = "${own}#OwnJournal", event-adapters { shouting = "./adapters.mjs#Shouting" } }
       ${fallback} {
         event-adapters { shouting = "./adapters.mjs#nothing" }
         event-adapter-bindings { said = shouting, SAID = shouting }
       }`,
    ],
  ] as const) {
    it(`keep adapters that are bound to ${name}`, async () => {
      const file = join(folder, 'application.conf');
      writeFileSync(file, `akka.persistence.journal.plugin = "${path}"\n${more}`);
      const plugins = path === 'of.code' ? { plugins: { [path]: OwnJournal } } : {};
      const persistence = await createPersistence({ file, ...plugins });
      try {
        const logic = persistence.persistent(keeping, { persistenceId: 'k', initEvent: 'never' });
        const entities = persistence.entities('keeping', logic);
        const said = { type: 'said', text: 'hi' };
        await entities.ask('k', said as never);
        expect((await entities.peek('k')).context.kept, 'recovered').to.deep.equal([said]);
        const type = path === inMemory ? InMemoryJournalPlugin : OwnJournal;
        const plugin: JournalPlugin = await persistence.journal<JournalPlugin>(path, type);
        const [from, to] = [SeqNr.min, SeqNr.max];
        const range = { persistenceId: 'k' as PersistenceId, from, to };
        const stored = [];
        for await (const page of plugin.replay({ ...range, maxEvents: 9, maxAhead: 9 })) {
          stored.push(...page.map(({ payload, manifest }) => ({ payload, manifest })));
        }
        expect(stored).to.deep.equal([{ payload: { type: 'SAID', text: 'hi' }, manifest: 'loud' }]);
      } finally {
        await persistence.shutdown();
      }
    });
  }

  it('keep adapters of any journal: what is wrong with them is found before it is opened', async () => {
    const file = join(folder, 'application.conf');
    for (const [text, message] of [
      [
        `my.journal.event-adapter-bindings { a = lost }`,
        /binds "a" to "lost".* none is declared .*:2/,
      ],
      [`${fallback}.event-adapter-bindings { a = lost }`, /fallback.* binds "a" to "lost".*:2/],
      [
        `my.journal { event-adapters { x = "./adapters.mjs#gone" }, event-adapter-bindings { a = x } }`,
        /my\.journal\.event-adapters\.x: names export gone.*:2/,
      ],
      [
        `${fallback} { event-adapters { x = "./adapters.mjs#gone" }, event-adapter-bindings { a = x } }`,
        /fallback\.event-adapters\.x: names export gone.*:2/,
      ],
    ] as const) {
      const plugin = 'akka.persistence.journal.plugin = "my.journal"';
      writeFileSync(file, `${plugin}, my.journal.class = "${own}#OwnJournal"\n${text}`);
      const error = await failureOf(createPersistence({ file }));
      expect(error).to.have.property('code', 'CONFIG');
      expect(error.message).to.match(message);
    }
  });

  it('keep the version of the machine, of its birth, and nothing without the option', async () => {
    await live('', {}, [{ type: 'a' }]);
    await live('', { machineVersion: '2' }, [{ type: 'b' }]);
    await live('', { machineVersion: '3' }, [{ type: 'c' }]);
    const metadata = (await stored()).map(({ record }) => record.metadata.header);
    expect(JSON.parse(JSON.stringify(metadata))).to.deep.equal([
      {},
      { data: { machineVersion: '2', bornWith: null } },
      { data: { machineVersion: '3', bornWith: null } },
    ]);
  });

  it('keep nothing readable of what is encrypted', async () => {
    const keys = new Map<string, Uint8Array>();
    const encryption = {
      async keyOf(id: string, { create }: { create: boolean }) {
        if (create && !keys.has(id)) keys.set(id, new Uint8Array(32).fill(7));
        return keys.get(id);
      },
      async forget(id: string) {
        keys.delete(id);
      },
    };
    const events = [{ type: 'said', text: 'secret' }];
    expect(await live(bound, { encryption }, events)).to.deep.equal(events);
    expect(await live(bound, { encryption }, [])).to.deep.equal(events);
    const [record] = await stored();
    expect(record?.event.payload?.type).to.equal('binary');
    const bytes = record?.event.payload?.value as Uint8Array;
    expect(Buffer.from(bytes).toString('latin1')).not.to.contain('secret');
    await encryption.forget('k');
    const error = await failureOf(live(bound, { encryption }, []));
    expect(error).to.have.nested.property('cause.code', 'KEY_FORGOTTEN');
  });

  it('are configured by name: what is wrong is an error that names the key', async () => {
    const problem = async (more: string) =>
      (await failureOf(live(more, {}, [{ type: 'a' }]))) as Error;
    const undeclared = await problem(`${journal}.event-adapter-bindings { "a.*" = lost }`);
    expect(undeclared).to.have.property('code', 'CONFIG');
    expect(undeclared.message).to.contain(
      'binds "a.*" to "lost", which event-adapters does not have',
    );
    const cause = async (more: string) => {
      const error = await problem(more);
      expect(error).to.have.property('code', 'CONFIG');
      return error.message;
    };
    const bind = `${journal} { event-adapter-bindings { a = x }`;
    expect(await cause(`${bind}, event-adapters { x = "./adapters.mjs#nothing" } }`)).to.contain(
      'needs the functions "toJournal" and "fromJournal"',
    );
    expect(await cause(`${bind}, event-adapters { x = "./adapters.mjs#gone" } }`)).to.contain(
      'names export gone, which ./adapters.mjs does not have',
    );
    const problems = await cause(
      `${journal}.event-adapters { x = "./adapters.mjs#Broken", y = "./none.mjs" }`,
    );
    expect(problems, 'all of them, bound or not')
      .to.match(/adapters\.x: names an export that failed .* adapter: Error: no such disk \(.*:4\)/)
      .and.match(/adapters\.y: names module \.\/none\.mjs, which was not found/);
    const serializers = 'akka.persistence.serialization.serializers';
    expect(await cause(`${serializers} { x = "builtin#Tagged" }`)).to.match(
      /there is no such built-in .*; did you mean builtin#TaggedJson\?/,
    );
    expect(await cause(`${bind}, event-adapters { x = "builtin#TaggedJson" } }`)).to.contain(
      'there is no such built-in event adapter; there are none',
    );
    expect(await cause(`${serializers} { x = "./adapters.mjs#nothing" }`)).to.contain(
      'is neither a Serializer',
    );
    expect(
      await cause(`${serializers} { x = "./adapters.mjs#dates", y = "./adapters.mjs#dates" }`),
    ).to.contain('"y" and "x" are both stored as 101');
  });
});
