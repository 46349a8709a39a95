import type { HeldJournal } from '../../src/journal/holding/held-journal.ts';
import {
  ClosedError,
  DataIntegrityError,
  JournalError,
  NotOwnerError,
  NotSetUpError,
  StoreUnavailableError,
  WriteFailedError,
} from '../../src/model/errors.ts';
import { Events } from '../../src/model/event.ts';
import type { PartitionOffset } from '../../src/model/position.ts';
import { SeqNr } from '../../src/model/seq-nr.ts';
import { aborted } from '../../src/runtime/waiting.ts';
import {
  checked,
  checkedPointer,
  checkedRead,
  type Ends,
  type ReadResult,
} from './checked-read.ts';
import { type Belief, HeldCall } from './held-calls.ts';
import type { HolderOperation } from './holder-plan.ts';
import type { Hold, HolderProcess } from './holder-process.ts';
import type { LiveEvent } from './truth.ts';
import type { World } from './world.ts';

/** How often a journal is held in vain before the holder resigns. */
const maxTries = 40;

/** What a holder still has to do with one journal; it outlives the process that does it. */
interface HeldScript {
  readonly id: string;
  readonly operations: HolderOperation[];
}

type Outcome =
  | { readonly type: 'acknowledged'; readonly at: PartitionOffset | undefined }
  | { readonly type: 'rejected' | 'unknown'; readonly error: JournalError };

/** One entity of an application: it holds its journal, reads it, and writes by what it read. */
export class Holder {
  readonly #world: World;
  readonly #process: HolderProcess;
  readonly #script: HeldScript;
  #believed: Belief = { events: undefined, last: undefined };
  /** It can do nothing more. */
  #isOver = false;
  #calls = 0;

  constructor(world: World, process: HolderProcess, script: HeldScript) {
    this.#world = world;
    this.#process = process;
    this.#script = script;
  }

  async run(): Promise<void> {
    const { operations } = this.#script;
    for (let tries = 0; operations.length > 0 && !this.#isOver; ) {
      const left = operations.length;
      const { isCalm } = this.#world;
      await this.#live();
      if (this.#process.isGone) return;
      // What failed before the calm, or was begun before it, says nothing.
      const isProgress = operations.length < left || isCalm !== this.#world.isCalm;
      tries = isProgress ? 0 : tries + 1;
      if (tries > maxTries) this.#resign('it held the journal in vain');
    }
    operations.length = 0;
  }

  /** What can pass may not be the reason when all is calm. */
  #resign(why: string): void {
    this.#isOver = true;
    this.#world.figures.resigned++;
    if (!this.#world.isCalm) return;
    this.#world.violation(`${this.#name} of ${this.#script.id} does not come to its end: ${why}`);
  }

  get #name(): string {
    return this.#process.client.process.name;
  }

  /** Holds the journal until that is over, or the script. */
  async #live(): Promise<void> {
    const hold = await this.#hold();
    if (hold === undefined || this.#process.isGone) return;
    const { figures } = this.#world;
    const { journal } = hold;
    figures.holds++;
    const { of } = journal.tenure;
    if (await this.#recover(hold)) await this.#work(hold);
    if (this.#process.isGone) return;
    if (journal.tenure.of !== of) figures.renewals++;
    if (journal.signal.aborted) figures[endOf(journal.signal.reason)]++;
  }

  async #hold(): Promise<Hold | undefined> {
    try {
      return await this.#process.hold(this.#script.id);
    } catch (error) {
      if (this.#process.isGone) return undefined;
      if (!(error instanceof JournalError)) throw error;
      this.#world.countError(error);
      const isMixed = this.#world.plan.holders?.isMixed === true;
      // W is before R, and nobody moves it there.
      const isBehind = error instanceof StoreUnavailableError && error.message !== 'injected';
      if (isMixed && (error instanceof NotSetUpError || isBehind)) {
        this.#isOver = true;
        this.#world.figures.resigned++;
      } else if (!error.retryable) {
        this.#world.violation(`${this.#name} could not hold ${this.#script.id}: ${error.message}`);
      }
      return undefined;
    }
  }

  /** Reads under the tenure, or only asks for the last number. */
  async #recover(hold: Hold): Promise<boolean> {
    const isRead = this.#world.scheduler.random.chance(0.8);
    const { events, last, error } = await (isRead ? this.#read(hold) : this.#pointer(hold));
    if (error instanceof DataIntegrityError) this.#isOver = true;
    if (error !== undefined) return false;
    this.#believed = { events: isRead ? events : undefined, last };
    return true;
  }

  #read(hold: Hold): Promise<ReadResult> {
    this.#world.figures.reads++;
    return checked(this.#world, this.#process.client, {
      request: { id: this.#script.id, from: 1 },
      what: 'read',
      run: async (ends: Ends, into: LiveEvent[]) => {
        hold.ends = ends;
        const reading = hold.journal.read();
        for (;;) {
          const step = await reading.next();
          if (step.done === true) return step.value;
          for (const { event, record } of step.value) {
            into.push({ seqNr: event.seqNr, offset: record.at.offset });
          }
        }
      },
    });
  }

  #pointer(hold: Hold): Promise<ReadResult> {
    this.#world.figures.pointers++;
    return checked(this.#world, this.#process.client, {
      request: { id: this.#script.id, from: 1 },
      what: 'pointer',
      run: async (ends) => {
        hold.ends = ends;
        return await hold.journal.pointer();
      },
    });
  }

