import { checkedPointer, checkedRead, eventsText } from './checked-read.ts';
import { Client, type Script } from './client.ts';
import { drainMicrotasks } from './core/drain.ts';
import { Random } from './core/random.ts';
import type { SimulatedProcess } from './core/scheduler.ts';
import { inVirtualTime } from './core/virtual-timers.ts';
import { Holder } from './holder.ts';
import type { HolderPlan } from './holder-plan.ts';
import { HolderProcess } from './holder-process.ts';
import { Owner } from './owners.ts';
import { type Growth, type Operation, type Plan, planOf } from './plan.ts';
import { appliedProblem, leftovers, StoreChecks, wakeUpProblem } from './store-checks.ts';
import { storedOffset } from './store-view.ts';
import { type Figures, World } from './world.ts';

/**
 * A history that takes more steps hangs. The longest that ends waits for a replicator whose first
 * call clears sixteen shares of wake-up tables, with a fault and a longer pause each: five polling
 * readers take 20,000 steps meanwhile.
 */
const maxSteps = 60_000;

/** Where holders take the partition from each other for so long, calm helps them to their end. */
const calmAfterSteps = 3_000;

export interface HistoryResult {
  readonly seed: number;
  readonly figures: Figures;
  readonly hash: number;
  readonly violations: readonly string[];
  readonly trace: readonly string[];
}

/**
 * Runs one history from its first step to its last: writers, readers and replicators under all that
 * may happen to them; then calm, full replication, and a last look at everything. The same seed
 * gives the same history.
 *
 * It is synchronous, and must not be called from within a microtask.
 */
export function runHistory(seed: number, options: { readonly trace: boolean }): HistoryResult {
  const { plan, random } = planOf(seed);
  const world = new World(plan, random, options);
  inVirtualTime(world.scheduler, () => new History(world).run());
  const { figures, violations, scheduler } = world;
  figures.steps = scheduler.count;
  return { seed, figures, hash: scheduler.hash, violations, trace: scheduler.trace ?? [] };
}

/**
 * What happens to one process at its call number `call` (0-based): it dies before or after the
 * server did its work, or the call arrives when nothing else can go on.
 */
export interface Incident {
  readonly victim: 'client' | 'holder' | 'replicator';
  readonly call: number;
  readonly what: 'death before' | 'death after' | 'delay';
  /** What a reader with a process of its own waits for. */
  readonly readerWaits?: ReaderWaits;
}

/** So many steps pass before a reader looks at R, or at the row. */
export interface ReaderWaits {
  readonly before: keyof typeof looksBefore;
  readonly steps: number;
}

/** Calls of a reader before that look: for the end, for R, for the head. */
const looksBefore = { R: 1, row: 3 };

/** The first of each kind: a process that comes after a death lives. */
const victims: Readonly<Record<string, Incident['victim']>> = {
  R1: 'replicator',
  C2: 'client',
  H2: 'holder',
};

/** Runs one plan with nothing left to chance but the order, and one incident at most. */
export function runPlan(plan: Plan, seed: number, incident?: Incident) {
  const world = new World(plan, new Random(seed), { trace: false });
  const sent = { client: 0, holder: 0, replicator: 0 };
  const calls = { client: 0, holder: 0, replicator: 0 };
  let looks = 0;
  const history = new History(world);
  const { scheduler } = world;
  const isIt = ({ name }: SimulatedProcess, counts: typeof calls): boolean => {
    const victim = victims[name];
    if (victim === undefined) return false;
    const call = counts[victim]++;
    return incident?.victim === victim && incident.call === call;
  };
  scheduler.heldFor = (process) => {
    if (process.name.startsWith('D')) {
      const waits = incident?.readerWaits;
      return waits !== undefined && looks++ === looksBefore[waits.before] ? waits.steps : 0;
    }
    return isIt(process, sent) && incident?.what === 'delay' ? Number.POSITIVE_INFINITY : 0;
  };
  scheduler.deathAt = (process) => {
    if (!isIt(process, calls) || incident?.what === 'delay') return undefined;
    return incident?.what === 'death before' ? 'before' : 'after';
  };
  inVirtualTime(scheduler, () => history.run());
  return { calls, violations: world.violations };
}

/** What one process does, and another one after its death. */
interface Work {
  readonly scripts: readonly { readonly operations: unknown[] }[];
  /** What it goes on with when the topic has more partitions. */
  readonly later?: readonly Operation[];
  /** Another process begins with it. */
  readonly begin: () => Worker;
  worker: Worker;
}

interface Worker {
  readonly client: Client;
  /** Set when it holds what it writes. */
  readonly holder: HolderProcess | undefined;
}

