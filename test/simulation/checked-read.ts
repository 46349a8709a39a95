import { createJournal } from '../../src/journal/journal.ts';
import { endByMarker, type ReadEnd } from '../../src/journal/read/ends.ts';
import type { ReadDeps } from '../../src/journal/read/observe.ts';
import { JournalError } from '../../src/model/errors.ts';
import { SeqNr } from '../../src/model/seq-nr.ts';
import type { Client } from './client.ts';
import type { LiveEvent, Truth } from './truth.ts';
import type { World } from './world.ts';

/** With steps so slow, the time limits of the product are reached without anything being wrong. */
const slowStepMs = 100;

interface ReadRequest {
  readonly id: string;
  readonly from: number;
}

/** What a read gave, after it was compared with the truth. */
export interface ReadResult {
  readonly events: readonly LiveEvent[];
  readonly last: number | undefined;
  readonly error: unknown;
}

/**
 * Where the ends of a read's attempts lie, exclusive: its own marks, or the end that the log told.
 */
export class Ends {
  readonly offsets: number[] = [];
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
  }

  watch(parts: ReadDeps): ReadDeps {
    const readEnd = parts.readEnd ?? endByMarker(parts);
    const find: ReadEnd['find'] = async (key, options) => {
      const end = await readEnd.find(key, options);
      this.offsets.push(this.#world.places.offsetOf(key.id, end));
      return end;
    };
    return { ...parts, readEnd: { find, check: readEnd.check.bind(readEnd) } };
  }
}

/**
 * Reads a journal and compares with the truth as of one moment between the read's mark and its end.
 */
export async function checkedRead(
  world: World,
  client: Client,
  request: ReadRequest,
): Promise<ReadResult> {
  world.figures.reads++;
  return await checked(world, client, {
    request,
    what: 'read',
    run: async (ends, events) => {
      const journal = createJournal(ends.watch(client.parts), world.key(request.id));
      const reading = journal.read(SeqNr.of(request.from));
      for (;;) {
        const step = await reading.next();
        if (step.done === true) return step.value;
        for (const { event, record } of step.value) {
          events.push({
            seqNr: event.seqNr,
            offset: world.places.offsetOf(request.id, record.at),
          });
        }
        const { random } = world.scheduler;
        if (random.chance(0.1)) await client.pause(random.int(1, 8));
      }
    },
  });
}

/** Asks for the last number and compares it with the truth in the same way. */
export async function checkedPointer(
  world: World,
  client: Client,
  request: ReadRequest,
): Promise<ReadResult> {
  world.figures.pointers++;
  return await checked(world, client, {
    request,
    what: 'pointer',
    run: (ends) => createJournal(ends.watch(client.parts), world.key(request.id)).pointer(),
  });
}

interface Checked {
  readonly request: ReadRequest;
  readonly what: 'read' | 'pointer';
  /** Adds the events to the list, and gives the last number. */
  readonly run: (ends: Ends, events: LiveEvent[]) => Promise<number | undefined>;
}

/** Compares what a call gave with the truth as of one moment after the end that it found. */
export async function checked(world: World, client: Client, call: Checked): Promise<ReadResult> {
  const { request, what, run } = call;
  const ends = new Ends(world);
  const events: LiveEvent[] = [];
  const beganInCalm = world.isCalm;
  const result: { last: number | undefined; error: unknown } = {
    last: undefined,
    error: undefined,
  };
  try {
    result.last = await run(ends, events);
  } catch (error) {
    result.error = error;
  }
  const outcome = { ...result, events };
  // A time limit outlives the process that set it.
  if (client.process.isDead) return outcome;
  world.scheduler.note(
    () => `${client.process.name} ${what} ${request.id} from ${request.from}: ${text(outcome)}`,
  );
  world.scheduler.observe(events.length * 31 + (result.last ?? 0));
  const circumstances = { ...call, beganInCalm, mayBeLate: client.process.stoodStill };
  const problem = new Comparison(world, circumstances, ends.offsets).problemOf(outcome);
  if (problem !== undefined) {
    world.violation(
      `${what} ${request.id} from ${request.from} by ${client.process.name}: ${problem}`,
    );
  }
  if (outcome.error !== undefined) world.countError(outcome.error);
  return outcome;
}

function text({ events, last, error }: ReadResult): string {
  if (error instanceof Error) return `${error.name}: ${error.message} after ${eventsText(events)}`;
  return `${eventsText(events)}, last ${last}`;
}

export function eventsText(events: readonly LiveEvent[]): string {
  return events.map(({ seqNr, offset }) => `${seqNr}@${offset}`).join(' ') || 'nothing';
}

interface Circumstances extends Checked {
  readonly beganInCalm: boolean;
  /** The process stood still, for longer perhaps than a read may be silent. */
  readonly mayBeLate: boolean;
}

/** Compares one outcome with the states of the journal from the read's mark on. */
class Comparison {
  readonly #world: World;
  readonly #call: Circumstances;
  readonly #truths: readonly Truth[];
  /** From the end of the first attempt on, the later ones' among them. */
  readonly #sinceFirst: readonly Truth[];
  readonly #now: number;
  readonly #end: number;

  constructor(world: World, call: Circumstances, ends: readonly number[]) {
    this.#world = world;
    this.#call = call;
    const { id } = call.request;
    this.#now = world.places.endOf(id);
    this.#end = ends.at(-1) ?? this.#now;
    this.#truths = world.truth(id).between(this.#end, this.#now);
    this.#sinceFirst = world.truth(id).between(ends[0] ?? this.#end, this.#now);
  }

