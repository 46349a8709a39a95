import { expect } from 'chai';
import { Offset } from '../../../src/model/position.ts';
import type { Wake, WakeUpEntry } from '../../../src/model/wake-up.ts';
import { CassandraEventualJournal } from '../../../src/stores/cassandra/eventual-journal.ts';
import { CassandraReplicatedJournal } from '../../../src/stores/cassandra/replicated-journal.ts';
import { CassandraModel } from '../../simulation/cql/cassandra-model.ts';
import { planOf } from '../../simulation/plan.ts';
import { cassandraSettings } from '../../simulation/settings.ts';
import { flowOver } from '../../support/replicator/flow-over.ts';
import {
  logRecord,
  openingOf,
  partition0,
  type Step,
  timestampMs,
  topic,
  under,
} from '../../support/replicator/records.ts';
import { ModelSession } from '../../unit/stores/cassandra/model-session.ts';
import { numbersOf, seed } from '../codec/seed.ts';

const settings = cassandraSettings(planOf(1).plan);

interface Written {
  readonly id: string;
  readonly step: Step;
}

const ids = ['a', 'b', 'c'];

type Pick = (below: number) => number;

/** A log of three journals; with conflicts some of its appends lose. */
function logOf(pick: Pick, hasConflicts: boolean): readonly Written[] {
  const log: Written[] = [];
  for (const length = 3 + pick(18); log.length < length; ) {
    const id = ids[pick(ids.length)] as string;
    log.push({ id, step: stepAfter(log, { id, pick, hasConflicts }) });
  }
  return log;
}

interface StepOptions {
  readonly id: string;
  readonly pick: Pick;
  readonly hasConflicts: boolean;
}

function stepAfter(log: readonly Written[], { id, pick, hasConflicts }: StepOptions): Step {
  const last = fold(log).get(id)?.last ?? 0;
  const kind = pick(12);
  if (kind < 1) return { type: 'mark' };
  if (kind < 2) return { type: 'mark', opens: openingOf('') };
  const opened = log.flatMap(({ step }, at) => (step.type === 'mark' && step.opens ? [at] : []));
  const of = opened.at(-1 - pick(2));
  const written = (step: Step): Step =>
    of === undefined || pick(2) === 0 ? step : under(of, step);
  if (kind < 3) return written({ type: 'delete', to: Math.max(1, last) });
  if (kind < 5) {
    const onlyAt = log.length - 1 - pick(3);
    return written({ type: 'purge', ...(pick(2) === 0 || onlyAt < 0 ? {} : { onlyAt }) });
  }
  const from = hasConflicts && pick(4) === 0 ? Math.max(1, last) : last + 1;
  return written({ type: 'append', from, to: from, ...wakeOf(pick) });
}

function wakeOf(pick: Pick): { readonly wake?: Wake } {
  const waits: readonly (Wake | undefined)[] = [undefined, 'none', 'now', pick(9) * 400_000];
  const wake = waits[pick(waits.length)];
  return wake === undefined ? {} : { wake };
}

interface Journal {
  readonly last: number | undefined;
  readonly lastAt: number | undefined;
  readonly entry: WakeUpEntry | undefined;
}

const unborn: Journal = { last: undefined, lastAt: undefined, entry: undefined };

/** By the table of docs/format.md#wake-ups, record by record. */
function fold(log: readonly Written[]): ReadonlyMap<string, Journal> {
  const journals = new Map<string, Journal>();
  let opened = -1;
  for (const [at, { id, step }] of log.entries()) {
    if (step.type === 'mark') {
      if (step.opens !== undefined) opened = at;
      continue;
    }
    if (step.tenure !== undefined && step.tenure.of !== opened) continue;
    journals.set(id, after(journals.get(id) ?? unborn, { id, step, at }));
  }
  return journals;
}

