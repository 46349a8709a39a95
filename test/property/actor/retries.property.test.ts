import { expect } from 'chai';
import fc from 'fast-check';
import { type ActorRefFrom, createActor, SimulatedClock } from 'xstate';
import type { ActorHost } from '../../../src/actor/actor-host.ts';
import type { PersistentLogic } from '../../../src/actor/persistent.ts';
import { WriteFailedError } from '../../../src/model/errors.ts';
import type { JournalPlugin, PersistentRepr } from '../../../src/ports/journal-plugin.ts';
import { InMemorySnapshotStore } from '../../../src/stores/memory/in-memory-snapshot-store.ts';
import { MemoryJournalPlugin } from '../../support/memory-journal-plugin.ts';
import { type Call, payment } from '../../unit/actor/payments.ts';
import { settle, testHost } from '../../unit/actor/support.ts';
import { seed } from '../codec/seed.ts';

/** What becomes of the next write: the process dies before or after it, or it may be stored. */
type Fault = 'dies before' | 'dies after' | 'fails' | 'fails though stored';

type Act =
  | { readonly type: 'pay' | 'note' | 'cancel' | 'fail' | 'succeed' | 'crash' }
  | { readonly type: 'pass'; readonly ms: number }
  | { readonly type: 'fault'; readonly fault: Fault };

interface Plan {
  readonly attempts: number;
  readonly timeout: number | undefined;
  /** 0 = no snapshots. */
  readonly snapshotEvery: number;
  readonly acts: readonly Act[];
}

const minBackoff = 10_000;
const maxBackoff = 25_000;

const act: fc.Arbitrary<Act> = fc.oneof(
  { weight: 3, arbitrary: fc.constant<Act>({ type: 'pay' }) },
  { weight: 1, arbitrary: fc.constantFrom<Act>({ type: 'note' }, { type: 'cancel' }) },
  { weight: 5, arbitrary: fc.constant<Act>({ type: 'fail' }) },
  { weight: 1, arbitrary: fc.constant<Act>({ type: 'succeed' }) },
  { weight: 3, arbitrary: fc.constant<Act>({ type: 'crash' }) },
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constant('pass' as const),
      ms: fc.constantFrom(1, 5_000, 9_999, 10_000, 20_000, 25_000, 60_000),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constant('fault' as const),
      fault: fc.constantFrom<Fault>('dies before', 'dies after', 'fails', 'fails though stored'),
    }),
  },
);

const plan: fc.Arbitrary<Plan> = fc.record({
  attempts: fc.integer({ min: 1, max: 4 }),
  timeout: fc.constantFrom(undefined, 30_000),
  snapshotEvery: fc.constantFrom(0, 2, 3),
  acts: fc.array(act, { minLength: 5, maxLength: 40 }),
});

interface BankCall extends Call {
  readonly atMs: number;
}

interface Process {
  readonly host: ActorHost;
  readonly actor: ActorRefFrom<PersistentLogic<ReturnType<typeof payment>>>;
  readonly scheduler: SimulatedClock;
  /** What its work has asked of the bank. */
  readonly calls: BankCall[];
}

/** Processes of one entity, one after the other, over one journal and one snapshot store. */
class Service {
  readonly #plan: Plan;
  #nowMs = 1_700_000_000_000;
  readonly #journal = new MemoryJournalPlugin({ nowMs: () => this.#nowMs });
  readonly #snapshots = new InMemorySnapshotStore();
  /** All that was ever stored. */
  readonly stored: PersistentRepr[] = [];
  readonly calls: BankCall[] = [];
  readonly problems: string[] = [];
  #fault: Fault | undefined;
  /** The one that lives. */
  #process: Process;

  constructor(plan: Plan) {
    this.#plan = plan;
    this.#process = this.#start();
  }

  get state(): unknown {
    return this.#process.actor.getSnapshot().value;
  }

