import { expect } from 'chai';
import { assign, createActor, type EventObject, setup } from 'xstate';
import { createPersistence, upcasters } from '../../../../src/index.ts';
import { describeError } from '../../../../src/observability/describe-error.ts';

const counting = setup({ types: { context: {} as { count: number } } }).createMachine({
  id: 'counting',
  context: { count: 0 },
  on: { add: { actions: assign({ count: ({ context }) => context.count + 1 }) } },
});

/** A function that a user has made async by mistake, and that fails besides. */
const late = async () => {
  throw new Error('nobody waits for it');
};
const same = <T>(value: T): T => value;
const asJson = (event: EventObject) => Buffer.from(JSON.stringify(event));
const ofJson = (bytes: Uint8Array) => JSON.parse(Buffer.from(bytes).toString());
const identity = { toJournal: same, fromJournal: (event: EventObject) => [event] };
const binary = { identifier: 200, manifest: () => '', toBinary: asJson, fromBinary: ofJson };
const codec = { name: 'mine', toJson: same, fromJson: same };

describe('functions that have to answer at once, and answer a promise,', () => {
  /** What `add` leads to, and what was signalled by then. */
  async function outcome(options: object): Promise<{ answer: string; signals: string }> {
    const persistence = await createPersistence({
      config: `akka.persistence {
        journal.plugin = "akka.persistence.journal.inmem"
        snapshot-store.plugin = "akka.persistence.snapshot-store.inmem"
      }`,
    });
    const signals: string[] = [];
    const logic = persistence.persistent(counting, {
      persistenceId: 'a',
      waitForSnapshot: true,
      onSignal: ({ type, cause }) => signals.push(`${type} ${describeError(cause)}`),
      ...options,
    });
    try {
      const actor = createActor(logic);
      actor.subscribe({ error: () => {} });
      actor.start();
      const answer = await persistence.ask(actor, { type: 'add' }).then(
        () => 'stored',
        (error: unknown) => describeError(error),
      );
      return { answer, signals: signals.join('\n') };
    } finally {
      await persistence.shutdown();
    }
  }

  for (const [name, options] of [
    ['manifest', { eventAdapter: { ...identity, manifest: late } }],
    ['toJournal', { eventAdapter: { ...identity, toJournal: late } }],
    ['fromJournal', { eventAdapter: { ...identity, fromJournal: late } }],
    ['manifest', { serializers: { add: { ...binary, manifest: late } } }],
    ['toBinary', { serializers: { add: { ...binary, toBinary: late } } }],
    ['fromBinary', { serializers: { add: { ...binary, fromBinary: late } } }],
    ['toJson', { serializers: { add: { ...codec, toJson: late } } }],
    ['headers', { headers: late }],
    ['metadata', { metadata: late }],
    ['fromJson', { serializers: { add: { ...codec, fromJson: late } } }],
  ] as const) {
    it(`reject the command: ${name} of ${Object.keys(options)[0]}`, async () => {
      const { answer } = await outcome(options);
      expect(answer).to.include(`${name} answered a promise; it must answer at once`);
    });
  }

  it('reject the command: a manifest that is no text', async () => {
    const { answer } = await outcome({ eventAdapter: { ...identity, manifest: () => 5 } });
    expect(answer).to.include('its event adapter gave the manifest 5, which is not a text');
  });

  it('name the step: up', () => {
    const adapter = upcasters([{ type: 'add', from: 1, to: 2, up: late as never }]);
    const read = () => adapter.fromJournal({ type: 'add' }, '', { persistenceId: 'a', seqNr: 1 });
    expect(read).to.throw(/^the upcaster of "add" from version 1 to 2 answered a promise/);
  });

  it('leave no snapshot: toStore', async () => {
    const { answer, signals } = await outcome({
      retention: { snapshotEvery: 1 },
      snapshotAdapter: { toStore: late, fromStore: same },
    });
    expect(answer).to.equal('stored');
    expect(signals).to.match(/snapshot-failed .*toStore answered a promise/);
  });

  it('end the entity as one that throws does: snapshotWhen', async () => {
    const { answer } = await outcome({ snapshotWhen: late });
    expect(answer).to.include('snapshotWhen answered a promise; it must answer at once');
  });

  it('end the entity as one that throws does: unstashOn', async () => {
    const { answer } = await outcome({ unstashOn: late });
    expect(answer).to.include('unstashOn answered a promise; it must answer at once');
  });
});
