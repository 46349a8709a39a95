import { expect } from 'chai';
import { assign, setup } from 'xstate';
import type { SchemaIssue, StandardSchema } from '../../../../src/actor/evolution/schema.ts';
import { failureOf } from '../support.ts';
import { World } from '../world.ts';

const adding = setup({ types: { context: {} as { sum: number } } }).createMachine({
  id: 'adding',
  context: { sum: 0 },
  on: {
    add: {
      actions: assign({
        sum: ({ context, event }) => context.sum + (event as unknown as { by: number }).by,
      }),
    },
  },
});

/** A validator as the libraries make them: a positive `by`, which may be a text. */
const positive: StandardSchema = {
  '~standard': {
    version: 1,
    vendor: 'test',
    validate(value) {
      const by = Number((value as { by?: unknown }).by);
      if (by > 0) return { value: { ...(value as object), by } };
      const issues: SchemaIssue[] = [
        { message: 'must be positive', path: ['by'] },
        { message: 'is odd', path: ['lines', 2, { key: 'a b' }] },
        { message: 'is bad' },
      ];
      return { issues };
    },
  },
};
const answering = (answer: unknown): StandardSchema =>
  ({ '~standard': { version: 1, vendor: 'test', validate: () => answer } }) as StandardSchema;

describe('a schema of commands', () => {
  it('rejects one that is not valid, naming all issues with their paths', async () => {
    const world = new World();
    const { tell } = world.start(adding, undefined, { commandSchema: positive });
    const error = await failureOf(tell('add', { by: -1 }));
    expect(error.code).to.equal('INVALID_INPUT');
    expect(error).to.include({ stored: 'no', path: 'command.by' });
    expect(error.message).to.contain('command.by: must be positive');
    expect(error.message).to.contain('command.lines[2]["a b"]: is odd');
    expect(error.message).to.contain('command: is bad');
    expect((await tell('add', { by: 1 })).sequenceNr).to.equal(1);
  });

  it('gives decide, or the machine, what the validator makes of it', async () => {
    const world = new World();
    const { tell } = world.start(adding, undefined, { commandSchema: positive });
    expect((await tell('add', { by: '2' })).events).to.deep.equal([{ type: 'add', by: 2 }]);
  });

  it('validates a command once more from its beginning when it is evaluated again', async () => {
    const world = new World();
    const seen: unknown[] = [];
    const { tell } = world.start(adding, undefined, {
      commandSchema: positive,
      onRejected: 'continue',
      decide: ({ command }: { command: { by: unknown } }) => {
        seen.push(command.by);
        return seen.length === 1
          ? { type: 'stash' }
          : { type: 'persist', events: [{ type: 'add', by: 1 }] };
      },
    });
    const first = tell('add', { by: '7' });
    await tell('add', { by: '8' });
    await first;
    expect(seen).to.deep.equal([7, 8, 7]);
  });

  it('must answer at once, and give back a command', async () => {
    const start = (answer: unknown) =>
      new World().start(adding, undefined, { commandSchema: answering(answer) }).tell('add');
    const late = await failureOf(start(Promise.reject(new Error('unheard'))));
    expect(late.message).to.contain('answers with a promise');
    // biome-ignore lint/suspicious/noThenProperty: as a promise of another realm
    const other = await failureOf(start({ then: () => {} }));
    expect(other.message).to.contain('answers with a promise');
    const none = await failureOf(start({ value: { by: 1 } }));
    expect(none.message).to.contain('what the schema of the command gives back has undefined');
  });

  it('must be a validator', () => {
    for (const option of ['commandSchema', 'eventSchema']) {
      const start = () => new World().start(adding, undefined, { [option]: {} });
      expect(start).to.throw(`the option "${option}" must be a validator`);
    }
  });
});

describe('a schema of events', () => {
  it('lets nothing pass when its answer says neither that the event is valid nor why not', async () => {
    for (const answer of [undefined, null, 'fine', {}, { value: 1, issues: null }]) {
      const world = new World();
      const { tell } = world.start(adding, undefined, { eventSchema: answering(answer) });
      const error = await failureOf(tell('add', { by: 1 }));
      expect(error.code).to.equal('INVALID_INPUT');
      expect(error.message).to.match(
        /^the schema of the event answers .* neither a "value" nor an/,
      );
      expect(world.journal.payloads('e')).to.deep.equal([]);
    }
  });

  it('rejects a new event that is not valid, and changes none', async () => {
    const world = new World();
    const { tell } = world.start(adding, undefined, { eventSchema: positive });
    const error = await failureOf(tell('add', { by: 0 }));
    expect(error).to.include({ code: 'INVALID_INPUT', path: 'event.by' });
    await tell('add', { by: '1' });
    expect(world.journal.payloads('e')).to.deep.equal([{ type: 'add', by: '1' }]);
  });

  it('fails the recovery at a stored one that is not, naming number, type and path', async () => {
    const world = new World();
    world.journal.seed('e', [
      { type: 'add', by: 1 },
      { type: 'add', by: -1 },
    ]);
    const { host, actor } = world.start(adding, undefined, { eventSchema: positive });
    const error = await failureOf(host.whenRecovered(actor));
    expect(error.code).to.equal('RECOVERY_FAILED');
    expect(error.message).to.contain('event 2 ("add") of e cannot be read');
    expect(error.message).to.contain('event.by: must be positive');
  });

  it('looks at an event as its adapter gives it', async () => {
    const world = new World();
    world.journal.seed('e', [{ type: 'add' }]);
    const eventAdapter = {
      toJournal: (event: object) => event,
      fromJournal: (stored: object) => [{ by: 3, ...stored }],
    };
    const { host, actor } = world.start(adding, undefined, { eventAdapter, eventSchema: positive });
    await host.whenRecovered(actor);
    expect(actor.getSnapshot()).to.have.deep.property('context', { sum: 3 });
  });
});