  async do(act: Act): Promise<void> {
    const { host, actor } = this.#process;
    const call = this.#process.calls.at(-1);
    switch (act.type) {
      case 'pass':
        await this.pass(act.ms);
        break;
      case 'crash':
        this.#crash();
        break;
      case 'fault':
        this.#fault = act.fault;
        break;
      case 'fail':
        call?.reject(new Error('busy'));
        break;
      case 'succeed':
        call?.resolve('receipt');
        break;
      case 'pay':
      case 'note':
      case 'cancel':
        host.ask(actor, { type: act.type, cents: 5 }).catch(() => {});
    }
    await settle();
  }

  async pass(ms: number): Promise<void> {
    this.#nowMs += ms;
    this.#process.scheduler.increment(ms);
    await settle();
  }

  /** No more faults: work that fails from now on comes to its end. */
  async comeToTheEnd(): Promise<void> {
    this.#fault = undefined;
    for (let tries = 0; tries < 20 && this.state === 'paying'; tries++) {
      await this.do({ type: 'fail' });
      await this.pass(maxBackoff);
    }
  }

  /** What the dead process still does reaches nobody: its clock stands still. */
  #crash(): void {
    this.#process = this.#start();
  }

  #start(): Process {
    const { attempts, timeout, snapshotEvery } = this.#plan;
    const scheduler = new SimulatedClock();
    const { host } = testHost({
      openJournal: async () => this.#plugin(scheduler),
      snapshotStore: async () => this.#snapshots,
      clock: {
        nowMs: () => this.#nowMs,
        steadyMs: () => this.#nowMs,
        sleep: (ms) => (ms <= 1 ? Promise.resolve() : new Promise(() => {})),
      },
    });
    const calls: BankCall[] = [];
    const logic = host.persistent(payment(this.#noting(calls)), {
      persistenceId: 'e',
      initEvent: 'never',
      onPersistFailure: { minBackoff: 1, maxBackoff: 1 },
      retry: { bank: { attempts, minBackoff, maxBackoff, ...(timeout && { timeout }) } },
      ...(snapshotEvery > 0 && { retention: { snapshotEvery, deleteEvents: true } }),
    });
    const actor = createActor(logic, { clock: scheduler });
    actor.subscribe({ error: () => {} });
    actor.start();
    return { host, actor, scheduler, calls };
  }

  /** Looks at each call when it begins. */
  #noting(calls: BankCall[]): Pick<Call[], 'push'> {
    const push = (call: Call): number => {
      const begun = { ...call, atMs: this.#nowMs };
      this.calls.push(begun);
      this.#lookAt(begun);
      return calls.push(begun);
    };
    return { push };
  }

  /** An attempt begins when the journal says that it does, and not before its backoff is over. */
  #lookAt({ idempotencyKey, attempt, atMs }: BankCall): void {
    const invokedBy = Number(idempotencyKey.split(':')[1]);
    const since = this.stored.filter(({ seqNr }) => seqNr >= invokedBy);
    const last = since.at(-1)?.payload as Readonly<Record<string, unknown>> | undefined;
    const isStored = since.some(({ payload }) => {
      const { type, attempt: number } = payload as { type: string; attempt?: number };
      return attempt === 1 ? type === 'pay' : type === 'xstate.attempt.begun' && number === attempt;
    });
    if (!isStored) this.problems.push(`attempt ${attempt} began unstored: ${JSON.stringify(last)}`);
    const failed = since.findLast(
      ({ payload }) => (payload as { type: string }).type === 'xstate.attempt.failed',
    );
    const { attempt: before, retryInMs = 0 } = (failed?.payload ?? {}) as Record<string, number>;
    if (before === attempt - 1 && atMs < (failed?.timestampMs ?? 0) + retryInMs)
      this.problems.push(`attempt ${attempt} began before its time`);
  }

  /** The journal of the process with this clock. */
  #plugin(scheduler: SimulatedClock): JournalPlugin {
    const isDead = (): boolean => this.#process.scheduler !== scheduler;
    const journal = this.#journal;
    const never = new Promise<never>(() => {});
    return {
      highestSeqNr: (id) => journal.highestSeqNr(id),
      replay: (request) => journal.replay(request),
      ...(journal.recover && { recover: journal.recover }),
      deleteTo: (id, to) => (isDead() ? never : journal.deleteTo(id, to)),
      write: async (writes) => {
        if (isDead()) return never;
        const fault = this.#fault;
        this.#fault = undefined;
        if (fault === 'dies before') {
          this.#crash();
          return never;
        }
        if (fault === 'fails') throw new WriteFailedError('no answer');
        const outcome = await journal.write(writes);
        const timestampMs = this.#nowMs;
        for (const { events } of writes)
          this.stored.push(...events.map((event) => ({ ...event, timestampMs })));
        if (fault === 'dies after') {
          this.#crash();
          return never;
        }
        if (fault === 'fails though stored') throw new WriteFailedError('no answer');
        return outcome;
      },
      [Symbol.asyncDispose]: async () => {},
    };
  }
}

