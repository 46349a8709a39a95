import { inspect } from 'node:util';
import { expect } from 'chai';
import fc from 'fast-check';
import { type AnyActorRef, assign, createActor, sendParent, sendTo, setup } from 'xstate';
import { InMemorySnapshotStore } from '../../../src/stores/memory/in-memory-snapshot-store.ts';
import { MemoryJournalPlugin } from '../../support/memory-journal-plugin.ts';
import { testHost } from '../../unit/actor/support.ts';
import { seed } from '../codec/seed.ts';
import { SimulatedTime, settle, soon } from './differential/simulated-time.ts';
import { type Delays, type Fault, type Shared, SlowProcess } from './slow-process.ts';

type Step =
  | { readonly type: 'note' | 'look' }
  | { readonly type: 'ping'; readonly at: number }
  | { readonly type: 'pass'; readonly ms: number }
  | { readonly type: 'fault'; readonly fault: Fault }
  | { readonly type: 'end'; readonly how: 'crash' | 'stop' | 'loss' };

interface Plan extends Delays {
  /** Of each child: how long it waits before each of its messages, ms. */
  readonly kids: readonly (readonly number[])[];
  /** Children of the entity itself end with their last message; then nothing is stashed. */
  readonly ends: boolean;
  readonly snapshots: {
    readonly snapshotEvery: number;
    readonly deleteEvents: boolean;
    readonly waitForSnapshot: boolean;
    /** Beside those of retention; 0 = none. */
    readonly whenDividedBy: number;
  };
  readonly timers: 'deadline' | 'remaining' | 'restart';
  readonly groupCommit: number;
  /** Of such a number `decide` stores nothing; 0 = it stores all. */
  readonly noneOf: number;
  /** Such a number waits while the notes are odd; 0 = none does. */
  readonly stashOf: number;
  readonly steps: readonly Step[];
}

const few = fc.constantFrom(0, 0, 1, 3, 7);

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom<Step>({ type: 'note' }, { type: 'look' }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('ping' as const), at: fc.nat(2) }) },
  {
    weight: 8,
    arbitrary: fc.record({
      type: fc.constant('pass' as const),
      ms: fc.constantFrom(0, 1, 2, 4, 9, 30),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant('fault' as const),
      fault: fc.constantFrom<Fault>('fails', 'fails though stored', 'refused'),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constant('end' as const),
      how: fc.constantFrom('crash' as const, 'crash' as const, 'stop' as const, 'loss' as const),
    }),
  },
);

const plan: fc.Arbitrary<Plan> = fc.record({
  kids: fc.array(fc.array(fc.constantFrom(1, 2, 5, 11), { maxLength: 6 }), {
    minLength: 1,
    maxLength: 3,
  }),
  ends: fc.boolean(),
  writeMs: few,
  answerMs: few,
  saveMs: few,
  snapshots: fc.record({
    snapshotEvery: fc.integer({ min: 1, max: 4 }),
    deleteEvents: fc.boolean(),
    waitForSnapshot: fc.boolean(),
    whenDividedBy: fc.nat(3),
  }),
  timers: fc.constantFrom('deadline', 'deadline', 'remaining', 'restart'),
  groupCommit: fc.constantFrom(1, 2, 64),
  noneOf: fc.constantFrom(0, 0, 3),
  stashOf: fc.constantFrom(0, 0, 2),
  steps: fc.array(step, { minLength: 3, maxLength: 30 }),
});

type Heard = { readonly type: 'heard'; readonly kid: string; readonly n: number };
type Command =
  | Heard
  | { readonly type: 'note' | 'look' }
  | { readonly type: 'ping'; readonly at: number };
type Counted = { readonly kid: string; readonly n: number };

/**
 * Says a number after each delay, and when it is asked; says it to its grandparent if it is one.
 */
function kidMachine(delays: readonly number[], isGrandchild: boolean, ends: boolean) {
  const heard = ({ context }: { readonly context: Counted }): Heard => ({
    ...context,
    type: 'heard',
  });
  const say = [
    assign(({ context }: { readonly context: Counted }) => ({ n: context.n + 1 })),
    isGrandchild
      ? sendTo(
          ({ self }: { readonly self: AnyActorRef }) => self._parent?._parent as AnyActorRef,
          heard,
        )
      : sendParent(heard),
  ] as never;
  const states = delays.map((ms, i) => [
    `s${i}`,
    { after: { [ms]: { target: `s${i + 1}`, actions: say } } },
  ]);
  return setup({
    types: { context: {} as Counted, input: {} as { readonly kid: string } },
  }).createMachine({
    id: 'kid',
    context: ({ input: { kid } }) => ({ kid, n: 0 }),
    initial: 's0',
    on: { ping: { actions: say } },
    states: {
      ...Object.fromEntries(states),
      [`s${delays.length}`]: ends && !isGrandchild ? { type: 'final' } : {},
    },
    output: ({ context }) => context,
  });
}

