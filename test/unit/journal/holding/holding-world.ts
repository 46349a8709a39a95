import { randomUUID } from 'node:crypto';
import type { HeldJournal } from '../../../../src/journal/holding/held-journal.ts';
import { TenureHolder } from '../../../../src/journal/holding/tenure-holder.ts';
import { createJournals, type Journals } from '../../../../src/journal/journals.ts';
import { endByOffset } from '../../../../src/journal/read/ends.ts';
import type { ReadDeps } from '../../../../src/journal/read/observe.ts';
import type { Action, ActionHeader } from '../../../../src/model/action.ts';
import { Key } from '../../../../src/model/key.ts';
import { type Offset, Topic } from '../../../../src/model/position.ts';
import type { LastTenure } from '../../../../src/model/tenure.ts';
import type { EventualJournal } from '../../../../src/ports/eventual-journal.ts';
import { actionOf, line, open } from '../../../support/journal/lines.ts';
import { RecordingLogger } from '../../../support/recording-logger.ts';
import { ManualClock, settle } from '../../../support/replicator/manual-clock.ts';
import { eventsFrom } from '../counting-world.ts';
import { HeldLog, HeldProducer } from './held-log.ts';

export const holdingTimeMs = 1_000;
export const limitMs = 5_000;

/** A process: its journals, and the producer that the test answers. */
export interface Process {
  readonly name: string;
  readonly producer: HeldProducer;
  readonly tenures: TenureHolder;
  readonly journals: Journals;
  /** Holds a journal, and reads it. */
  hold(id?: string): Promise<HeldJournal>;
}

interface ProcessOptions {
  readonly hasFleet?: boolean;
  readonly address?: () => string | undefined;
}

/**
 * One partition in memory, and processes that hold journals of it. The test owns time and answers.
 */
export class HoldingWorld {
  readonly log = new HeldLog();
  readonly clock = new ManualClock();
  readonly logger = new RecordingLogger();
  readonly topic = Topic.of('topic');
  /** R and W of the store, which holds nothing else. */
  replicated: Offset | undefined;
  lastTenure: LastTenure;
  /** W; what comes after it is `unknown`. */
  knownUpTo = Number.POSITIVE_INFINITY;
  readonly #processes: Process[] = [];

  process(name: string, scope = '', { hasFleet = false, ...more }: ProcessOptions = {}): Process {
    const producer = new HeldProducer(this.log);
    const parts = this.#parts(producer, name);
    const tenures = new TenureHolder({
      ...parts,
      holder: name,
      holding: { scope, holdingTimeMs },
      hasFleet,
      ...more,
      limitMs,
      random: () => 0,
    });
    const journals = createJournals({ ...parts, tenures }, thresholdsMs);
    const hold = async (id = 'a'): Promise<HeldJournal> => {
      const held = await journals.hold(this.key(id));
      await readAll(held);
      return held;
    };
    const process = { name, producer, tenures, journals, hold };
    this.#processes.push(process);
    return process;
  }

  key(id = 'a'): Key {
    return Key.of(this.topic, id);
  }

  /** Another process' opening mark. */
  open(scope = ''): Offset {
    return this.log.write(actionOf(this.topic, open(scope)));
  }

  /** An action without a tenure, of somebody who knows none. */
  foreign(type: 'append' | 'purge', n = 1, id = 'a'): Offset {
    return this.log.write(actionOf(this.topic, line(type, n, undefined, id)));
  }

  /** The log as text. */
  get text(): string {
    return this.log.records.map(({ action }) => shownAction(action)).join(' ');
  }

  close(): void {
    for (const { tenures } of this.#processes) tenures.close();
  }

  #parts(producer: HeldProducer, origin: string): ReadDeps {
    const { consumer } = this.log;
    const eventual: EventualJournal = {
      offset: async () => this.replicated,
      lastTenure: async (_place, upTo) => (upTo > this.knownUpTo ? 'unknown' : this.lastTenure),
      pointer: async () => undefined,
      async *read() {},
      async *ids() {},
      [Symbol.asyncDispose]: async () => {},
    };
    return {
      producer,
      consumer,
      eventual,
      readEnd: endByOffset(consumer),
      settings: {
        readTimeoutMs: 10_000,
        dataIntegrity: { seqNrUniqueness: true, correlateEventsWithMeta: false, gaps: 'fail' },
      },
      log: this.logger,
      clock: this.clock,
      origin,
      randomUuid: randomUUID,
    };
  }
}

const limit = 60_000;
const thresholdsMs = {
  append: limit,
  read: limit,
  pointer: limit,
  delete: limit,
  purge: limit,
  mark: limit,
};

function shownAction({ key: { id }, header }: Action): string {
  if (header.type === 'mark') return header.opens === undefined ? 'mark' : shownOpening(header);
  const number = header.type === 'append' ? header.range.from : '';
  const of = header.tenure === undefined ? '' : `(${header.tenure.of})`;
  return `${id}:${header.type}${number}${of}`;
}

function shownOpening({ opens }: Extract<ActionHeader, { type: 'mark' }>): string {
  return `open(${opens?.holder})`;
}

/** The highest number; everything is read. */
export async function readAll(journal: Pick<HeldJournal, 'read'>): Promise<number> {
  const read = journal.read();
  for (;;) {
    const step = await read.next();
    if (step.done) return step.value ?? 0;
  }
}

export const append = (journal: Pick<HeldJournal, 'append'>, n: number, count = 1) =>
  journal.append(eventsFrom(n, count));

/** What became of a call so far. */
export async function outcome(call: Promise<unknown>): Promise<string> {
  let shown = 'pending';
  call.then(
    () => {
      shown = 'done';
    },
    (error: Error) => {
      shown = error.name;
    },
  );
  await settle();
  return shown;
}

export const isAppend = ({ header }: Action): boolean => header.type === 'append';
export const isMark = ({ header }: Action): boolean => header.type === 'mark';
