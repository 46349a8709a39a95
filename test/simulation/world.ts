import type { Action, ActionRecord } from '../../src/model/action.ts';
import { JournalError } from '../../src/model/errors.ts';
import { Key } from '../../src/model/key.ts';
import { Topic } from '../../src/model/position.ts';
import { tenureStatements } from '../../src/stores/cassandra/tables/tenure-table.ts';
import type { Random } from './core/random.ts';
import { Scheduler } from './core/scheduler.ts';
import { CassandraModel } from './cql/cassandra-model.ts';
import type { SentActions } from './held-calls.ts';
import { KeyPlaces } from './key-places.ts';
import { actionText, type Logged, SimulatedLog } from './log/simulated-log.ts';
import type { Plan } from './plan.ts';
import { storedOffset, storedUntil } from './store-view.ts';
import { TruthLine } from './truth.ts';

/** What a history, or many, came to. */
export interface Figures {
  steps: number;
  reads: number;
  pointers: number;
  replicatedMoves: number;
  /** Keys that moved, since the topic got more partitions. */
  movedKeys: number;
  crashes: number;
  rebalances: number;
  zombies: number;
  /** Clients that stood still for a while. */
  standstills: number;
  /**
   * Rows of journals that went back to what R covers, because of a late write of a dead process.
   */
  rowsBack: number;
  /** Opening marks that landed. */
  tenures: number;
  /** Actions that landed after a later opening mark of their scope. */
  voids: number;
  /** Journals that were held, and how they ended: lost, seen to be written without a tenure, … */
  holds: number;
  losses: number;
  foreign: number;
  doubts: number;
  closed: number;
  givenUp: number;
  /** Journals that were held on while their tenure was opened anew. */
  renewals: number;
  /** Writes of holders by their outcome. */
  acknowledged: number;
  rejected: number;
  unknown: number;
  /** Writes of holders that were told to be void after they had landed. */
  voidTold: number;
  /** Opening marks, and writes of holders, that landed after they were given up. */
  lateMarks: number;
  lateWrites: number;
  /** Holders that ended before their work was done. */
  resigned: number;
  /** Event rows that nothing can show and nothing removes, at the end. */
  leftovers: number;
  /** Reads that ended in an error, by its code and kind. */
  errors: Record<string, number>;
}

export function noFigures(): Figures {
  return {
    steps: 0,
    reads: 0,
    pointers: 0,
    replicatedMoves: 0,
    movedKeys: 0,
    crashes: 0,
    rebalances: 0,
    zombies: 0,
    standstills: 0,
    rowsBack: 0,
    tenures: 0,
    voids: 0,
    holds: 0,
    losses: 0,
    foreign: 0,
    doubts: 0,
    closed: 0,
    givenUp: 0,
    renewals: 0,
    acknowledged: 0,
    rejected: 0,
    unknown: 0,
    voidTold: 0,
    lateMarks: 0,
    lateWrites: 0,
    resigned: 0,
    leftovers: 0,
    errors: {},
  };
}

/** One simulated system and what is known about it from outside. */
export class World {
  readonly plan: Plan;
  readonly scheduler: Scheduler;
  readonly log: SimulatedLog;
  readonly places: KeyPlaces;
  readonly cassandra = new CassandraModel();
  readonly figures = noFigures();
  /** What broke a rule; the history ends at the first. */
  readonly violations: string[] = [];
  readonly #truth = new Map<string, TruthLine>();
  /** By partition and scope. */
  readonly #lastOpening = new Map<string, number>();
  /** Writes of holders, by what was sent. */
  readonly sent: SentActions = new WeakMap();
  /** Partitions where W was before R at some moment. */
  readonly wasBehind = new Set<number>();
  /** No process fails and nothing is disturbed any more. */
  isCalm = false;

  constructor(plan: Plan, random: Random, options: { readonly trace: boolean }) {
    this.plan = plan;
    this.scheduler = new Scheduler(random, plan.rates, options);
    this.log = new SimulatedLog(Topic.of('journal'), plan.partitions, (id) =>
      this.places.partitionOf(id),
    );
    this.places = new KeyPlaces(
      this.log,
      plan.journals.map(({ id, partition }) => [id, partition] as const),
    );
    this.log.onLanded = (logged, sent) => this.#landed(logged, sent);
    for (const { id } of plan.journals) this.#truth.set(id, new TruthLine());
    if (plan.scopes.length > 0) this.#leaveTenures();
  }

  /**
   * What the tables of tenures say of an earlier topic of the same name. An operator has removed
   * how far that was replicated, and nothing else.
   */
  #leaveTenures(): void {
    const { plan, log, cassandra } = this;
    const { insert, saveUntil } = tenureStatements('keyspace');
    for (let partition = 0; partition < plan.partitions; partition++) {
      for (const scope of plan.scopes) {
        for (const offset of [0, 2, 5, 11, 30]) {
          cassandra.write(insert, [log.topic, partition, scope, offset, 'old', null, 0], 1);
        }
      }
      cassandra.write(saveUntil, [log.topic, partition, 1000], 2);
    }
  }

  key(id: string): Key {
    return Key.of(this.log.topic, id);
  }

  truth(id: string): TruthLine {
    const line = this.#truth.get(id);
    if (line === undefined) throw new Error(`no journal ${id}`);
    return line;
  }

  /** R of the partition of a journal; -1 = nothing is replicated. */
  replicatedFor(id: string): number {
    return storedOffset(this.cassandra, this.log.topic, this.log.partitionOf(id)) ?? -1;
  }

  /** W of the partition of a journal. */
  knownFor(id: string): number {
    return storedUntil(this.cassandra, this.log.topic, this.log.partitionOf(id)) ?? -1;
  }

  #landed({ action }: Logged, sent: Action): void {
    const { partition, offset } = action.at;
    this.scheduler.note(() => `        landed ${partition}:${offset} ${actionText(action.action)}`);
    this.scheduler.observe(offset + 31 * partition);
    const counts = this.#counts(action);
    const { id } = action.action.key;
    if (counts) this.truth(id).add(action, this.places.baseOf(id));
    const call = this.sent.get(sent);
    call?.landed(action.at, counts);
    if (!this.scheduler.isLate) return;
    const { header } = action.action;
    if (call !== undefined) this.figures.lateWrites++;
    else if (header.type === 'mark' && header.opens !== undefined) this.figures.lateMarks++;
  }

  /** The rule of tenures in its own words (docs/format.md#tenures). */
  #counts({ action: { header }, at: { partition, offset } }: ActionRecord): boolean {
    if (header.type === 'mark') {
      if (header.opens === undefined) return true;
      this.#lastOpening.set(`${partition}/${header.opens.scope}`, offset);
      this.figures.tenures++;
      return false;
    }
    if (header.tenure === undefined) return true;
    const { scope, of } = header.tenure;
    const counts = this.#lastOpening.get(`${partition}/${scope}`) === of;
    if (!counts) this.figures.voids++;
    return counts;
  }

  violation(text: string): void {
    this.scheduler.note(() => `VIOLATION ${text}`);
    this.violations.push(text);
  }

  countError(error: unknown): void {
    const kind = kindOf(error);
    this.figures.errors[kind] = (this.figures.errors[kind] ?? 0) + 1;
  }
}

/** The name under which an error is counted. */
export function kindOf(error: unknown): string {
  if (!(error instanceof JournalError)) return `unexpected: ${String(error)}`;
  if (error.message === 'injected' || causeOf(error) === 'injected')
    return `${error.code} (injected)`;
  return error.code;
}

function causeOf(error: Error): string | undefined {
  return error.cause instanceof Error ? error.cause.message : undefined;
}
