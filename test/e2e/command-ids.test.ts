import { expect } from 'chai';
import { createActor } from 'xstate';
import type { AskResult } from '../../src/actor/entity/ask.ts';
import { openJournals } from '../../src/compose/open-journals.ts';
import { embeddedProcesses, section } from './embedded-processes.ts';

interface Note {
  readonly type: 'note';
  readonly of: string;
}
interface Noted {
  readonly type: 'noted';
  readonly of: string;
}

const shown = ({ sequenceNr, events, reply }: AskResult) => ({ sequenceNr, events, reply });

describe('a command that is asked again with its id, on one file', function () {
  this.timeout(60_000);
  const processes = embeddedProcesses();

  /** A process of the service. */
  async function open(more = '') {
    const persistence = await processes.open(more);
    const logic = persistence.behavior({
      types: { state: {} as readonly string[], commands: {} as Note, events: {} as Noted },
      persistenceId: ({ input }) => input.id,
      initialState: [],
      decide: ({ state, command: { of } }) => ({
        type: 'persist',
        events: [{ type: 'noted', of }],
        reply: { as: state.length + 1, of, odd: ['é\u007f', 0.1, 1e21, null] },
      }),
      evolve: (state, { of }) => [...state, of],
    });
    const notes = persistence.entities('notes', logic);
    return {
      notes,
      note: (of: string, commandId: string, id = 'n') =>
        notes.ask(id, { type: 'note', of }, { commandId, timeout: 30_000 }),
    };
  }

  it('gets the first answer from the next process, from the log and from the store', async () => {
    const first = await open();
    const answers = [];
    for (const name of ['a', 'b', 'c']) answers.push(shown(await first.note(name, name)));
    expect(shown(await first.note('a', 'a'))).to.deep.equal(answers[0]);
    await processes.shutdownFirst();
    // The replicator of the file has carried the records into the store by now, or does so.
    const next = await open();
    for (const [index, name] of ['a', 'b', 'c'].entries()) {
      expect(shown(await next.note(name, name))).to.deep.equal(answers[index]);
    }
    expect((await next.notes.peek('n')).context).to.deep.equal(['a', 'b', 'c']);
  });

  it('gets it from each of two processes that take the entity from one another', async () => {
    const both = [await open(), await open()] as const;
    const answers: object[] = [];
    for (let n = 0; n < 6; n++) {
      answers.push(shown(await both[n % 2 === 0 ? 0 : 1].note(`${n}`, `${n}`)));
      const other = both[n % 2 === 0 ? 1 : 0];
      expect(shown(await other.note(`${n}`, `${n}`))).to.deep.equal(answers[n]);
    }
    const answered = await Promise.all(both.map(({ note }) => note('x', 'x')));
    expect(shown(answered[0] as AskResult)).to.deep.equal(shown(answered[1] as AskResult));
    const { context } = await both[0].notes.peek('n');
    expect(context).to.deep.equal(['0', '1', '2', '3', '4', '5', 'x']);
  });

  it('gets it in a fleet, whichever instance is asked, and after the owner has left', async () => {
    const fleet = `, partitions = 4, fleet {
      enabled = on, heartbeat-interval = 50ms, balance-delay = 300ms, session-timeout = 2s }`;
    const [one, other] = [await open(fleet), await open(fleet)];
    const ids = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];
    const first = await Promise.all(ids.map((id) => one.note(id, id, id)));
    const second = await Promise.all(ids.map((id) => other.note(id, id, id)));
    expect(second.map(shown)).to.deep.equal(first.map(shown));
    const expectedSequenceNr = 0;
    for (const id of ids) {
      const how = { expectedSequenceNr, timeout: 30_000 };
      const asked = other.notes.ask(id, { type: 'note', of: 'y' }, how);
      const error = await asked.catch((failure: unknown) => failure);
      expect(error).to.include({ code: 'UNEXPECTED_SEQUENCE_NR', actual: 1 });
    }
    await processes.shutdownFirst();
    const third = await Promise.all(ids.map((id) => other.note(id, id, id)));
    expect(third.map(shown)).to.deep.equal(first.map(shown));
  });

  it('stands in the metadata of its record, beside what hooks say of the write', async () => {
    const persistence = await processes.open();
    const logic = persistence.behavior({
      types: { commands: {} as Note, events: {} as Noted },
      persistenceId: 'n',
      initialState: 0,
      decide: ({ command: { of } }) => ({
        type: 'persist',
        events: [{ type: 'noted', of }],
        reply: 7,
      }),
      evolve: (state) => state + 1,
      groupCommit: 10,
      metadata: ({ events }) => ({ names: events.map(({ of }) => of) }),
      headers: () => ({ by: 'a test' }),
      expireAfter: ({ events }) => (events[0]?.of === 'b' ? '30d' : undefined),
    });
    const actor = createActor(logic).start();
    const ask = (of: string) => {
      const names = { commandId: of, correlationId: 'c-1' };
      return persistence.ask(actor, { type: 'note', of }, names);
    };
    await Promise.all(['a', 'b', 'c'].map(ask));
    await processes.shutdownFirst();
    await using journals = await openJournals({
      config: `${section} { ${processes.file()} }`,
      plugin: section,
    });
    const records = [];
    for await (const page of journals.of(journals.keyOf('n')).read()) {
      for (const { event, record } of page) {
        const { metadata, headers } = record;
        records.push({ seqNr: event.seqNr, ...metadata, headers });
      }
    }
    const expected = (seqNr: number, of: string, more = {}) => ({
      seqNr,
      header: { data: { commands: { [seqNr]: { id: of, reply: 7, correlationId: 'c-1' } } } },
      payload: { data: { names: [of] }, ...more },
      headers: { by: 'a test' },
    });
    const expireAfter = { length: 30n, unit: 'day' };
    expect(records).to.deep.equal([
      expected(1, 'a'),
      expected(2, 'b', { expireAfter }),
      expected(3, 'c'),
    ]);
  });
});
