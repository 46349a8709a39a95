import { expect } from 'chai';
import fc from 'fast-check';
import { WriteFailedError } from '../../../src/model/errors.ts';
import type {
  AtomicWrite,
  EventFacts,
  JournalPlugin,
  WriteOutcome,
} from '../../../src/ports/journal-plugin.ts';
import { InMemorySnapshotStore } from '../../../src/stores/memory/in-memory-snapshot-store.ts';
import { MemoryJournalPlugin } from '../../support/memory-journal-plugin.ts';
import { type Attempt, openOutbox } from '../../unit/actor/delivery/support.ts';
import { settle } from '../../unit/actor/support.ts';
import { seed } from '../codec/seed.ts';

type WriteFate = 'stored' | 'lost' | 'stored unseen' | 'crash before' | 'crash after';

type Action =
  | { readonly do: 'post'; readonly count: number; readonly named: boolean; readonly to: string }
  | { readonly do: 'confirm'; readonly which: number }
  | { readonly do: 'succeed' | 'fail'; readonly which: number }
  | { readonly do: 'pass' | 'crash' }
  | { readonly do: 'next write'; readonly fate: WriteFate };

const action: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('post' as const),
      count: fc.integer({ min: 0, max: 3 }),
      named: fc.boolean(),
      to: fc.constantFrom('mail', 'queue'),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('confirm' as const), which: fc.nat(9) }) },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constantFrom('succeed', 'fail'), which: fc.nat(9) }),
  },
  { weight: 2, arbitrary: fc.constant({ do: 'pass' as const }) },
  { weight: 1, arbitrary: fc.constant({ do: 'crash' as const }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('next write' as const),
      fate: fc.constantFrom<WriteFate>(
        'stored',
        'lost',
        'stored unseen',
        'crash before',
        'crash after',
      ),
    }),
  },
);

/** Ids that the program gives, few enough to come again. */
const names = ['n1', 'n2', 'n3', 'n4'];
const intervalMs = 4;

/** What counts of the journal, also of events that are deleted by now. */
class Truth {
  readonly facts = new Map<number, EventFacts>();
  /** Deliveries by their place in the journal. */
  readonly begun: { readonly id: string; readonly seqNr: number; readonly message: unknown }[] = [];
  readonly confirmedAt = new Map<string, number>();

  idAt(place: number): string {
    return this.begun[place % this.begun.length]?.id ?? 'none';
  }

  note(writes: readonly AtomicWrite[]): void {
    for (const { seqNr, facts } of writes.flatMap(({ events }) => events)) {
      this.facts.set(seqNr, facts);
      for (const { id, message } of facts.deliveries ?? []) {
        expect(
          this.begun.map((one) => one.id),
          'a second delivery of an id',
        ).to.not.include(id);
        this.begun.push({ id, seqNr, message });
      }
      for (const id of facts.confirmed ?? []) {
        expect(
          this.begun.map((one) => one.id),
          'a confirmation of nothing',
        ).to.include(id);
        expect(this.confirmedAt.has(id), 'a second confirmation').to.equal(false);
        this.confirmedAt.set(id, seqNr);
      }
    }
  }
}

/** A process of the service, which may die at any call of its journal. */
class Life {
  readonly attempts: Attempt[];
  readonly world: ReturnType<typeof openOutbox>;
  fate: WriteFate = 'stored';
  isDead = false;
  #seen = 0;