  problemOf(outcome: ReadResult): string | undefined {
    return outcome.error === undefined ? this.#wrong(outcome) : this.#unexpected(outcome.error);
  }

  #wrong(outcome: ReadResult): string | undefined {
    if (this.#truths.some((truth) => this.#equals(truth, outcome))) {
      return this.#truths.every((truth) => this.#mustFail(truth))
        ? 'a conflicting record was not reported'
        : undefined;
    }
    const wanted = this.#truths.map(
      (truth) => `${eventsText(this.#wanted(truth))}, last ${truth.last}`,
    );
    return `gave ${text(outcome)}; right is ${wanted.join(' | or ')} (end ${this.#end})`;
  }

  #wanted(truth: Truth): readonly LiveEvent[] {
    if (this.#call.what === 'pointer') return [];
    return truth.events.filter(({ seqNr }) => seqNr >= this.#call.request.from);
  }

  #equals(truth: Truth, { events, last }: ReadResult): boolean {
    const wanted = this.#wanted(truth);
    if (this.#isUndefined(truth)) return last === truth.last || this.#isPurgedLater(truth);
    return (
      last === truth.last &&
      events.length === wanted.length &&
      events.every(
        ({ seqNr, offset }, index) =>
          seqNr === wanted[index]?.seqNr && offset === wanted[index]?.offset,
      )
    );
  }

  /**
   * Which events a read gives is not defined if it does not see the beginning of a losing record:
   * because the read starts after it, a delete has reached it, or the journal begins after it. Then
   * the rows that show which of two records won are not read, or are gone. The last number is
   * defined all the same: a holder goes on from it. If the journal of two writers is purged after
   * the read's end, neither is: nothing of the winner may be left to look at.
   */
  #isUndefined(truth: Truth): boolean {
    const { losers, deleteTo, first } = truth;
    const from = Math.max(this.#call.request.from, deleteTo + 1, first ?? 0);
    return (
      losers.length > 0 && (this.#isPurgedLater(truth) || losers.some((it) => it.seqNr < from))
    );
  }

  #isPurgedLater({ generation }: Truth): boolean {
    return (this.#truths.at(-1)?.generation ?? generation) > generation;
  }

  /** Both records of a conflict lie in what the read gives. */
  #mustFail(truth: Truth): boolean {
    const { losers, deleteTo } = truth;
    if (this.#isUndefined(truth)) return false;
    const { dataIntegrity } = this.#world.plan;
    const { what, request } = this.#call;
    if (!dataIntegrity.seqNrUniqueness || what === 'pointer') return false;
    return losers.some(({ seqNr }) => seqNr > deleteTo && seqNr >= request.from);
  }

  #unexpected(error: unknown): string | undefined {
    if (!(error instanceof JournalError)) return `failed in no known way: ${String(error)}`;
    return this.#mayFail(error) ? undefined : `failed without reason: ${error.message}`;
  }

  #mayFail(error: JournalError): boolean {
    switch (error.code) {
      case 'STORE_UNAVAILABLE':
        if (error.message === 'injected') return this.#hasFaults();
        return this.#changedMeanwhile() || this.#isUndecided();
      case 'LOG_UNAVAILABLE':
        return this.#hasFaults();
      case 'DEADLINE_EXCEEDED':
        return this.#world.plan.rates.maxStepMs >= slowStepMs || this.#call.mayBeLate;
      case 'DATA_INTEGRITY':
        return this.#hasNoEnd() || this.#truths.some((truth) => this.#mayBeRefused(truth));
      default:
        return false;
    }
  }

  /** The topic has got more partitions: the end of one is no longer that of a journal (ADR 26). */
  #hasNoEnd(): boolean {
    const { log, plan } = this.#world;
    return plan.readEnd === 'offset' && log.partitions.length > plan.partitions;
  }

  #isUndecided(): boolean {
    const { log, wasBehind, plan } = this.#world;
    return wasBehind.has(log.partitionOf(this.#call.request.id)) || plan.holders?.isMixed === true;
  }

  #hasFaults(): boolean {
    // A page that was fetched ahead may have failed before the calm.
    return this.#world.plan.rates.failure > 0 && !this.#call.beganInCalm;
  }

  /**
   * Somebody deleted or purged after the read's end; or two writers were at work, and a delete
   * before it, which the replicator applies meanwhile, reaches a number that only the log's part
   * could tell.
   */
  #changedMeanwhile(): boolean {
    const mayStayTorn = (truth: Truth): boolean => truth.deleteTo > 0 && this.#isUndefined(truth);
    if (this.#truths.some(mayStayTorn)) return true;
    return this.#sinceFirst.slice(1).some((truth, index) => {
      const before = this.#sinceFirst[index] as Truth;
      // Where all was deleted only the row tells the last number, and it may be newer each time.
      return (
        truth.deleteTo > before.deleteTo ||
        truth.events.length < before.events.length ||
        truth.last === undefined ||
        (before.events.length === 0 && truth.last !== before.last)
      );
    });
  }

  #mayBeRefused(truth: Truth): boolean {
    const { seqNrUniqueness } = this.#world.plan.dataIntegrity;
    const hasConflict = truth.losers.length > 0 && seqNrUniqueness;
    return hasConflict || this.#isUndefined(truth) || this.#hasHole(truth);
  }

  #hasHole(truth: Truth): boolean {
    if (this.#world.plan.dataIntegrity.gaps !== 'fail') return false;
    const wanted = this.#wanted(truth);
    return wanted.some(
      ({ seqNr }, index) => index > 0 && seqNr !== (wanted[index - 1]?.seqNr ?? 0) + 1,
    );
  }
}