class History {
  readonly #world: World;
  readonly #work: Work[] = [];
  /** All that ever were. */
  readonly #holders: HolderProcess[] = [];
  readonly #owners: Owner[] = [];
  /** Taken from by `happen`. */
  #happenings: number;
  #names = 0;
  readonly #ownerOf = new Map<number, Owner>();
  /** Partitions that nobody has at the moment, or that their owner was asked to give up. */
  readonly #moving = new Map<number, symbol>();
  /** Processes that stand still. */
  #frozen = 0;

  constructor(world: World) {
    this.#world = world;
    const { happenings } = world.plan;
    new StoreChecks(world);
    world.scheduler.onDeath = (process) => this.#die(process);
    this.#happenings = happenings;
  }

  run(): void {
    const { plan } = this.#world;
    this.#world.scheduler.note(() => JSON.stringify(plan));
    for (let count = 0; count < plan.owners; count++) this.#openOwner();
    for (let partition = 0; partition < plan.partitions; partition++) {
      this.#assign(partition, this.#owners[partition % plan.owners] as Owner);
    }
    this.#beginWork();
    if (!this.#runUntil(() => this.#isWritten(), true)) return;
    if (plan.growth !== undefined && !this.#grow(plan.growth)) return;
    this.#calmDown();
    for (const holder of this.#holders) holder.close();
    drainMicrotasks();
    const isQuiet = (): boolean => this.#holders.every((holder) => holder.isQuiet);
    if (!this.#runUntil(() => isQuiet() && this.#isReplicated(), false)) return;
    this.#checkEnd();
  }

  #beginWork(): void {
    const { journals, holders } = this.#world.plan;
    for (const { id, operations, rival, keeper } of journals) {
      for (const script of [operations, rival, keeper]) {
        if (script.length > 0) this.#beginWriter(id, script);
      }
    }
    for (const holder of holders?.processes ?? []) this.#beginHolder(holder);
  }

  #beginWriter(id: string, operations: readonly Operation[]): void {
    const { growth } = this.#world.plan;
    const before = Math.round(operations.length * (growth?.after ?? 1));
    const script: Script = { id, operations: operations.slice(0, before) };
    const begin = (): Worker => {
      const client = this.#openClient();
      client.write(script);
      return { client, holder: undefined };
    };
    const later = operations.slice(before);
    this.#work.push({ scripts: [script], later, begin, worker: begin() });
  }

  /**
   * The topic gets more partitions, and all go on. Answers false when a rule was broken or nothing
   * goes on.
   */
  #grow({ partitions }: Growth): boolean {
    const { scheduler, log, places, figures } = this.#world;
    const { rates } = scheduler;
    // A replicator that fails all the time, and is slow, may take longer than a history has.
    scheduler.rates = { ...rates, failure: 0, slow: '' };
    if (!this.#standStill()) return false;
    scheduler.rates = rates;
    const first = log.partitions.length;
    log.grow(partitions);
    figures.movedKeys += places.move();
    this.#note(`the topic has ${partitions} partitions`);
    for (let partition = first; partition < partitions; partition++) {
      this.#assign(partition, this.#pickOwner() ?? this.#openOwner());
    }
    for (const work of this.#work) this.#goOn(work);
    return this.#runUntil(() => this.#isWritten(), true);
  }

  /**
   * Nobody writes, and all is replicated, for longer than the clocks of two replicators differ by:
   * a row that the one removes must not hide what the other one writes.
   */
  #standStill(): boolean {
    const { scheduler, plan } = this.#world;
    const isQuiet = (): boolean => this.#isReplicated() && !scheduler.owesCalls;
    if (!this.#runUntil(isQuiet, false)) return false;
    let isOver = false;
    scheduler.after(plan.skewMs + 1, () => {
      isOver = true;
    });
    return this.#runUntil(() => isOver, false);
  }

  /** In the same process, or another one. */
  #goOn(work: Work): void {
    const { scripts, later = [], worker } = work;
    const [script] = scripts as readonly Script[];
    if (script === undefined || later.length === 0) return;
    script.operations.push(...later);
    const isSame = !worker.client.process.isDead && this.#world.scheduler.random.chance(0.5);
    if (isSame) worker.client.write(script);
    else work.worker = work.begin();
  }

  #beginHolder(plan: HolderPlan): void {
    const scripts = plan.work.map(({ id, operations }) => ({ id, operations: [...operations] }));
    const begin = (): Worker => {
      const holder = new HolderProcess(this.#world, `H${++this.#names}`, plan);
      this.#holders.push(holder);
      for (const script of scripts) {
        const task = new Holder(this.#world, holder, script);
        holder.client.start(() => task.run());
      }
      return { client: holder.client, holder };
    };
    this.#work.push({ scripts, begin, worker: begin() });
  }

  /** Steps until `isDone`; answers false when a rule was broken or nothing goes on. */
  #runUntil(isDone: () => boolean, mayHappen: boolean): boolean {
    const { scheduler, violations } = this.#world;
    for (let isFirst = true; !isDone(); isFirst = false) {
      if (violations.length > 0) return false;
      // What was started has its calls made before the first is chosen.
      if ((mayHappen && this.#happen()) || isFirst) drainMicrotasks();
      if (mayHappen && this.#holders.length > 0 && scheduler.count === calmAfterSteps) {
        this.#calmDown();
      }
      const isOver = !scheduler.step() || scheduler.count > maxSteps;
      // The death of the last one that worked may be what ends it.
      if (isOver && !isDone()) {
        this.#world.violation(`nothing goes on after ${scheduler.count} steps`);
        return false;
      }
    }
    return violations.length === 0;
  }

  #isWritten(): boolean {
    for (const { worker } of this.#work) if (!worker.client.isIdle) return false;
    return true;
  }

  #isReplicated(): boolean {
    if (this.#moving.size > 0 || this.#frozen > 0) return false;
    const { log, cassandra } = this.#world;
    for (const [partition, { length: end }] of log.partitions.entries()) {
      if (end > 0 && storedOffset(cassandra, log.topic, partition) !== end - 1) return false;
    }
    return true;
  }

  #openOwner(): Owner {
    const owner = new Owner(this.#world, `R${++this.#names}`);
    this.#owners.push(owner);
    return owner;
  }

  #openClient(): Client {
    return new Client(this.#world, `C${++this.#names}`);
  }

  /** Perhaps something happens to a process before the next step. */
  #happen(): boolean {
    const { scheduler, plan } = this.#world;
    const { random } = scheduler;
    if (this.#happenings === 0 || !random.chance(plan.turbulence)) return false;
    this.#happenings--;
    const dice = random.int(1, plan.holders === undefined ? 5 : 12);
    if (dice === 1) this.#crashClient(this.#pickWork());
    else if (dice === 2) this.#rebalance();
    else if (dice <= 4) this.#crashOwner(this.#pickOwner());
    else if (dice === 5) this.#freezeOwner();
    else if (dice <= 8) this.#crashClient(this.#pickWork());
    else if (dice === 9) this.#closeHolder(this.#pickWork());
    else this.#freezeClient(this.#pickWork());
    return true;
  }

  #pickWork(): Work | undefined {
    return this.#work[this.#world.scheduler.random.int(0, this.#work.length - 1)];
  }

  #die(process: SimulatedProcess): void {
    const owner = this.#owners.find((it) => it.process === process);
    if (owner !== undefined) this.#crashOwner(owner);
    else this.#crashClient(this.#work.find(({ worker }) => worker.client.process === process));
  }

  #crashClient(work: Work | undefined): void {
    if (work === undefined) return;
    const { process } = work.worker.client;
    this.#note(`${process.name} dies`);
    this.#world.figures.crashes++;
    this.#world.scheduler.kill(process);
    this.#succeed(work);
  }

  /** What was under way has happened or not: the successor starts with the next operation. */
  #succeed(work: Work): void {
    for (const { operations } of work.scripts) operations.shift();
    work.worker = work.begin();
  }