/** The first child sits below another machine, which hands on what it is told. */
function familyMachine({ kids, ends }: Plan) {
  const actors = Object.fromEntries(
    kids.map((delays, i) => {
      const kid = kidMachine(delays, i === 0, ends);
      if (i > 0) return [`kid${i}`, kid];
      const between = setup({ actors: { kid } }).createMachine({
        id: 'between',
        invoke: { id: 'kid', src: 'kid', input: { kid: 'kid0' } },
        on: { ping: { actions: sendTo('kid', { type: 'ping' }) } },
      });
      return ['kid0', between];
    }),
  );
  return setup({
    types: {
      context: {} as { readonly heard: readonly string[]; readonly notes: number },
      events: {} as Command,
    },
    actors: actors as never,
  }).createMachine({
    id: 'family',
    context: { heard: [], notes: 0 },
    invoke: kids.map((_, i) => ({
      id: `kid${i}`,
      src: `kid${i}`,
      input: { kid: `kid${i}` },
    })) as never,
    on: {
      note: { actions: assign({ notes: ({ context }) => context.notes + 1 }) },
      ping: {
        actions: sendTo(({ event }) => `kid${event.at}` as never, { type: 'ping' } as never),
      },
      heard: {
        actions: assign({
          heard: ({ context, event }) => [...context.heard, `${event.kid} ${event.n}`],
        }),
      },
    },
  });
}

function wordsIn(payloads: readonly unknown[]): readonly string[] {
  const heard = (payloads as readonly Command[]).filter(({ type }) => type === 'heard');
  return (heard as readonly Heard[]).map(({ kid, n }) => `${kid} ${n}`);
}

/** Processes of one entity, one after the other, over one journal and one snapshot store. */
class Service {
  readonly #plan: Plan;
  #time = new SimulatedTime(1_700_000_000_000);
  readonly #shared: Shared = {
    journal: new MemoryJournalPlugin({ nowMs: () => this.#time.nowMs() }),
    snapshots: new InMemorySnapshotStore(),
    takeFault: () => {
      const fault = this.#fault;
      this.#fault = undefined;
      return fault;
    },
    stored: (payloads) => void this.#stored.push(...wordsIn(payloads)),
    refused: (payloads) => {
      for (const word of wordsIn(payloads)) this.#refused.add(word);
    },
    saved: () => void this.saved++,
  };
  readonly #machine: ReturnType<typeof familyMachine>;
  /** What `decide` has stored nothing of, or the journal has refused. */
  readonly #refused = new Set<string>();
  /** What was ever stored, in order. */
  readonly #stored: string[] = [];
  #fault: Fault | undefined;
  #process: ReturnType<Service['open']>;
  saved = 0;

  constructor(plan: Plan) {
    this.#plan = plan;
    this.#machine = familyMachine(plan);
    this.#process = this.open();
  }

  async run(): Promise<void> {
    await settle();
    for (const one of this.#plan.steps) await this.#do(one);
    this.#fault = undefined;
    await this.#pass(1_000);
    const { notes } = this.#context;
    if (notes % 2 === 1) this.#tell({ type: 'note' });
    await this.#pass(1_000);
  }

  /** Of all that the children have said, what the entity has neither stored nor refused. */
  get missing(): readonly string[] {
    const known = new Set([...this.#context.heard, ...this.#refused]);
    const said = this.#kids.flatMap(({ kid, n }) =>
      Array.from({ length: n }, (_, i) => `${kid} ${i + 1}`),
    );
    return said.filter((word) => !known.has(word));
  }

  get heard(): readonly string[] {
    return this.#context.heard;
  }

  get stored(): readonly string[] {
    return this.#stored;
  }

  /** What each child has come to. */
  get #kids(): readonly Counted[] {
    return this.#plan.kids.map((_, i) => {
      const child = this.#child(this.#process.actor, `kid${i}`);
      const kid = i === 0 ? this.#child(child, 'kid') : child;
      const { context, output } = kid.getSnapshot();
      return (output ?? context) as Counted;
    });
  }

