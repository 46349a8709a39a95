import { expect } from 'chai';
import fc from 'fast-check';
import type { EventObject } from 'xstate';
import { createActor } from 'xstate';
import type { AskResult } from '../../../src/actor/entity/ask.ts';
import type { Decision } from '../../../src/actor/entity/entity-options.ts';
import { JournalError, WriteFailedError, WriteRejectedError } from '../../../src/model/errors.ts';
import { testHost } from '../../unit/actor/support.ts';
import { seed } from '../codec/seed.ts';

/** What the callbacks of the user do with one command. */
interface Misdeed {
  readonly decide:
    | 'persist'
    | 'none'
    | 'reject'
    | 'rejectWithText'
    | 'throw'
    | 'promise'
    | 'failingPromise'
    | 'nothing'
    | 'unknownType'
    | 'noArray'
    | 'noEvent'
    | 'reservedType'
    | 'unhandled'
    | 'stashOnce';
  readonly events: number;
  readonly evolve: 'well' | 'throws' | 'nothing' | 'promise';
  readonly tagger: 'well' | 'throws' | 'number' | 'text' | 'blank';
  readonly thenRun: 'absent' | 'well' | 'throws' | 'noFunction';
  /** The asker gives up after a millisecond. */
  readonly impatient: boolean;
}

type Write = 'stored' | 'slow' | 'rejected' | 'otherwiseRejected' | 'failed' | 'failedThoughStored';

interface Run {
  readonly commands: readonly Misdeed[];
  readonly writes: readonly Write[];
  readonly groupCommit: number;
  readonly restarts: boolean;
  readonly onSignalThrows: boolean;
  /** The event loop turns after this many commands; those in between are asked in one go. */
  readonly pauseEvery: number;
  readonly stops: boolean;
}

interface Command extends Misdeed {
  readonly type: 'do';
  readonly id: number;
}

/** Mostly well, as in life, so that writes have company. */
function mostly<T>(usual: T, ...others: readonly T[]): fc.Arbitrary<T> {
  return fc.oneof(
    { weight: 3, arbitrary: fc.constant(usual) },
    { weight: 1, arbitrary: fc.constantFrom(...others) },
  );
}

const misdeed: fc.Arbitrary<Misdeed> = fc.record({
  decide: mostly<Misdeed['decide']>(
    'persist',
    'none',
    'reject',
    'rejectWithText',
    'throw',
    'promise',
    'failingPromise',
    'nothing',
    'unknownType',
    'noArray',
    'noEvent',
    'reservedType',
    'unhandled',
    'stashOnce',
  ),
  events: fc.integer({ min: 0, max: 3 }),
  evolve: mostly<Misdeed['evolve']>('well', 'throws', 'nothing', 'promise'),
  tagger: mostly<Misdeed['tagger']>('well', 'throws', 'number', 'text', 'blank'),
  thenRun: mostly<Misdeed['thenRun']>('absent', 'well', 'throws', 'noFunction'),
  impatient: mostly(false, true),
});

const run: fc.Arbitrary<Run> = fc.record({
  commands: fc.array(misdeed, { minLength: 1, maxLength: 12 }),
  writes: fc.array(
    mostly<Write>(
      'stored',
      'slow',
      'rejected',
      'otherwiseRejected',
      'failed',
      'failedThoughStored',
    ),
    { maxLength: 6 },
  ),
  groupCommit: fc.constantFrom(1, 2, 16),
  restarts: fc.boolean(),
  onSignalThrows: mostly(false, true),
  pauseEvery: fc.integer({ min: 1, max: 6 }),
  stops: mostly(false, true),
});

const calm: Misdeed = {
  decide: 'persist',
  events: 1,
  evolve: 'well',
  tagger: 'well',
  thenRun: 'absent',
  impatient: false,
};

function broken(what: string): never {
  throw new Error(`${what} is broken`);
}

/** A behaviour whose callbacks do what the commands say. */
function open({ writes, groupCommit, restarts, onSignalThrows }: Run) {
  const test = testHost();
  for (const write of writes) planWrite(test.journal, write);
  const stashed = new Set<number>();
  const logic = test.host.behavior({
    types: { commands: {} as Command, events: {} as EventObject & Command },
    persistenceId: 'b',
    initialState: 0,
    groupCommit,
    ...(restarts ? { onPersistFailure: { minBackoff: 1, maxBackoff: 1 } } : {}),
    decide: ({ command }) => decide(command, stashed) as Decision<EventObject & Command>,
    evolve: (state, { evolve }) => {
      if (evolve === 'throws') broken('evolve');
      if (evolve === 'nothing') return undefined as never;
      return evolve === 'promise' ? (Promise.reject(new Error('late')) as never) : state + 1;
    },
    tagger: ({ tagger }) => {
      if (tagger === 'throws') broken('tagger');
      const tags = { well: ['a'], number: [4711], text: 'text', blank: [' '], throws: [] };
      return tags[tagger] as string[];
    },
    onSignal: () => {
      if (onSignalThrows) broken('onSignal');
    },
  });
  const actor = createActor(logic);
  actor.subscribe({ error: () => {} });
  return { ...test, actor: actor.start() };
}

