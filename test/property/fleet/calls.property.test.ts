import { isDeepStrictEqual } from 'node:util';
import { expect } from 'chai';
import fc from 'fast-check';
import type { AnyMachineSnapshot, AnyStateMachine, EventObject } from 'xstate';
import { createActor, createMachine } from 'xstate';
import { behaviorFrontEnd } from '../../../src/actor/behavior.ts';
import type { AskResult } from '../../../src/actor/entity/ask.ts';
import { type PersistenceInfo, phases } from '../../../src/actor/entity/persistence-info.ts';
import type { SnapshotWire } from '../../../src/actor/entity/snapshot-wire.ts';
import { MachineVersions } from '../../../src/actor/machine/machine-versions.ts';
import { MachineWire } from '../../../src/actor/machine/machine-wire.ts';
import { decodeAnswer, encodeAnswer } from '../../../src/fleet/calls/answer-codec.ts';
import { decodeCall, encodeCall } from '../../../src/fleet/calls/call-codec.ts';
import { decodeRefusal, encodeRefusal } from '../../../src/fleet/calls/refusal-codec.ts';
import { decodeRelease, encodeRelease } from '../../../src/fleet/calls/release-codec.ts';
import { InvalidInputError, StoreUnavailableError } from '../../../src/model/errors.ts';
import { Partition, Topic } from '../../../src/model/position.ts';
import { storedForm } from '../../../src/model/stored-form.ts';
import { expectSame } from '../../support/expect-same.ts';
import { testSettings } from '../../unit/actor/support.ts';
import { seed } from '../codec/seed.ts';

const oddNumbers = fc.constantFrom(
  2 ** 53 - 1,
  -(2 ** 53) + 1,
  -0,
  5e-324,
  1e21,
  1.7e308,
  0.1 + 0.2,
);
const name = fc.oneof(fc.string(), fc.constantFrom('__proto__', 'constructor', '10', '2', 'type'));
/** What JSON holds, lone surrogates, -0 and members that are `undefined` among it. */
const data = fc.anything({
  values: [
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.maxSafeInteger(),
    oddNumbers,
    fc.string({ unit: 'binary' }),
    fc.constantFrom('\ud800', '\u007f\u2028"\\'),
    fc.boolean(),
    fc.constant(null),
  ],
  key: name,
  maxDepth: 4,
});
const members = fc.dictionary(name, fc.oneof(data, fc.constant(undefined)), { maxKeys: 4 });
const events = members.map((rest) => ({ ...rest, type: 'added' }));
const text = fc.string({ unit: 'binary' });
const id = fc.string({ unit: 'grapheme', minLength: 1 }).filter((given) => given.trim() !== '');
const count = fc.maxSafeInteger().map(Math.abs);
const runs = { seed, numRuns: 500 };

describe(`property: calls between processes (seed ${seed})`, () => {
  it('a call comes back, its command in its stored form', () => {
    const shortId = id.filter((given) => given.length <= 255 && given.isWellFormed());
    const names = { commandId: shortId, correlationId: shortId, causationId: shortId };
    const some = fc.record({ expectedSequenceNr: count, ...names }, { requiredKeys: [] });
    const terms = some.filter((given) => Object.keys(given).length > 0);
    const call = { type: id, id, command: events, generation: count, hops: count, terms };
    const calls = fc.record(call, {
      requiredKeys: ['type', 'id', 'command', 'generation', 'hops'],
    });
    const law = fc.property(calls, (call) => {
      const back = decodeCall(encodeCall(call));
      expectSame(back, { ...call, command: storedForm(call.command) }, () => encodeCall(call));
    });
    fc.assert(law, runs);
  });

  it('a call is sent only when its command comes back', () => {
    const odd = fc.anything({ withBigInt: true, withDate: true, withMap: true, withSet: true });
    let refused = 0;
    const law = fc.property(odd, (value) => {
      const command = { type: 'x', value };
      const call = { type: 't', id: '1', command, generation: 1, hops: 0 };
      let body: string;
      try {
        body = encodeCall(call);
      } catch (error) {
        refused++;
        expect(error).to.be.instanceOf(InvalidInputError);
        expect((error as InvalidInputError).path).to.match(/^command\.value/);
        return;
      }
      expectSame(decodeCall(body).command, storedForm(command), () => body);
    });
    fc.assert(law, { ...runs, numRuns: 2_000 });
    expect(refused).to.be.above(100);
  });

  it('a refusal comes back', () => {
    const owner = fc.record({ id: text, address: text });
    const refusals = fc.oneof(
      fc.record({
        reason: fc.constant('not-owner' as const),
        owner: fc.option(owner, { nil: undefined }),
        generation: count,
      }),
      fc.record({ reason: fc.constantFrom('not-hosted', 'stopping', 'busy'), text }),
    );
    const law = fc.property(refusals, (refusal) => {
      expect(decodeRefusal(encodeRefusal(refusal))).to.deep.equal(refusal);
    });
    fc.assert(law, runs);
  });

  it('a release comes back', () => {
    const releases = fc.record({
      topic: fc.stringMatching(/^[a-zA-Z0-9_-]{1,249}$/).map((topic) => Topic.of(topic)),
      partition: fc.nat().map((partition) => Partition.of(partition)),
      generation: count,
    });
    const law = fc.property(releases, (release) => {
      expect(decodeRelease(encodeRelease(release))).to.deep.equal(release);
    });
    fc.assert(law, runs);
  });
});