  #child(actor: AnyActorRef, id: string): AnyActorRef {
    return actor.getSnapshot().children[id];
  }

  get #context() {
    const { status, error, context } = this.#process.actor.getSnapshot();
    if (status !== 'active') throw new Error(`the entity is ${status}`, { cause: error });
    return context;
  }

  async #do(one: Step): Promise<void> {
    switch (one.type) {
      case 'note':
      case 'look':
        this.#tell({ type: one.type });
        break;
      case 'ping':
        this.#tell({ type: 'ping', at: one.at % this.#plan.kids.length });
        break;
      case 'pass':
        await this.#pass(one.ms);
        break;
      case 'fault':
        // An entity ends when the journal refuses the end of a child.
        this.#fault = this.#plan.ends && one.fault === 'refused' ? 'fails' : one.fault;
        break;
      case 'end':
        await this.#end(one.how);
    }
    await settle();
  }

  #tell(command: Command): void {
    this.#process.actor.send(command);
  }

  async #pass(ms: number): Promise<void> {
    await settle();
    await this.#time.pass(ms, settle);
    await settle();
  }

  async #end(how: 'crash' | 'stop' | 'loss'): Promise<void> {
    if (how === 'loss') {
      this.#process.lose();
      return;
    }
    if (how === 'stop') {
      const stopped = this.#process.host.shutdown();
      await this.#pass(1_000);
      await soon(stopped, 'a shutdown');
    }
    this.#process.die();
    this.#time = new SimulatedTime(this.#time.nowMs());
    this.#process = this.open();
    await settle();
  }

  open() {
    const time = this.#time;
    const { snapshots, timers, groupCommit } = this.#plan;
    const process = new SlowProcess(this.#shared, time, this.#plan);
    const journal = process.journal();
    const store = process.store();
    const { host } = testHost({
      openJournal: async () => journal,
      clock: time,
      snapshotStore: async () => store,
      randomUuid: () => `writer-${++writers}`,
      settings: {
        timers,
        onRejected: 'continue',
        groupCommitMaxCommands: groupCommit,
        checkDeterminism: false,
      },
    });
    const { snapshotEvery, deleteEvents, waitForSnapshot, whenDividedBy } = snapshots;
    const logic = host.persistent(this.#machine, {
      persistenceId: 'e',
      retention: { snapshotEvery, deleteEvents },
      waitForSnapshot,
      snapshotWhen: ({ sequenceNr }) => whenDividedBy > 0 && sequenceNr % whenDividedBy === 0,
      onPersistFailure: { minBackoff: 1, maxBackoff: 1 },
      decide: ({ command, snapshot }) =>
        this.#decide(command as Command, snapshot.context.notes) as never,
    });
    const actor = createActor(logic, { clock: time.xstate });
    actor.subscribe({ error: () => {} });
    actor.start();
    return {
      host,
      actor: actor as unknown as AnyActorRef,
      lose: () => process.lose(),
      die: () => process.die(),
    };
  }

  #decide(command: Command, notes: number): object {
    if (command.type === 'look') return { type: 'none' };
    if (command.type !== 'heard') return { type: 'persist', events: [command] };
    const { ends, noneOf } = this.#plan;
    const stashOf = ends ? 0 : this.#plan.stashOf;
    const { kid, n } = command;
    if (stashOf > 0 && n % stashOf === 0 && notes % 2 === 1) return { type: 'stash' };
    if (noneOf === 0 || n % noneOf !== 0) return { type: 'persist', events: [command] };
    this.#refused.add(`${kid} ${n}`);
    return { type: 'none' };
  }
}

let writers = 0;

/** Enough for every run. */
const histories = 300;

describe(`property: what child machines send (seed ${seed})`, () => {
  it('is stored or refused in the end, wherever a process ends and snapshots are taken', async () => {
    let saved = 0;
    const property = fc.asyncProperty(plan, async (given) => {
      const service = new Service(given);
      await service.run();
      saved += service.saved;
      const { missing, heard, stored } = service;
      if (missing.length > 0) throw new Error(inspect({ given, missing, heard }, { depth: 9 }));
      expect(heard).to.deep.equal(stored);
      const isSmooth = given.steps.every(({ type }) => type !== 'end' && type !== 'fault');
      if (isSmooth) expect(new Set(heard).size, 'each once').to.equal(heard.length);
    });
    await fc.assert(property, { seed, numRuns: histories });
    expect(saved).to.be.greaterThan(histories);
  }).timeout(300_000);
});