/** What breaks a rule of docs/retries.md. */
function judge(service: Service, attempts: number): readonly string[] {
  const stuck = service.state === 'paying' ? ['the work has not come to its end'] : [];
  const events = judgeEvents(service.stored, attempts);
  return [...service.problems, ...events, ...judgeCalls(service, attempts), ...stuck];
}

function judgeEvents(stored: readonly PersistentRepr[], attempts: number): readonly string[] {
  const problems: string[] = [];
  // 0 = no work is under way.
  let begun = 0;
  for (const { seqNr, payload } of stored) {
    const { type, attempt } = payload as { type: string; attempt?: number };
    if (isWrong(type, attempt, { begun, attempts }))
      problems.push(`event ${seqNr}: ${type} of ${String(attempt)} after ${begun} of ${attempts}`);
    begun = begunAfter(type, begun);
  }
  return problems;
}

function begunAfter(type: string, begun: number): number {
  switch (type) {
    case 'pay':
      return begun === 0 ? 1 : 0; // while it pays, it is taken for an order to stop
    case 'xstate.attempt.begun':
      return begun + 1;
    case 'xstate.attempt.failed':
    case 'note':
      return begun;
    default:
      return 0;
  }
}

function isWrong(
  type: string,
  attempt: number | undefined,
  { begun, attempts }: { readonly begun: number; readonly attempts: number },
): boolean {
  if (!type.startsWith('xstate.')) return false;
  if (begun === 0) return true;
  switch (type) {
    case 'xstate.attempt.failed':
      return attempt !== begun || begun >= attempts;
    case 'xstate.attempt.begun':
      return attempt !== begun + 1 || begun >= attempts;
    case 'xstate.error.actor.call':
      return begun < attempts;
    default:
      return false;
  }
}

function judgeCalls({ calls, stored }: Service, attempts: number): readonly string[] {
  const problems: string[] = [];
  const pays = stored.filter(({ payload }) => (payload as { type: string }).type === 'pay');
  const keys = new Set(pays.map(({ seqNr }) => `e:${seqNr}:call`));
  for (const [key, some] of Map.groupBy(calls, ({ idempotencyKey }) => idempotencyKey)) {
    const numbers = some.map(({ attempt }) => attempt);
    const ascending = [...new Set(numbers)].sort((a, b) => a - b);
    if (numbers.join() !== ascending.join()) problems.push(`${key}: attempts ${numbers.join()}`);
    if (numbers.length > attempts) problems.push(`${key}: ${numbers.length} calls`);
    if (!keys.has(key)) problems.push(`${key}: no such pay`);
  }
  return problems;
}

describe('invoked work with a retry policy, whenever its processes crash', function () {
  this.timeout(120_000);

  it('begins no attempt twice and none that is not stored, never more than allowed, and fails only after the last', async () => {
    await fc.assert(
      fc.asyncProperty(plan, async (plan) => {
        const service = new Service(plan);
        for (const act of plan.acts) await service.do(act);
        await service.comeToTheEnd();
        expect(judge(service, plan.attempts)).to.deep.equal([]);
      }),
      { seed, numRuns: 80, endOnFailure: true },
    );
  });
});
