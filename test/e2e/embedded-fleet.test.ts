import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect } from 'chai';
import { createPersistence, type Persistence } from '../../src/compose/create-persistence.ts';
import { systemClock } from '../../src/runtime/clock.ts';

type Command = { readonly type: 'add'; readonly name: string } | { readonly type: 'look' };

const entities = Array.from({ length: 12 }, (_, number) => `account-${number}`);

/** Two instances of a service that share one file; each is a whole persistence. */
describe('instances on one embedded journal that share their entities', function () {
  this.timeout(30_000);
  let folder: string;
  const opened: Persistence[] = [];

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'fleet-'));
  });

  afterEach(async () => {
    await Promise.all(opened.splice(0).map((persistence) => persistence.shutdown()));
  });

  after(async () => {
    await rm(folder, { recursive: true });
  });

  async function open() {
    const section = 'evolutiongaming.kafka-journal.embedded.journal';
    const persistence = await createPersistence({
      config: `
        akka.persistence.journal.plugin = "${section}"
        ${section} { file = ${JSON.stringify(join(folder, 'journal.db'))}, partitions = 8
          fleet { enabled = on, heartbeat-interval = 50ms, balance-delay = 300ms, session-timeout = 2s } }`,
    });
    opened.push(persistence);
    const logic = persistence.behavior({
      types: {
        state: {} as readonly string[],
        commands: {} as Command,
        events: {} as { type: 'added'; name: string },
      },
      persistenceId: ({ input }) => (input as { readonly id: string }).id,
      initialState: [],
      decide: ({ state, command }) =>
        command.type === 'look'
          ? { type: 'none', reply: state.length }
          : { type: 'persist', events: [{ type: 'added', name: command.name }] },
      evolve: (state, event) => [...state, event.name],
    });
    return { persistence, accounts: persistence.entities('account', logic) };
  }

  it('answer each other, keep every command once, and go on through a rolling update', async () => {
    const answers: Promise<unknown>[] = [];
    const failures: unknown[] = [];
    const instances = [await open()];
    let commands = 0;
    const load = setInterval(() => {
      for (const { accounts } of instances) {
        const id = entities[commands % entities.length] as string;
        const asked = accounts.ask(id, { type: 'add', name: `${commands++}` }, { timeout: 10_000 });
        answers.push(asked.catch((error: unknown) => failures.push(error)));
      }
    }, 5);
    await systemClock.sleep(300);
    for (let update = 0; update < 3; update++) {
      const next = await open();
      instances.push(next);
      await systemClock.sleep(1000);
      const old = instances.shift();
      await systemClock.sleep(50);
      await old?.persistence.shutdown();
    }
    clearInterval(load);
    await Promise.all(answers);
    expect(failures).to.deep.equal([]);
    const last = instances[0]?.accounts;
    const counts = await Promise.all(entities.map(async (id) => last?.ask(id, { type: 'look' })));
    const stored = counts.reduce((sum, result) => sum + (result?.reply as number), 0);
    expect(stored).to.equal(commands);
  });

  it('stop in order also when they are told so twice: the second call waits for the first', async () => {
    const [one, other] = [await open(), await open()];
    await one.accounts.ask('account-0', { type: 'look' });
    await other.accounts.ask('account-0', { type: 'look' });
    const ends = [one.persistence.shutdown(), one.persistence.shutdown()];
    const asked = other.accounts.ask('account-0', { type: 'add', name: 'x' });
    expect(await Promise.allSettled(ends)).to.deep.equal(
      Array(2).fill({ status: 'fulfilled', value: undefined }),
    );
    expect((await asked).snapshot.context.at(-1)).to.equal('x');
    await one.persistence.shutdown();
  });

  it('say in the marks that open their tenures where they are reached', async () => {
    const [one, other] = [await open(), await open()];
    for (const id of entities) await one.accounts.ask(id, { type: 'look' });
    const addresses = [one, other].flatMap(({ accounts }) => {
      try {
        accounts.ref(entities[0] as string);
        return [];
      } catch (error) {
        return [/http:\/\/127\.0\.0\.1:\d+/.exec(String(error))?.[0]];
      }
    });
    const file = new DatabaseSync(join(folder, 'journal.db'), { readOnly: true });
    const marks = file.prepare('SELECT DISTINCT address FROM log_tenure').all();
    file.close();
    expect(addresses).to.have.length(1);
    expect(marks.map(({ address }) => address)).to.include(addresses[0]);
  });

  it('have each its share of them', async () => {
    const [one, other] = [await open(), await open()];
    for (let tries = 0; tries < 100; tries++) {
      for (const id of entities) await one.accounts.ask(id, { type: 'look' });
      if (other.accounts.ids().length > 0) break;
      await systemClock.sleep(50);
    }
    const ids = [...one.accounts.ids(), ...other.accounts.ids()];
    expect(ids.toSorted()).to.deep.equal(entities.toSorted());
    const elsewhere = other.accounts.ids()[0] as string;
    const { snapshot } = await one.accounts.ask(elsewhere, { type: 'add', name: 'x' });
    expect(snapshot.context.at(-1)).to.equal('x');
    expect(() => one.accounts.ref(elsewhere)).to.throw('is of http://127.0.0.1:');
  });
});
