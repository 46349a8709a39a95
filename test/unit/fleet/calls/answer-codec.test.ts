import { expect } from 'chai';
import { assign, createMachine, setup } from 'xstate';
import type { AskResult } from '../../../../src/actor/entity/ask.ts';
import { EntityActorLogic } from '../../../../src/actor/entity-actor-logic.ts';
import { decodeAnswer, encodeAnswer } from '../../../../src/fleet/calls/answer-codec.ts';
import {
  CodecError,
  CommandRejectedError,
  InvalidInputError,
  RemoteCallError,
} from '../../../../src/model/errors.ts';
import { type CounterCommand, counterMachine, decideCounter } from '../../actor/counter.ts';
import { failureOf, testHost } from '../../actor/support.ts';

/** How the snapshots of a logic travel. */
function wireOf(logic: unknown) {
  if (logic instanceof EntityActorLogic) return logic.wire;
  throw new Error('no logic of an entity');
}

function travel(result: AskResult, logic: unknown): AskResult {
  const wire = wireOf(logic);
  return decodeAnswer(encodeAnswer({ result }, wire as never), wire);
}

function refusalOf(read: () => unknown): unknown {
  try {
    read();
  } catch (error) {
    return error;
  }
  throw new Error('it was expected to throw');
}

describe('the answer of another process', () => {
  it('has a snapshot of the machine that matches, hasTag, can and getMeta work on', async () => {
    const { host } = testHost();
    const machine = setup({
      types: {
        context: {} as { count: number; note?: string | undefined },
        events: {} as { type: 'add'; n: number } | { type: 'shut' } | { type: 'lock' },
        tags: {} as 'busy' | 'calm',
      },
      guards: { isMany: ({ context }) => context.count > 2 },
    }).createMachine({
      id: 'door',
      context: { count: 0 },
      initial: 'open',
      states: {
        open: {
          tags: ['busy'],
          meta: { colour: 'green' },
          on: {
            add: { actions: assign({ count: ({ context, event }) => context.count + event.n }) },
            shut: 'shut',
          },
        },
        shut: {
          type: 'parallel',
          tags: ['calm'],
          states: {
            bolt: { initial: 'off', states: { off: { on: { lock: 'on' } }, on: {} } },
            light: { initial: 'dim', states: { dim: {}, out: {} } },
          },
          on: { add: { guard: 'isMany', target: 'open' } },
        },
      },
    });
    const logic = host.persistent(machine, { persistenceId: 'door' });
    const doors = host.entities('door', logic, { input: () => undefined });
    const opened = travel(await doors.ask('d', { type: 'add', n: 3 }), logic);
    const local = await doors.ask('d', { type: 'shut' });
    const remote = travel(local, logic);
    expect(remote.sequenceNr).to.equal(local.sequenceNr);
    expect(remote.events).to.deep.equal([{ type: 'shut' }]);
    expect(remote.reply).to.equal(undefined);
    const snapshot = remote.snapshot as typeof local.snapshot;
    expect(snapshot.value).to.deep.equal({ shut: { bolt: 'off', light: 'dim' } });
    expect(snapshot.context).to.deep.equal({ count: 3 });
    expect(snapshot.status).to.equal('active');
    expect(snapshot.matches({ shut: { bolt: 'off' } })).to.equal(true);
    expect(snapshot.matches('open')).to.equal(false);
    expect([snapshot.hasTag('calm'), snapshot.hasTag('busy')]).to.deep.equal([true, false]);
    expect([snapshot.can({ type: 'lock' }), snapshot.can({ type: 'shut' })]).to.deep.equal([
      true,
      false,
    ]);
    expect(snapshot.can({ type: 'add', n: 1 }), 'its guard looks at the context').to.equal(true);
    expect(snapshot.children).to.deep.equal({});
    expect(snapshot.persistence).to.deep.equal(local.snapshot.persistence);
    expect(remote.snapshot, 'made once').to.equal(snapshot);
    expect((opened.snapshot as typeof snapshot).getMeta()).to.deep.equal({
      'door.open': { colour: 'green' },
    });
  });

  it('has the output of an entity in its final state', async () => {
    const { host } = testHost();
    const machine = setup({ types: { output: {} as { sum: number } } }).createMachine({
      id: 'm',
      initial: 'open',
      states: { open: { on: { end: 'closed' } }, closed: { type: 'final' } },
      output: { sum: 5 },
    });
    const logic = host.persistent(machine, { persistenceId: 'm' });
    const local = await host.entities('m', logic).ask('1', { type: 'end' });
    const { status, output } = travel(local, logic).snapshot as typeof local.snapshot;
    expect({ status, output }).to.deep.equal({ status: 'done', output: { sum: 5 } });
  });

  it('has the state of a behaviour, and the reply', async () => {
    const { host } = testHost();
    const logic = host.behavior({
      types: {
        commands: {} as { type: 'add'; n: number },
        events: {} as { type: 'added'; n: number },
      },
      persistenceId: 'b',
      initialState: { sum: 0 },
      decide: ({ command }) => ({
        type: 'persist',
        events: [{ type: 'added', n: command.n }],
        reply: { thanks: '\ud83d\ude00' },
      }),
      evolve: (state, event) => ({ sum: state.sum + event.n }),
    });
    const local = await host.entities('b', logic).ask('1', { type: 'add', n: 2 ** 53 - 1 });
    const remote = travel(local, logic);
    expect({ ...remote }).to.deep.equal(local);
  });

  it('arrives also when JSON cannot hold all of it: only reading that throws, with the path', async () => {
    const { host } = testHost({ settings: { initEvent: 'never' } });
    const machine = setup({
      types: { context: {} as { at: Date | undefined }, input: {} as { id: string; run: () => 1 } },
    }).createMachine({
      id: 'm',
      context: { at: undefined },
      on: { look: {}, wind: { actions: assign({ at: () => new Date(0) }) } },
    });
    const logic = host.persistent(machine, {
      persistenceId: 'm',
      decide: ({ command }) => ({
        type: 'persist',
        events: [command],
        reply: command.type === 'look' ? { found: [new Map()] } : 'wound',
      }),
    });
    const entities = host.entities('m', logic, { input: (id) => ({ id, run: () => 1 }) });
    const looked = travel(await entities.ask('1', { type: 'look' }), logic);
    const readReply = refusalOf(() => looked.reply);
    expect(readReply).to.be.instanceOf(InvalidInputError);
    expect(readReply).to.include({ path: 'reply.found[0]' });
    const { context, persistence } = looked.snapshot as { context: object; persistence: object };
    expect(context).to.deep.equal({});
    const readInput = refusalOf(() => (persistence as { input?: unknown }).input);
    expect(readInput).to.be.instanceOf(InvalidInputError);
    expect(readInput).to.include({ path: 'snapshot.persistence.input.run' });

    const wound = travel(await entities.ask('1', { type: 'wind' }), logic);
    expect(wound.reply).to.equal('wound');
    expect(wound.events).to.deep.equal([{ type: 'wind' }]);
    const readSnapshot = refusalOf(() => wound.snapshot);
    expect(readSnapshot).to.be.instanceOf(InvalidInputError);
    expect(readSnapshot).to.include({ path: 'snapshot.context.at' });
    expect(readSnapshot).to.have.property('message').that.includes('"snapshot"');
  });

  it('is the error that the asker of its own process would get', async () => {
    const { host } = testHost();
    const logic = host.persistent(counterMachine(), {
      types: { commands: {} as CounterCommand },
      persistenceId: 'c',
      decide: decideCounter,
    });
    const error = await failureOf(host.entities('c', logic).ask('1', { type: 'forbid' }));
    const wire = wireOf(logic);
    const back = refusalOf(() => decodeAnswer(encodeAnswer({ error }, wire), wire));
    expect(back).to.be.instanceOf(CommandRejectedError);
    expect(back).to.include({ message: error.message, stored: 'no', retryable: false });
    expect((back as Error).cause).to.include({ message: 'not today' });
  });

  it('of a machine with other states arrives: only reading its snapshot throws', async () => {
    const { host } = testHost();
    const options = { persistenceId: 'm' };
    const states = (names: readonly string[]) => {
      return Object.fromEntries(names.map((name) => [name, { on: { go: names.at(-1) } }]));
    };
    const machineOf = (...names: readonly string[]) =>
      createMachine({ id: 'm', initial: 'a', states: states(names) });
    const later = host.persistent(machineOf('a', 'b', 'c'), options);
    const earlier = host.persistent(machineOf('a', 'b'), options);
    const local = await host.entities('m', later).ask('1', { type: 'go' });
    const body = encodeAnswer({ result: local }, wireOf(later) as never);
    const remote = decodeAnswer(body, wireOf(earlier));
    expect(remote.sequenceNr).to.equal(local.sequenceNr);
    const read = refusalOf(() => remote.snapshot);
    expect(read).to.be.instanceOf(CodecError);
    expect(read).to.have.property('message').that.includes('does not have the state "c"');
  });

  it('has the status that the entity had, whatever its state says', async () => {
    const { host } = testHost();
    const machine = createMachine({
      id: 'm',
      initial: 'a',
      states: { a: {}, z: { type: 'final' } },
    });
    const wire = wireOf(host.persistent(machine, { persistenceId: 'm' }));
    const persistence = { phase: 'stopped', persistenceId: 'm', sequenceNr: 1, stashed: 0 };
    const common = { context: {}, persistence, error: { thrown: 'out of order' } };
    for (const [value, status] of [
      ['a', 'stopped'],
      ['a', 'error'],
      ['z', 'active'],
    ] as const) {
      const snapshot = wire.ofPlain({ ...common, value, status });
      expect(snapshot).to.include({ value, status, error: 'out of order' });
    }
  });

  it('that cannot be read is an unknown outcome, whose cause names the member', () => {
    const wire = { toPlain: (snapshot: unknown) => snapshot, ofPlain: (plain: unknown) => plain };
    const wrong: Readonly<Record<string, string>> = {
      '': 'malformed JSON',
      null: 'answer must be an object, not null',
      '{}': 'answer.snapshot must be an object, not undefined',
      '{"snapshot":{}}': 'answer.sequenceNr must be an integer of at least 0',
      '{"snapshot":{},"sequenceNr":1}': 'answer.events must be an array',
      '{"snapshot":{},"sequenceNr":1,"events":[{"type":"a"},5]}': 'answer.events[1] must be an',
      '{"snapshot":{},"sequenceNr":1,"events":[],"unfit":{"reply":5}}': 'answer.unfit.reply must',
      '{"unfit":{"snapshot":{}},"sequenceNr":1,"events":[]}': 'answer.unfit.snapshot.path must',
      '{"error":5}': 'error must be an object, not 5',
    };
    for (const [body, message] of Object.entries(wrong)) {
      const error = refusalOf(() => decodeAnswer(body, wire));
      expect(error).to.be.instanceOf(RemoteCallError);
      expect(error).to.include({ stored: 'unknown', retryable: false });
      const { cause } = error as Error;
      expect(cause, body).to.be.instanceOf(CodecError);
      expect(cause).to.have.property('message').that.includes(message);
    }
  });

  it('with a snapshot that does not hold together throws when that is read', () => {
    const { host } = testHost();
    const logic = host.persistent(counterMachine(), { persistenceId: 'c' });
    const wire = wireOf(logic);
    const persistence = { phase: 'ready', persistenceId: 'c', sequenceNr: 1, stashed: 0 };
    const good = { status: 'active', value: 'open', context: {}, persistence };
    expect(wire.ofPlain(good)).to.include({ value: 'open', status: 'active' });
    const wrong: readonly (readonly [object, string])[] = [
      [{ status: 'fine' }, 'snapshot.status must be one of active, done, error, stopped'],
      [{ value: 5 }, 'snapshot.value must be an object, not 5'],
      [{ value: { open: 1 } }, 'snapshot.value.open must be an object, not 1'],
      [{ value: {} }, 'snapshot.value: the machine "counter" of this process does not have'],
      [{ value: 'ajar' }, 'does not have the state "ajar"'],
      [{ value: { open: {} } }, 'does not have the state {"open":{}}'],
      [{ context: 'x' }, 'snapshot.context must be an object, not "x"'],
      [{ error: 'x' }, 'snapshot.error must be an object, not "x"'],
      [{ history: { a: 'x' } }, 'snapshot.history.a must be an array, not "x"'],
      [{ history: { a: ['nowhere'] } }, 'does not have the state "nowhere"'],
      [{ persistence: null }, 'snapshot.persistence must be an object, not null'],
      [{ persistence: { ...persistence, phase: 'x' } }, 'snapshot.persistence.phase must be one'],
      [{ persistence: { ...persistence, stashed: -1 } }, 'snapshot.persistence.stashed must be'],
      [{ persistence: { ...persistence, lastError: 1 } }, 'snapshot.persistence.lastError must'],
    ];
    for (const [members, message] of wrong) {
      expect(() => wire.ofPlain({ ...good, ...members }), message).to.throw(CodecError, message);
    }
  });
});
