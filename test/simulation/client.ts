import { openHeadCache } from '../../src/journal/head-cache/head-cache.ts';
import type { Journal } from '../../src/journal/journal.ts';
import { createJournals } from '../../src/journal/journals.ts';
import { endByMarker, endByOffset } from '../../src/journal/read/ends.ts';
import type { ReadDeps } from '../../src/journal/read/observe.ts';
import { DataIntegrityError, JournalError } from '../../src/model/errors.ts';
import { type Event, Events } from '../../src/model/event.ts';
import type { Offset, Partition } from '../../src/model/position.ts';
import { SeqNr } from '../../src/model/seq-nr.ts';
import type { Wake } from '../../src/model/wake-up.ts';
import { silentLogger } from '../../src/observability/logger.ts';
import type { ActionProducer } from '../../src/ports/action-producer.ts';
import { CassandraEventualJournal } from '../../src/stores/cassandra/eventual-journal.ts';
import { checkedPointer, checkedRead } from './checked-read.ts';
import { Random } from './core/random.ts';
import { SimulatedProcess } from './core/scheduler.ts';
import { SimulatedSession } from './cql/simulated-session.ts';
import { HoldingProducer } from './log/holding-producer.ts';
import { SimulatedConsumer, SimulatedProducer } from './log/simulated-ports.ts';
import type { Operation } from './plan.ts';
import { cassandraSettings } from './settings.ts';
import type { World } from './world.ts';

/**
 * Longest silence that a read bears; far above what a step takes unless the history is a slow one.
 */
const readTimeoutMs = 30_000;

const never = Number.POSITIVE_INFINITY;
export const thresholdsMs = {
  append: never,
  read: never,
  pointer: never,
  delete: never,
  purge: never,
  mark: never,
};

/** How often a call that failed is tried again before the writer gives up. */
const maxTries = 20;

/** What one writer still has to do; it outlives the process that does it. */
export interface Script {
  readonly id: string;
  readonly operations: Operation[];
}

/** One process that writes and reads journals, as an application does. */
export class Client {
  readonly process: SimulatedProcess;
  readonly parts: ReadDeps;
  readonly #world: World;
  #marks = 0;
  /** Tasks that have not ended. */
  #running = 0;

  constructor(world: World, name: string) {
    const { scheduler, log, cassandra, plan } = world;
    const process = new SimulatedProcess(name);
    const ports = { scheduler, process, log };
    const session = { scheduler, process, model: cassandra, pageSize: plan.pageSize };
    this.#world = world;
    this.process = process;
    const consumer = new SimulatedConsumer(ports);
    const clock = scheduler.clockOf(process);
    const eventual = new CassandraEventualJournal(
      new SimulatedSession(session),
      cassandraSettings(plan),
    );
    const follower = { consumer, eventual, clock, log: silentLogger };
    const parts: ReadDeps = {
      producer: this.#producer(new SimulatedProducer(ports)),
      consumer,
      eventual,
      headCache: plan.headCache && openHeadCache(follower, plan.headCache),
      settings: { readTimeoutMs, dataIntegrity: plan.dataIntegrity },
      log: silentLogger,
      clock,
      origin: name,
      randomUuid: () => `${name}-${++this.#marks}`,
    };
    const readEnd = plan.readEnd === 'offset' ? endByOffset(consumer) : endByMarker(parts);
    this.parts = { ...parts, readEnd };
  }