const info: fc.Arbitrary<PersistenceInfo> = fc.record(
  {
    phase: fc.constantFrom(...phases),
    persistenceId: id,
    sequenceNr: count,
    stashed: count,
    input: fc.oneof(data, fc.constant(undefined)),
    lastError: fc.constant(new StoreUnavailableError('gone')),
  },
  { requiredKeys: ['phase', 'persistenceId', 'sequenceNr', 'stashed', 'input'] },
);

/** The result as the asker in the process of the entity has it, and as another process gets it. */
function travel<S>(result: AskResult<S>, wire: SnapshotWire<S>): AskResult<S> {
  return decodeAnswer(encodeAnswer({ result }, wire), wire);
}

/** In the form in which it comes back: without what is `undefined`, -0 as 0. */
function formOf(value: unknown): unknown {
  return value === undefined ? undefined : storedForm(value);
}

function expectSameInfo(actual: PersistenceInfo, expected: PersistenceInfo): void {
  const { lastError, ...rest } = actual;
  const { lastError: error, input, ...known } = expected;
  expectSame(rest, { ...known, input: formOf(input) }, () => 'persistence');
  if (error === undefined) expect(lastError).to.equal(undefined);
  else expect(lastError).to.be.instanceOf(StoreUnavailableError).and.include({ message: 'gone' });
}

describe(`property: answers of behaviours (seed ${seed})`, () => {
  it('come back in their stored form', () => {
    const { wire } = behaviorFrontEnd(
      {
        types: { commands: {} as EventObject, events: {} as EventObject },
        persistenceId: 'b',
        initialState: {} as unknown,
        decide: () => ({ type: 'none' }),
        evolve: (state) => state,
      },
      testSettings,
    );
    const status = fc.constantFrom('active', 'done', 'error', 'stopped');
    const states = fc.record({ status, context: data, output: data, persistence: info });
    const results = fc.record({
      sequenceNr: count,
      events: fc.array(
        events.map((event) => storedForm(event)),
        { maxLength: 3 },
      ),
      snapshot: states.map((state) => ({ ...state, error: undefined })),
      reply: fc.oneof(data, fc.constant(undefined)),
    });
    const law = fc.property(results, (result) => {
      const { snapshot, reply, ...rest } = travel(result, wire);
      const { snapshot: given, reply: answer, ...known } = result;
      expectSame(rest, known, () => 'numbers and events');
      expectSame(reply, formOf(answer), () => 'reply');
      const { persistence, ...state } = snapshot;
      const { persistence: before, ...expected } = given;
      expectSame(
        state,
        { ...expected, context: formOf(expected.context), output: formOf(expected.output) },
        () => 'state',
      );
      expectSameInfo(persistence, before);
    });
    fc.assert(law, runs);
  });
});

const eventTypes = ['a', 'b', 'c'] as const;
const path = fc.array(fc.constantFrom(...eventTypes), { maxLength: 8 });

