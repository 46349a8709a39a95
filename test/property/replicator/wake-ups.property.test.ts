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

/** A log of three journals; with conflicts some of its appends lose. */
function logOf(pick: (limit: number) => number, hasConflicts: boolean): readonly Written[] {
  const last = new Map<string, number>();
  let tenures: number[] = [];
  const log: Written[] = [];
  const length = 3 + pick(18);
  while (log.length < length) {
    const id = ids[pick(ids.length)] as string;
    const kind = pick(12);
    const next = (last.get(id) ?? 0) + 1;
    const of = tenures.at(-1 - pick(2));
    const written = (step: Step): Step =>
      of !== undefined && pick(2) > 0 ? under(of, step) : step;
    const isVoid = (step: Step): boolean => step.tenure !== undefined && of !== tenures.at(-1);
    if (kind < 7) {
      const from = hasConflicts && pick(4) === 0 ? Math.max(1, next - 1) : next;
      const step = written({ type: 'append', from, to: from, ...wakeOf(pick) });
      log.push({ id, step });
      if (!isVoid(step)) last.set(id, Math.max(from, next - 1));
    } else if (kind < 8) log.push({ id, step: written({ type: 'delete', to: next - 1 || 1 }) });
    else if (kind < 10) {
      const onlyAt = pick(2) === 0 ? undefined : log.length - 1 - pick(3);
      const condition = onlyAt === undefined || onlyAt < 0 ? {} : { onlyAt };
      const step = written({ type: 'purge', ...condition });
      log.push({ id, step });
      if (!isVoid(step) && countsAt(log, log.length - 1)) last.delete(id);
    } else if (kind < 11) {
      tenures = [...tenures, log.length];
      log.push({ id, step: { type: 'mark', opens: openingOf('') } });
    } else log.push({ id, step: { type: 'mark' } });
  }
  return log;
}

function wakeOf(pick: (limit: number) => number): { readonly wake?: Wake } {
  const waits: readonly (Wake | undefined)[] = [undefined, 'none', 'now', pick(9) * 400_000];
  const wake = waits[pick(waits.length)];
  return wake === undefined ? {} : { wake };
}

interface Journal {
  last: number | undefined;
  lastAt: number | undefined;
  entry: WakeUpEntry | undefined;
}

/** By the table of docs/format.md#wake-ups, record by record; also which records count. */
function fold(log: readonly Written[]) {
  const journals = new Map<string, Journal>();
  const counted: boolean[] = [];
  let opened = -1;
  for (const [at, { id, step }] of log.entries()) {
    const journal = journals.get(id) ?? { last: undefined, lastAt: undefined, entry: undefined };
    journals.set(id, journal);
    if (step.type === 'mark') {
      if (step.opens !== undefined) opened = at;
      continue;
    }
    if (step.tenure !== undefined && step.tenure.of !== opened) continue;
    if (step.type === 'append') {
      counted[at] = step.from > (journal.last ?? 0);
      if (counted[at] && step.wake !== undefined) journal.entry = entryOf(id, at, step.wake);
      journal.last = Math.max(step.to, journal.last ?? 0);
      journal.lastAt = at;
    } else if (step.type === 'delete') {
      if (journal.last !== undefined) journal.lastAt = at;
    } else if (step.onlyAt === undefined || (journal.last && step.onlyAt === journal.lastAt)) {
      counted[at] = true;
      journals.set(id, { last: undefined, lastAt: undefined, entry: undefined });
    }
  }
  return { journals, counted };
}

function countsAt(log: readonly Written[], at: number): boolean {
  return fold(log.slice(0, at + 1)).counted[at] === true;
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
  return [...fold(log.slice(0, length)).journals.values()]
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
  readonly pick: (limit: number) => number;
}

describe(`property: wake-ups (seed ${seed})`, function () {
  this.timeout(120_000);

  for (const kind of ['conflicts', 'crashes between statements']) {
    it(`are what the appends that count say, at any lag, with ${kind}`, async () => {
      const hasConflicts = kind === 'conflicts';
      for (let run = 0; run < 300; run++) {
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