  constructor(memory: MemoryJournalPlugin, store: InMemorySnapshotStore, truth: Truth, n: number) {
    const write = async (writes: readonly AtomicWrite[]): Promise<readonly WriteOutcome[]> => {
      const { fate } = this;
      this.fate = 'stored';
      if (this.isDead || fate === 'crash before') return await this.#die();
      if (fate === 'lost') throw new WriteFailedError('lost');
      await memory.write(writes);
      truth.note(writes);
      if (fate === 'crash after') return await this.#die();
      if (fate === 'stored unseen') throw new WriteFailedError('stored unseen');
      return [];
    };
    const plugin: JournalPlugin = {
      write,
      deleteTo: (id, to) => (this.isDead ? this.#die() : memory.deleteTo(id, to)),
      highestSeqNr: (id) => memory.highestSeqNr(id),
      replay: (request) => memory.replay(request),
      [Symbol.asyncDispose]: async () => {},
    };
    this.world = openOutbox({
      openJournal: async () => plugin,
      snapshotStore: async () => store,
      randomUuid: () => `life-${n}`,
      deliveries: { redeliverInterval: intervalMs },
      entity: {
        groupCommit: 3,
        onPersistFailure: { minBackoff: 1, maxBackoff: 1, randomFactor: 0 },
        retention: { snapshotEvery: 2, deleteEvents: true },
      },
    });
    this.attempts = this.world.attempts;
  }

  /** Attempts since the last look. */
  fresh(): readonly Attempt[] {
    const fresh = this.attempts.slice(this.#seen);
    this.#seen = this.attempts.length;
    return fresh;
  }

  get sequenceNr(): number {
    const { persistence } = this.world.actor.getSnapshot() as unknown as {
      persistence: { sequenceNr: number };
    };
    return persistence.sequenceNr;
  }

  #die(): Promise<never> {
    this.isDead = true;
    return new Promise(() => {});
  }
}

async function run(actions: readonly Action[]): Promise<void> {
  const memory = new MemoryJournalPlugin();
  const store = new InMemorySnapshotStore();
  const truth = new Truth();
  const arrived = new Set<string>();
  let lives = 0;
  let life = new Life(memory, store, truth, ++lives);
  let posted = 0;

  /** What was sent since the last look is right. */
  const look = (confirmedBefore: ReadonlyMap<string, number>): void => {
    // A recovery begins with first attempts again, and two may lie between two looks.
    const runs: number[][] = [[]];
    for (const { id, message, attempt } of life.fresh()) {
      const place = truth.begun.findIndex((one) => one.id === id);
      expect(place, `${id} was sent before it was stored`).to.be.greaterThan(-1);
      expect(message).to.equal(truth.begun[place]?.message);
      expect(confirmedBefore.has(id), `${id} was sent after its confirmation`).to.equal(false);
      arrived.add(id);
      if (attempt !== 1) continue;
      if (runs.at(-1)?.includes(place)) runs.push([]);
      runs.at(-1)?.push(place);
    }
    for (const places of runs) {
      expect(places, 'first attempts in the order of the journal').to.deep.equal(
        [...places].sort((a, b) => a - b),
      );
    }
  };
  /** Confirmations that the entity has committed by now. */
  const committed = () => {
    const { sequenceNr } = life;
    return new Map([...truth.confirmedAt].filter(([, seqNr]) => seqNr <= sequenceNr));
  };
  const step = async (act: () => unknown): Promise<void> => {
    const before = committed();
    await act();
    await settle();
    if (!life.isDead) look(before);
    if (life.isDead) life = new Life(memory, store, truth, ++lives);
  };
  const ask = (command: object): void => {
    life.world.ask(command).catch(() => {}); // the outcome is in the journal
  };

  for (const one of actions) {
    await step(async () => {
      switch (one.do) {
        case 'post': {
          const messages = Array.from({ length: one.count }, () => ++posted);
          const ids = messages.map((n) => (one.named ? names[n % names.length] : undefined));
          return ask({ type: 'post', to: one.to, messages, ids });
        }
        case 'confirm': {
          return ask({ type: 'post', confirm: [truth.idAt(one.which), 'none'] });
        }
        case 'succeed':
        case 'fail': {
          return await life.attempts.at(-1 - one.which)?.[one.do]();
        }
        case 'pass':
          return await life.world.time.pass(intervalMs);
        case 'crash':
          life.isDead = true;
          return;
        case 'next write':
          life.fate = one.fate;
      }
    });
  }
  // Faults stop, and everything is confirmed.
  life.fate = 'stored';
  await step(() => life.world.time.pass(intervalMs));
  await life.world.recovered();
  for (let round = 0; truth.confirmedAt.size < truth.begun.length; round++) {
    expect(round, 'not everything is delivered').to.be.lessThan(20);
    await step(async () => {
      for (const attempt of life.attempts) await attempt.succeed();
      const open = life.attempts.filter(({ to }) => to === 'queue').map(({ id }) => id);
      ask({ type: 'post', confirm: open });
    });
    await step(() => life.world.time.pass(intervalMs));
  }
  for (const { id } of truth.begun) {
    const isSure = arrived.has(id) || truth.confirmedAt.has(id);
    expect(isSure, `${id} was never sent`).to.equal(true);
  }
}

describe(`property: deliveries (seed ${seed})`, function () {
  this.timeout(300_000);

  it('are sent at least once, never before they are stored, and never after their confirmation, with crashes at any write', async () => {
    const plan = fc.array(action, { minLength: 1, maxLength: 25 });
    await fc.assert(fc.asyncProperty(plan, run), { seed, numRuns: 300 });
  });
});