function patience({ impatient }: Misdeed): { readonly timeout: number } | undefined {
  return impatient ? { timeout: 1 } : undefined;
}

function planWrite(journal: ReturnType<typeof testHost>['journal'], write: Write): void {
  switch (write) {
    case 'stored':
      journal.blockNextWrite().open();
      break;
    case 'slow': {
      const gate = journal.blockNextWrite();
      gate.reached.then(() => setTimeout(() => gate.open(), slowMs)).catch(broken);
      break;
    }
    case 'rejected':
      journal.rejectNextWrite(new WriteRejectedError('too large'));
      break;
    case 'otherwiseRejected':
      journal.rejectNextWrite(new Error('the breaker is open'));
      break;
    case 'failed':
      journal.failNextWrite(new WriteFailedError('no answer'));
      break;
    case 'failedThoughStored':
      journal.failNextWrite(new WriteFailedError('no answer'), { stored: true });
      break;
  }
}

const answers: Readonly<
  Record<Misdeed['decide'], (command: Command, events: readonly Command[]) => unknown>
> = {
  persist: ({ thenRun }, events) => {
    if (thenRun === 'absent') return { type: 'persist', events };
    if (thenRun === 'noFunction') return { type: 'persist', events, thenRun: 7 };
    return { type: 'persist', events, thenRun: () => thenRun === 'throws' && broken('thenRun') };
  },
  none: () => ({ type: 'none' }),
  reject: () => ({ type: 'reject', reason: new Error('no') }),
  rejectWithText: () => ({ type: 'reject', reason: 'no' }),
  throw: () => broken('decide'),
  promise: (_, events) => Promise.resolve({ type: 'persist', events }),
  failingPromise: () => Promise.reject(new Error('late')),
  nothing: () => undefined,
  unknownType: (_, events) => ({ type: 'save', events }),
  noArray: (_, events) => ({ type: 'persist', events: new Set(events) }),
  noEvent: (_, events) => ({ type: 'persist', events: [...events, { n: 1 }] }),
  reservedType: (_, events) => ({ type: 'persist', events: [...events, { type: 'xstate.init' }] }),
  unhandled: () => ({ type: 'unhandled' }),
  stashOnce: () => ({ type: 'stash' }),
};

function decide(command: Command, stashed: Set<number>): unknown {
  if (command.decide === 'stashOnce' && stashed.has(command.id)) return { type: 'none' };
  stashed.add(command.id);
  const events = Array.from({ length: command.events }, () => command);
  return answers[command.decide](command, events);
}

interface Settled {
  readonly id: number;
  readonly result?: AskResult;
  readonly error?: unknown;
}

const slowMs = 4;

/** Far below the 30 s of an asker, far above what a machine with much to do needs. */
const atOnceMs = 2000;

describe(`the answer to a command (seed ${seed})`, () => {
  it('comes at once, whatever callbacks and journal do, and agrees with the journal', async () => {
    await fc.assert(
      fc.asyncProperty(run, async (plan) => {
        const { host, journal, actor } = open(plan);
        const asked: Promise<Settled>[] = [];
        const ask = (command: Misdeed): void => {
          const id = asked.length;
          asked.push(
            host.ask(actor, { ...command, type: 'do', id }, patience(command)).then(
              (result) => ({ id, result }),
              (error: unknown) => ({ id, error }),
            ),
          );
        };
        for (const [index, command] of plan.commands.entries()) {
          ask(command);
          if (index % plan.pauseEvery === 0) await new Promise(setImmediate);
        }
        if (plan.stops) actor.stop();
        // One of these releases what was stashed.
        for (let i = 0; i <= plan.writes.length; i++) {
          ask(calm);
          await within(Promise.all(asked.slice(-1)), atOnceMs);
        }
        const settled = await within(Promise.all(asked), atOnceMs);
        await host.shutdown();
        const tags = journal.stored('b').flatMap((repr) => repr.tags);
        expect(tags.filter((tag) => tag !== 'a')).to.deep.equal([]);
        for (const { id, result, error } of settled) {
          const wanted = plan.commands[id] ?? calm;
          const stored = journal
            .payloads('b')
            .filter((payload) => (payload as Command).id === id).length;
          if (result !== undefined) {
            expect(result.events, `events of ${id}`).to.have.length(stored);
            continue;
          }
          expect(error, `error of ${id}`).to.be.instanceOf(JournalError);
          const allowed = { no: [0], yes: [wanted.events], unknown: [0, wanted.events] };
          const told = (error as JournalError).stored;
          expect(stored, `${id} is "${told}": ${String(error)}`).to.be.oneOf(allowed[told]);
        }
      }),
      { seed, numRuns: 300 },
    );
  }).timeout(120_000);
});

async function within<T>(promise: Promise<T>, ms: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
