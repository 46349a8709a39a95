import { expect } from 'chai';
import { assign, setup } from 'xstate';
import { createPersistence, Key, openJournals, type Persistence } from '../../src/index.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { made } from '../support/own-plugins/own-keys.ts';
import { RecordingLogger } from '../support/recording-logger.ts';
import { temporaryFile } from '../unit/stores/sqlite/temporary-file.ts';

const embedded = 'evolutiongaming.kafka-journal.embedded.journal';
const keys = new URL('../support/own-plugins/own-keys.ts', import.meta.url).pathname;
const wakeLimitMs = 15_000;

/** Is reminded some time after it was placed. */
const order = setup({
  types: {
    context: {} as { reminders: number },
    events: {} as { type: 'placed' },
    input: {} as { id: string },
  },
  delays: { soon: 500 },
}).createMachine({
  id: 'order',
  context: { reminders: 0 },
  initial: 'empty',
  states: {
    empty: { on: { placed: 'waiting' } },
    waiting: {
      after: {
        soon: {
          target: 'reminded',
          actions: assign({ reminders: ({ context }) => context.reminders + 1 }),
        },
      },
    },
    reminded: {},
  },
});

describe('a module that maps persistence ids, on an embedded journal', function () {
  this.timeout(60_000);
  const opened: AsyncDisposable[] = [];
  let log = new RecordingLogger();
  let file = '';
  beforeEach(async () => {
    log = new RecordingLogger();
    made.length = 0;
    const temporary = await temporaryFile();
    opened.push(temporary);
    file = temporary.file;
  });
  afterEach(async () => {
    for (const resource of opened.splice(0).reverse()) await resource[Symbol.asyncDispose]();
  });

  function configOf(name: string, more = ''): string {
    return `
      akka.persistence.journal.plugin = "${embedded}"
      ${embedded} { file = ${JSON.stringify(file)}, ${more}
        persistence-id-to-key.impl = "${keys}#${name}" }`;
  }

  async function start(name: string, more = '') {
    const persistence: Persistence = await createPersistence({ config: configOf(name, more), log });
    opened.push({ [Symbol.asyncDispose]: () => persistence.shutdown() });
    const logic = persistence.persistent(order, {
      persistenceId: ({ input }) => `order/${input.id}`,
    });
    return { persistence, logic };
  }

  async function lastOf(id: string, topic: string): Promise<number> {
    await using journals = await openJournals({ config: configOf('OwnKeys') });
    return (await journals.of(Key.of(topic, id)).pointer()) ?? 0;
  }

  it('says where journals are, to actors and to those who have them by key', async () => {
    const { persistence, logic } = await start('OwnKeys');
    expect(made).to.have.length(1);
    const orders = persistence.entities('order', logic, { topics: ['orders'] });
    await orders.ask('42', { type: 'placed' });
    expect(made, 'it is made once').to.have.length(1);
    const { keyOf } = await persistence.journal();
    expect(keyOf('order/42')).to.deep.equal({ topic: 'orders', id: '42' });
    await persistence.shutdown();
    expect(await lastOf('42', 'orders')).to.be.above(0);
    await using journals = await openJournals({ config: configOf('OwnKeys') });
    expect(journals.keyOf('order/42')).to.deep.equal({ topic: 'orders', id: '42' });
  });

  for (const [what, more] of [
    ['without a fleet', ''],
    ['in a fleet', 'fleet { enabled = on, heartbeat-interval = 50ms, session-timeout = 2s },'],
  ] as const) {
    it(`wakes what waits, by the way back, ${what}`, async () => {
      const first = await start('OwnKeys', more);
      const orders = first.persistence.entities('order', first.logic, { topics: ['orders'] });
      await orders.ask('42', { type: 'placed' }, { timeout: 20_000 });
      await first.persistence.shutdown();
      const before = await lastOf('42', 'orders');

      const second = await start('OwnKeys', more);
      second.persistence.entities('order', second.logic, { topics: ['orders'] });
      const untilMs = systemClock.nowMs() + wakeLimitMs;
      let last = before;
      while (last === before && systemClock.nowMs() < untilMs) {
        await systemClock.sleep(200);
        last = await lastOf('42', 'orders');
      }
      expect(last, 'the reminder is stored, though nobody asked').to.be.above(before);
      expect(log.of('warn')).to.deep.equal([]);
    });
  }

  it('says once that nothing is woken where there is no way back', async () => {
    const { persistence, logic } = await start('oneWay');
    const orders = persistence.entities('order', logic, { topics: ['one-way'] });
    await orders.ask('42', { type: 'placed' });
    await orders.ask('43', { type: 'placed' });
    const said = log.lines.filter(({ message }) => message.includes('persistenceIdOf'));
    expect(said).to.have.length(1);
    expect(said[0]).to.deep.include({
      level: 'warn',
      fields: { setting: `${embedded}.persistence-id-to-key.impl` },
    });
    await persistence.shutdown();
    expect(await lastOf('order/42', 'one-way')).to.be.above(0);
  });

  it('needs the topics of a type in a fleet', async () => {
    const { persistence, logic } = await start('OwnKeys', 'fleet { enabled = on },');
    expect(() => persistence.entities('order', logic)).to.throw('need the option "topics"');
  });
});