  async #work(hold: Hold): Promise<void> {
    const { operations } = this.#script;
    for (let operation = operations[0]; operation !== undefined; operation = operations[0]) {
      if (hold.journal.signal.aborted) return;
      const next = await this.#do(hold, operation);
      if (this.#process.isGone) return;
      if (next !== 'retry') operations.shift();
      if (next !== 'go on') return;
    }
  }

  async #do(hold: Hold, operation: HolderOperation): Promise<'go on' | 'hold anew' | 'retry'> {
    const { client } = this.#process;
    switch (operation.type) {
      case 'append':
        return await this.#append(hold, operation);
      case 'delete':
        return await this.#delete(hold, operation.share);
      case 'purge': {
        const outcome = await this.#write(hold, 'purge', (journal) => journal.purge());
        return this.#after(outcome, () => ({ events: [], last: undefined }));
      }
      case 'pointer': {
        const { error, last } = await this.#pointer(hold);
        return error === undefined && last === this.#believed.last ? 'go on' : 'hold anew';
      }
      case 'read':
        this.#readBeside(operation.delay);
        return 'go on';
      case 'past':
        this.#writePast(operation.what);
        return 'go on';
      case 'release':
        await hold.journal[Symbol.asyncDispose]();
        return 'hold anew';
      case 'sleep':
        return await this.#sleep(hold, operation.ms);
      case 'pause':
        await client.pause(operation.steps);
        return 'go on';
    }
  }

  /**
   * Longer than the holder needs to see that a replicator has begun which keeps no opening marks.
   */
  async #sleep({ journal }: Hold, ms: number): Promise<'go on'> {
    const { process, parts } = this.#process.client;
    const replicated = this.#world.replicatedFor(this.#script.id);
    const isUnknown = (): boolean => this.#world.knownFor(this.#script.id) < replicated;
    const wasUnknown = isUnknown();
    await parts.clock.sleep(ms);
    const wasDisturbed = this.#world.plan.rates.failure > 0 || process.stoodStill;
    if (ms < 25_000 || wasDisturbed || !wasUnknown || !isUnknown()) return 'go on';
    if (this.#process.isGone || journal.signal.aborted) return 'go on';
    this.#world.violation(`${this.#name} holds ${this.#script.id} although W is before R (I30)`);
    return 'go on';
  }

  async #append(hold: Hold, operation: Extract<HolderOperation, { type: 'append' }>) {
    const { count, expires, isAwaited } = operation;
    const first = (this.#believed.last ?? 0) + 1;
    const seqNrs = Array.from({ length: count }, (_, index) => first + index);
    const expireAfter = { length: 1n, unit: 'day' } as const;
    const options = expires ? { metadata: { payload: { expireAfter } } } : {};
    const writing = this.#write(hold, `append ${first}`, (journal) =>
      journal.append(eventsOf(seqNrs), options),
    );
    if (!isAwaited) return 'hold anew';
    return this.#after(await writing, ({ offset }) => ({
      events: this.#believed.events?.concat(seqNrs.map((seqNr) => ({ seqNr, offset }))),
      last: seqNrs.at(-1),
    }));
  }

  async #delete(hold: Hold, share: number) {
    const last = this.#believed.last ?? 0;
    const to = SeqNr.of(Math.max(1, Math.round(share * last)));
    const outcome = await this.#write(hold, `delete ${to}`, (journal) => journal.delete(to));
    return this.#after(outcome, () => ({
      events: this.#believed.events?.filter(({ seqNr }) => seqNr > to),
      last: this.#believed.last,
    }));
  }

  /** Writes, and perhaps goes on without the answer when the journal is no longer held. */
  async #write(
    hold: Hold,
    what: string,
    write: (journal: HeldJournal) => Promise<PartitionOffset | undefined>,
  ): Promise<Outcome | undefined> {
    const { client } = this.#process;
    const text = `${this.#name}'s ${what} of ${this.#script.id} under ${hold.journal.tenure.of} (${++this.#calls})`;
    const call = new HeldCall(this.#world, text, {
      id: this.#script.id,
      believed: this.#believed,
    });
    hold.call = call;
    const answered = Promise.withResolvers<Outcome>();
    client.start(async () => {
      const outcome = await this.#outcomeOf(write(hold.journal));
      this.#judge(call, outcome);
      answered.resolve(outcome);
    });
    if (this.#world.scheduler.random.chance(0.5)) return await answered.promise;
    return await Promise.race([
      answered.promise,
      aborted(hold.journal.signal).then(() => undefined),
    ]);
  }

  async #outcomeOf(writing: Promise<PartitionOffset | undefined>): Promise<Outcome> {
    try {
      return { type: 'acknowledged', at: await writing };
    } catch (error) {
      if (!(error instanceof JournalError)) throw error;
      return { type: error.stored === 'no' ? 'rejected' : 'unknown', error };
    }
  }

  #judge(call: HeldCall, outcome: Outcome): void {
    // A time limit outlives the process that set it.
    if (this.#process.client.process.isDead) return;
    const { figures, scheduler } = this.#world;
    scheduler.note(() => `${call.text}: ${outcomeText(outcome)}`);
    figures[outcome.type]++;
    if (outcome.type === 'acknowledged') {
      if (outcome.at !== undefined) call.acknowledged(outcome.at);
      return;
    }
    this.#world.countError(outcome.error);
    if (outcome.type === 'unknown') return;
    if (call.landings.length > 0) figures.voidTold++;
    call.rejected();
  }

  #after(
    outcome: Outcome | undefined,
    believe: (at: PartitionOffset) => Belief,
  ): 'go on' | 'hold anew' | 'retry' {
    if (outcome === undefined) return 'hold anew';
    if (outcome.type === 'acknowledged') {
      if (outcome.at !== undefined) this.#believed = believe(outcome.at);
      return 'go on';
    }
    if (outcome.error instanceof NotOwnerError) return 'retry';
    return outcome.type === 'unknown' ? 'hold anew' : 'go on';
  }

  #readBeside(delay: number): void {
    const { client } = this.#process;
    const read = this.#world.scheduler.random.chance(0.8) ? checkedRead : checkedPointer;
    client.start(async () => {
      await client.pause(delay);
      await read(this.#world, client, { id: this.#script.id, from: 1 });
    });
  }

  /** Something else in the process writes the journal, and does not know that it is held. */
  #writePast(what: 'append' | 'purge'): void {
    const journal = this.#process.journals.of(this.#world.key(this.#script.id));
    const first = (this.#believed.last ?? 0) + 1;
    this.#process.client.start(async () => {
      try {
        await (what === 'append' ? journal.append(eventsOf([first])) : journal.purge());
      } catch (error) {
        if (!(error instanceof JournalError)) throw error;
        this.#world.countError(error);
      }
    });
  }
}

function eventsOf(seqNrs: readonly number[]): Events {
  return Events.of(
    seqNrs.map((seqNr) => {
      return { seqNr: SeqNr.of(seqNr), tags: [], payload: { type: 'text', value: '' } };
    }),
  );
}

function outcomeText(outcome: Outcome): string {
  if (outcome.type === 'acknowledged') return `acknowledged at ${outcome.at?.offset}`;
  return `${outcome.type}: ${outcome.error.name}: ${outcome.error.message}`;
}

function endOf(reason: unknown): 'losses' | 'foreign' | 'doubts' | 'closed' | 'givenUp' {
  if (reason instanceof NotOwnerError) return reason.owner === undefined ? 'foreign' : 'losses';
  if (reason instanceof ClosedError) return 'closed';
  return reason instanceof WriteFailedError ? 'doubts' : 'givenUp';
}