function after(journal: Journal, { id, step, at }: Written & { readonly at: number }): Journal {
  const { last, lastAt } = journal;
  if (step.type === 'append') {
    if (step.from <= (last ?? 0)) return { ...journal, lastAt: at };
    const entry = step.wake === undefined ? journal.entry : entryOf(id, at, step.wake);
    return { last: step.to, lastAt: at, entry };
  }
  if (step.type === 'delete') return last === undefined ? journal : { ...journal, lastAt: at };
  if (step.type === 'mark' || (step.onlyAt ?? lastAt) !== lastAt) return journal;
  return step.onlyAt !== undefined && last === undefined ? journal : unborn;
}

function entryOf(id: string, at: number, wake: Wake): WakeUpEntry | undefined {
  if (wake === 'none') return undefined;
  const offset = Offset.of(at);
  if (wake === 'now') return { id, dueMs: timestampMs, reason: 'now', offset };
  return { id, dueMs: wake, reason: 'time', offset };
}

const byId = (a: WakeUpEntry, b: WakeUpEntry) => (a.id < b.id ? -1 : 1);

/** The entries that the first `length` records leave. */
function entriesOf(log: readonly Written[], length: number): readonly WakeUpEntry[] {
  return [...fold(log.slice(0, length)).values()]
    .flatMap(({ entry }) => entry ?? [])
    .toSorted(byId);
}

async function storedOf(model: CassandraModel): Promise<readonly WakeUpEntry[]> {
  const eventual = new CassandraEventualJournal(new ModelSession(model), settings);
  const found: WakeUpEntry[] = [];
  const range = { topic, partition: partition0, toMs: 8.64e15 };
  for await (const entry of eventual.wakeUps.due(range)) found.push(entry);
  return found.toSorted(byId);
}

/**
 * Processes one after the other, in polls of any length, each but the last dying after some
 * statements. Answers after each poll that was replicated.
 */
async function* replicated(log: readonly Written[], model: CassandraModel, of: Replication) {
  for (let deaths = of.deaths; ; deaths--) {
    const session = new ModelSession(model);
    session.writesLeft = deaths > 0 ? 1 + of.pick(24) : Number.POSITIVE_INFINITY;
    const store = new CassandraReplicatedJournal(session, settings);
    const dying = new AbortController();
    session.onDeath = () => dying.abort(new Error('the process is dead'));
    const flow = await flowOver(store).catch(() => undefined);
    for (let from = flow?.from ?? 0; from < log.length && !dying.signal.aborted; ) {
      const size = 1 + of.pick(6);
      const records = log
        .slice(from, from + size)
        .map(({ id, step }, index) => logRecord(id, from + index, step));
      const nextOffset = Offset.of(from + records.length);
      await flow?.replicate({ records, nextOffset }, dying.signal);
      from += records.length;
      if (!dying.signal.aborted) yield from;
    }
    if (deaths <= 0) return;
  }
}

interface Replication {
  readonly deaths: number;
  readonly pick: Pick;
}

describe(`property: wake-ups (seed ${seed})`, function () {
  this.timeout(120_000);

  for (const kind of ['conflicts', 'crashes between statements']) {
    it(`are what the appends that count say, at any lag, with ${kind}`, async () => {
      const hasConflicts = kind === 'conflicts';
      for (let run = 0; run < 120; run++) {
        const pick = numbersOf(seed + run * 7_919);
        const log = logOf(pick, hasConflicts);
        const model = new CassandraModel();
        const deaths = hasConflicts ? 0 : 1 + pick(3);
        let last = 0;
        for await (const upTo of replicated(log, model, { deaths, pick })) {
          last = upTo;
          // After a crash they may be ahead of R: until it comes as far, what is there stays.
          if (!hasConflicts && upTo < log.length) continue;
          const text = `run ${run}, up to ${upTo}: ${JSON.stringify(log)}`;
          expect(await storedOf(model), text).to.deep.equal(entriesOf(log, upTo));
        }
        expect(last).to.equal(log.length);
        const eventual = new CassandraEventualJournal(new ModelSession(model), settings);
        const until = await eventual.wakeUps.until({ topic, partition: partition0 });
        expect(until).to.equal(log.length - 1);
      }
    });
  }
});