  /** It ends in order, and what it sent may still arrive. */
  #closeHolder(work: Work | undefined): void {
    const holder = work?.worker.holder;
    if (work === undefined || holder === undefined) return;
    this.#note(`${holder.client.process.name} closes`);
    holder.close();
    this.#succeed(work);
  }

  /** It stands still, and goes on under a tenure that another one may have taken away. */
  #freezeClient(work: Work | undefined): void {
    const process = work?.worker.client.process;
    if (process === undefined || process.isFrozen) return;
    this.#note(`${process.name} stands still`);
    this.#world.figures.standstills++;
    process.isFrozen = true;
    process.stoodStill = true;
    const { scheduler } = this.#world;
    scheduler.after(scheduler.random.int(5, 5_000), () => {
      this.#note(`${process.name} goes on`);
      process.isFrozen = false;
    });
  }

  #crashOwner(owner: Owner | undefined): void {
    if (owner === undefined) return;
    this.#note(`${owner.process.name} dies`);
    this.#world.figures.crashes++;
    this.#world.scheduler.kill(owner.process);
    this.#takeOver(owner);
  }

  #pickOwner(): Owner | undefined {
    const awake = this.#owners.filter(({ process }) => !process.isFrozen);
    return awake.length > 0 ? this.#world.scheduler.random.pick(awake) : undefined;
  }

  #assign(partition: number, owner: Owner): void {
    this.#note(`${owner.process.name} gets partition ${partition}`);
    this.#ownerOf.set(partition, owner);
    owner.assign(partition);
  }

  /** Others get all that the group believes to be its own. */
  #takeOver(from: Owner): void {
    this.#owners.splice(this.#owners.indexOf(from), 1);
    from.disown();
    for (const [partition, owner] of this.#ownerOf) {
      if (owner !== from) continue;
      this.#moving.delete(partition);
      this.#assignLater(partition, this.#pickOwner() ?? this.#openOwner());
    }
  }

  /**
   * After the time-out of the session, which is above what the clocks of two replicators differ by.
   */
  #assignLater(partition: number, next: Owner): void {
    const { scheduler, plan } = this.#world;
    if (plan.skewMs === 0) {
      this.#assign(partition, next);
      return;
    }
    this.#ownerOf.set(partition, next);
    const move = Symbol();
    this.#moving.set(partition, move);
    scheduler.after(plan.skewMs + 1, () => {
      if (this.#moving.get(partition) !== move) return;
      this.#moving.delete(partition);
      this.#assign(partition, next);
    });
  }

  #rebalance(): void {
    const { random } = this.#world.scheduler;
    const partition = random.int(0, this.#world.log.partitions.length - 1);
    const from = this.#ownerOf.get(partition);
    if (from === undefined || from.process.isFrozen || this.#moving.has(partition)) return;
    this.#note(`${from.process.name} has to give up partition ${partition}`);
    this.#world.figures.rebalances++;
    const move = Symbol();
    this.#moving.set(partition, move);
    from.revoke(partition).then(
      () => this.#given(partition, from, move),
      (error: unknown) => this.#world.violation(`partition not given up: ${String(error)}`),
    );
  }

  #given(partition: number, from: Owner, move: symbol): void {
    // Somebody has it already, if the owner stood still or died meanwhile.
    if (this.#moving.get(partition) !== move) return;
    if (this.#ownerOf.get(partition) !== from) return;
    this.#moving.delete(partition);
    const next = this.#pickOwner() ?? this.#openOwner();
    // While nothing is replicated no row says how new the writes of the first round are (ADR 29).
    const { log, cassandra } = this.#world;
    const isFirst = storedOffset(cassandra, log.topic, partition) === undefined;
    if (isFirst) this.#assignLater(partition, next);
    else this.#assign(partition, next);
  }

  /** Stopped for longer than its session: others get its partitions before it goes on (zombie). */
  #freezeOwner(): void {
    const owner = this.#pickOwner();
    if (owner === undefined) return;
    this.#note(`${owner.process.name} stands still and is replaced`);
    this.#world.figures.zombies++;
    owner.process.isFrozen = true;
    this.#frozen++;
    this.#takeOver(owner);
    const { scheduler } = this.#world;
    scheduler.after(scheduler.random.int(5, 400), () => this.#thaw(owner));
  }

  #thaw(owner: Owner): void {
    this.#frozen--;
    this.#note(`${owner.process.name} goes on`);
    owner.process.isFrozen = false;
    const { random } = this.#world.scheduler;
    // Its heartbeat tells it some time later.
    this.#world.scheduler.after(random.int(0, 200), () => {
      owner.lose().then(
        () => void this.#owners.push(owner),
        (error: unknown) => this.#world.violation(`partition not dropped: ${String(error)}`),
      );
    });
  }

  #note(line: string): void {
    this.#world.scheduler.note(() => `*** ${line}`);
  }

  #calmDown(): void {
    const { scheduler } = this.#world;
    this.#note('calm from here on');
    this.#world.isCalm = true;
    scheduler.rates = { failure: 0, slowAnswer: 0, stall: 0, maxStepMs: 2, slow: '' };
  }

  /** Everything is replicated: the store says what the log says, and readers as well. */
  #checkEnd(): void {
    const { plan, log } = this.#world;
    const client = this.#openClient();
    for (const { id } of plan.journals) {
      const replicated = log.partition(log.partitionOf(id)).length - 1;
      const problem = appliedProblem(this.#world, id, replicated);
      if (problem !== undefined) this.#world.violation(`at the end, of ${id} ${problem}`);
      const wakeUp = wakeUpProblem(this.#world, id, replicated);
      if (wakeUp !== undefined) this.#world.violation(`at the end, of ${id} ${wakeUp}`);
      const left = leftovers(this.#world, id);
      this.#world.figures.leftovers += left.length;
      if (!plan.changesSegments && left.some(({ isKnown }) => !isKnown)) {
        this.#world.violation(`at the end, of ${id} ${eventsText(left)} stayed behind (V8)`);
      }
      const look = this.#world.scheduler.random.chance(0.8) ? checkedRead : checkedPointer;
      client.start(async () => void (await look(this.#world, client, { id, from: 1 })));
    }
    this.#runUntil(() => client.isIdle, false);
  }
}