/** A state with up to three levels: compound, parallel, with history, tags, meta and an end. */
function stateOf(levels: number): fc.Arbitrary<object> {
  const common = fc.record(
    {
      tags: fc.subarray(['red', 'green', 'blue']),
      meta: fc.record({ colour: fc.string() }),
    },
    { requiredKeys: [] },
  );
  if (levels === 0) return common;
  const children = fc.array(stateOf(levels - 1), { minLength: 2, maxLength: 3 });
  const kinds = fc.constantFrom('atomic', 'compound', 'parallel', 'ending', 'ending');
  return fc
    .tuple(
      common,
      kinds,
      children,
      fc.array(fc.nat(3), { minLength: 6, maxLength: 6 }),
      fc.boolean(),
    )
    .map(([node, kind, inner, targets, guarded]) => {
      if (kind === 'atomic') return node;
      const states: Record<string, object> = {};
      for (const [index, child] of inner.entries()) {
        // Siblings lead to each other, so that walks through the machine get about.
        const to = (nth: number) => `s${(targets[(index + nth) % 6] ?? 0) % inner.length}`;
        const on = { a: to(0), b: to(1), c: { target: to(2), guard: guardOf(guarded) } };
        states[`s${index}`] = kind === 'parallel' ? child : { ...child, on };
      }
      if (kind === 'parallel') return { ...node, type: 'parallel', states };
      if (kind === 'ending') states.s1 = { type: 'final' };
      states.past = { type: 'history', history: 'deep' };
      return { ...node, initial: 's0', states };
    });
}

function guardOf(guarded: boolean): (args: { context: { n: number } }) => boolean {
  return ({ context }) => !guarded || context.n > 0;
}

/** All that `matches` of a machine can be asked for. */
function pathsOf(node: AnyStateMachine['root']): readonly string[] {
  const states: readonly AnyStateMachine['root'][] = Object.values(node.states);
  return states.flatMap((state) => [state.path.join('.'), ...pathsOf(state)]);
}

type Snapshot = AnyMachineSnapshot & { readonly persistence: PersistenceInfo };

function expectSameSnapshot(snapshot: Snapshot, given: Snapshot): void {
  expectSame(snapshot.value, given.value, () => 'value');
  expectSame(snapshot.context, formOf(given.context), () => 'context');
  expectSame(snapshot.output, formOf(given.output), () => 'output');
  expect(snapshot.status).to.equal(given.status);
  expectSame(snapshot.tags, given.tags, () => 'tags');
  expectSame(snapshot.getMeta(), given.getMeta(), () => 'meta');
  expect(isDeepStrictEqual(snapshot.historyValue, given.historyValue), 'history').to.equal(true);
  for (const at of pathsOf(given.machine.root)) {
    expect(snapshot.matches(at), at).to.equal(given.matches(at));
  }
  for (const type of eventTypes) {
    expect(snapshot.can({ type }), type).to.equal(given.can({ type }));
  }
  expectSameInfo(snapshot.persistence, given.persistence);
}

describe(`property: answers of machines (seed ${seed})`, () => {
  it('have a snapshot that says the same', () => {
    const contexts = fc.tuple(members, fc.nat(1)).map(([rest, n]) => ({ ...rest, n }));
    const machines = fc
      .tuple(stateOf(2), contexts, fc.option(data))
      .map(([root, context, output]): AnyStateMachine => {
        return createMachine({ ...root, id: 'm', context, output } as never);
      });
    const kinds = new Map<string, number>();
    const note = (kind: string, isMet: boolean) => {
      if (isMet) kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
    };
    const law = fc.property(machines, path, info, (machine, steps, persistence) => {
      const actor = createActor(machine).start();
      for (const type of steps) actor.send({ type });
      const given = { ...actor.getSnapshot(), persistence };
      const result = { sequenceNr: 1, events: [], snapshot: given, reply: undefined };
      expectSameSnapshot(
        travel(result, new MachineWire(new MachineVersions(machine))).snapshot,
        given,
      );
      note('nested', JSON.stringify(given.value).includes(':{'));
      note('done', given.status === 'done');
      note('tagged', given.tags.size > 0);
      note('history', Object.keys(given.historyValue).length > 0);
      note('able', given.can({ type: 'c' }));
    });
    fc.assert(law, runs);
    for (const kind of ['nested', 'done', 'tagged', 'history', 'able']) {
      expect(kinds.get(kind) ?? 0, kind).to.be.above(10);
    }
  });
});