  /** One that stamps what it writes with tenures, in histories with holders. */
  #producer(producer: ActionProducer): ActionProducer {
    const { plan, log } = this.#world;
    const { name } = this.process;
    const number = Number(/\d+$/.exec(name)?.[0]);
    const scope = plan.scopes[number % plan.scopes.length];
    if (scope === undefined) return producer;
    const partitionOf = (id: string): Partition => log.partitionOf(id);
    // Numbers of its own: a history without holders stays what it was.
    const random = new Random(number + 1_000 * plan.happenings + 7 * plan.journals.length);
    return new HoldingProducer({ producer, partitionOf, holder: name, scope, random });
  }

  get isIdle(): boolean {
    return this.process.isDead || this.#running === 0;
  }

  /** Runs a task until it ends or the process dies. */
  start(task: () => Promise<void>): void {
    this.#running++;
    task().then(
      () => void this.#running--,
      (error: unknown) => {
        this.#running--;
        const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
        this.#world.violation(`${this.process.name}: a call failed in no known way: ${text}`);
      },
    );
  }

  journal(id: string): Journal {
    return createJournals(this.parts, thresholdsMs).of(this.#world.key(id));
  }

  /** Does what the script says, in order, starting with a recovery. */
  write(script: Script): void {
    this.start(() => new Writer(this.#world, this, script).run());
  }

  /** Lets others go first, so many steps at least. */
  async pause(steps: number): Promise<void> {
    const { scheduler } = this.#world;
    for (let step = 0; step < steps; step++) {
      await scheduler.call({ process: this.process, label: () => 'waits', apply: () => {} });
    }
  }
}

/** One writer of one journal: it numbers its events by what it believes, as an actor does. */
class Writer {
  readonly #world: World;
  readonly #client: Client;
  readonly #script: Script;
  readonly #journal: Journal;
  #last = 0;
  /** It saw that another writer is at work, and stopped. */
  #isOver = false;

  constructor(world: World, client: Client, script: Script) {
    this.#world = world;
    this.#client = client;
    this.#script = script;
    this.#journal = client.journal(script.id);
  }

  async run(): Promise<void> {
    await this.#recover();
    for (;;) {
      const operation = this.#script.operations[0];
      if (operation === undefined || this.#isOver) break;
      await this.#do(operation);
      this.#script.operations.shift();
    }
    this.#script.operations.length = 0;
  }

  /** Learns the last number, as an actor does that starts: it reads, or only asks. */
  async #recover(): Promise<void> {
    for (let tries = 0; tries < maxTries; tries++) {
      const read = this.#world.scheduler.random.chance(0.7) ? checkedRead : checkedPointer;
      const result = await read(this.#world, this.#client, { id: this.#script.id, from: 1 });
      if (result.error instanceof DataIntegrityError) break;
      if (result.error !== undefined) continue;
      this.#last = result.last ?? 0;
      return;
    }
    this.#isOver = true;
  }

  async #do(operation: Operation): Promise<void> {
    try {
      await this.#attempt(operation);
    } catch (error) {
      if (!(error instanceof JournalError)) throw error;
      this.#world.countError(error);
      if (operation.type !== 'mark') await this.#recover();
    }
  }

  async #attempt(operation: Operation): Promise<void> {
    switch (operation.type) {
      case 'append':
        return await this.#append(operation);
      case 'delete':
        return await this.#delete(operation);
      case 'purge':
        await this.#journal.purge();
        this.#last = 0;
        return;
      case 'mark':
        await this.#journal.mark();
        return;
      case 'expire':
        return await this.#expire();
      case 'read':
        return this.#readBeside(operation.delay);
      case 'pause':
        return await this.#client.pause(operation.steps);
    }
  }

  async #delete({ share, isBlind }: Extract<Operation, { type: 'delete' }>): Promise<void> {
    const to = SeqNr.of(Math.max(1, Math.round(share * (this.#last || 3))));
    if (isBlind) await this.#produce({ type: 'delete', to });
    else await this.#journal.delete(to);
  }

  async #produce(header: { type: 'delete'; to: SeqNr } | { type: 'purge'; onlyAt: Offset }) {
    const { producer, clock } = this.#client.parts;
    const key = this.#world.key(this.#script.id);
    const by = { origin: this.#client.process.name, version: undefined };
    await producer.produce({ key, timestampMs: clock.nowMs(), header: { ...header, ...by } });
  }

  async #append(operation: Extract<Operation, { type: 'append' }>): Promise<void> {
    const { count, expires, skip } = operation;
    const events: Event[] = [];
    const first = this.#last + 1 + skip;
    for (let seqNr = first; seqNr < first + count; seqNr++) {
      events.push({ seqNr: SeqNr.of(seqNr), tags: [], payload: { type: 'text', value: '' } });
    }
    const expireAfter = { length: 1n, unit: 'day' } as const;
    const metadata = expires ? { metadata: { payload: { expireAfter } } } : {};
    const wake = this.#world.plan.saysWakes ? wakeOf(first, count) : undefined;
    const { id } = this.#script;
    const { places } = this.#world;
    const began = places.endOf(id);
    try {
      await this.#journal.append(Events.of(events), { ...metadata, wake });
    } catch (error) {
      if (error instanceof DataIntegrityError) this.#checkRefusal(first, began, places.endOf(id));
      throw error;
    }
    this.#last = first + count - 1;
  }

  /**
   * An append may be refused only where another writer has taken its numbers, at some moment of the
   * call (ADR 17).
   */
  #checkRefusal(first: number, began: number, now: number): void {
    const states = this.#world.truth(this.#script.id).between(began, now);
    if (states.some(({ last = 0, losers }) => last >= first || losers.length > 0)) return;
    this.#world.violation(
      `${this.#client.process.name}: an append of ${this.#script.id} from ${first} was refused without reason`,
    );
  }

  /** The job for expired journals: it looks at the row, and purges what it saw, some time later. */
  async #expire(): Promise<void> {
    const { parts } = this.#client;
    const key = this.#world.key(this.#script.id);
    const row = await parts.eventual.pointer(key);
    if (row?.expiry === undefined) return;
    const { random } = this.#world.scheduler;
    await this.#client.pause(random.int(0, 6));
    await this.#produce({ type: 'purge', onlyAt: row.at.offset });
    await this.#recover();
  }

  /** A reader in a process of its own, which takes its time. */
  #dawdler(dawdling: number): Client {
    const client = new Client(this.#world, `D${this.#client.process.name}`);
    client.process.dawdling = dawdling;
    return client;
  }

  /** A read of its own, beside what the writer does next. */
  #readBeside(delay: number): void {
    const { random } = this.#world.scheduler;
    const from = random.chance(0.7) ? 1 : random.int(1, 6);
    const read = random.chance(0.8) ? checkedRead : checkedPointer;
    const { dawdling } = this.#world.plan;
    const client = dawdling === undefined ? this.#client : this.#dawdler(dawdling);
    this.#client.start(async () => {
      await this.#client.pause(delay);
      await read(this.#world, client, { id: this.#script.id, from });
    });
  }
}

/** What the entity waits for after an append; not drawn, so that all else is the same without. */
export function wakeOf(first: number, count: number): Wake | undefined {
  const due = Date.UTC(2026, 0, 2) + 450_000 * ((first * 5 + count) % 7);
  return ([undefined, 'now', 'none', due, due] as const)[(first * 3 + count) % 5];
}
