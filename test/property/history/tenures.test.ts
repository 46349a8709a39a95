import { expect } from 'chai';
import { Tenures, type TenureVerdict } from '../../../src/history/tenures.ts';
import type { ActionRecord } from '../../../src/model/action.ts';
import { DataIntegrityError, StoreUnavailableError } from '../../../src/model/errors.ts';
import type { LastTenure } from '../../../src/model/tenure.ts';
import {
  actionRecord,
  append,
  deleteTo,
  mark,
  opens,
  purge,
  type Step,
  under,
} from '../../support/replicator/records.ts';

const longest = 4;
const scopes = ['', 'other'] as const;

/** An opening mark of a scope, an action that names a mark of one, or anything else. */
interface Deed {
  readonly opens?: string;
  readonly under?: { readonly scope: string; readonly of: number };
}

const offsets = Array.from({ length: longest }, (_, offset) => offset);
const deeds: readonly Deed[] = [
  {},
  ...scopes.map((scope) => ({ opens: scope })),
  // Each offset: before it, its own, and after it.
  ...scopes.flatMap((scope) => offsets.map((of) => ({ under: { scope, of } }))),
];

const actions: readonly Step[] = [append(1), deleteTo(1), purge];

function recordOf(deed: Deed, offset: number): ActionRecord {
  if (deed.opens !== undefined) return actionRecord('k', offset, opens(deed.opens));
  const step = actions[offset % actions.length] ?? mark;
  if (deed.under === undefined) return actionRecord('k', offset, offset % 2 === 0 ? step : mark);
  return actionRecord('k', offset, under(deed.under.of, step, deed.under.scope));
}

/** The last opening mark of a scope before `end`, by looking at every record. */
function lastBefore(history: readonly Deed[], scope: string, end: number): LastTenure {
  const marks = offsets.filter((offset) => offset < end && history[offset]?.opens === scope);
  return marks.at(-1) as LastTenure;
}

/** The rule of docs/format.md#tenures, read word by word. */
function definition(history: readonly Deed[], offset: number): TenureVerdict | 'error' {
  const deed = history[offset];
  if (deed?.opens !== undefined) return 'opens';
  if (deed?.under === undefined) return 'counts';
  const { scope, of } = deed.under;
  const last = lastBefore(history, scope, offset);
  if (last === undefined || last === 'unknown') return 'error';
  if (of === last) return 'counts';
  return of < last ? 'void' : 'error';
}

function verdictOf(tenures: Tenures, record: ActionRecord): TenureVerdict | 'error' {
  try {
    return tenures.judge(record);
  } catch (error) {
    if (error instanceof DataIntegrityError) return 'error';
    throw error;
  }
}

/** Every history, each after the one that it extends. */
function forEachHistory(check: (history: readonly Deed[]) => void): number {
  let count = 0;
  const grow = (history: readonly Deed[]): void => {
    if (history.length === longest) return;
    for (const deed of deeds) {
      const next = [...history, deed];
      count += 1;
      check(next);
      grow(next);
    }
  };
  grow([]);
  return count;
}

/** What a reader that began at `from` says of the last record. */
function lastVerdict(history: readonly Deed[], from: number): TenureVerdict | 'error' | undefined {
  const reader = new Tenures();
  let verdict: TenureVerdict | 'error' | undefined;
  for (let offset = from; offset < history.length; offset++) {
    const record = recordOf(history[offset] ?? {}, offset);
    for (const scope of reader.unknownScopes([record])) {
      reader.learn(scope, lastBefore(history, scope, from));
    }
    verdict = verdictOf(reader, record);
  }
  return verdict;
}

describe(`Tenures, over every sequence of up to ${longest} records of two scopes (docs/format.md#tenures)`, function () {
  this.timeout(30_000);
  const { stackTraceLimit } = Error;
  before(() => {
    Error.stackTraceLimit = 0;
  });
  after(() => {
    Error.stackTraceLimit = stackTraceLimit;
  });

  it('judges each record as it is defined, wherever the reader began and whatever it knew (I25)', () => {
    const seen = new Map<string, number>();
    const count = forEachHistory((history) => {
      const expected = definition(history, history.length - 1);
      for (const from of history.keys()) {
        const verdict = lastVerdict(history, from);
        if (verdict !== expected) {
          expect.fail(`${JSON.stringify(history)} from ${from}: ${verdict}, not ${expected}`);
        }
      }
      seen.set(expected, (seen.get(expected) ?? 0) + 1);
    });
    expect(count).to.be.above(16_000);
    expect([...seen.keys()]).to.have.members(['counts', 'void', 'opens', 'error']);
  });

  it('asks only for scopes that an action names before the records open them', () => {
    const histories: (readonly Deed[])[] = [];
    forEachHistory((history) => {
      if (history.length <= 3) histories.push(history);
    });
    for (const history of histories) {
      const needed = scopes.filter((scope) => {
        const named = history.findIndex((deed) => deed.under?.scope === scope);
        const opened = history.findIndex((deed) => deed.opens === scope);
        return named >= 0 && (opened < 0 || named < opened);
      });
      const tenures = new Tenures();
      const records = history.map(recordOf);
      expect(tenures.unknownScopes(records)).to.have.members(needed);
      for (const scope of needed) tenures.learn(scope, undefined);
      expect(tenures.unknownScopes(records)).to.deep.equal([]);
    }
  });
});

describe('Tenures, where not all opening marks are known', () => {
  const named = actionRecord('k', 9, under(4, append(1)));

  it('cannot judge an action until an opening mark of its scope comes', () => {
    const tenures = new Tenures();
    tenures.learn('', 'unknown');
    expect(() => tenures.judge(named)).to.throw(StoreUnavailableError);
    expect(tenures.judge(actionRecord('k', 10, opens('other')))).to.equal('opens');
    expect(() => tenures.judge(named)).to.throw(StoreUnavailableError);
    expect(tenures.judge(actionRecord('k', 11, append(1)))).to.equal('counts');
    expect(tenures.judge(actionRecord('k', 12, opens()))).to.equal('opens');
    expect(tenures.judge(actionRecord('k', 13, under(4, append(1))))).to.equal('void');
    expect(tenures.judge(actionRecord('k', 14, under(12, append(1))))).to.equal('counts');
  });

  it('names both places when a mark is not there', () => {
    const tenures = new Tenures();
    tenures.learn('', actionRecord('k', 3, mark).at.offset);
    expect(() => tenures.judge(named)).to.throw(DataIntegrityError, /0:9.*offset 4.*lies at 3/);
    const none = new Tenures();
    none.learn('', undefined);
    expect(() => none.judge(named)).to.throw(DataIntegrityError, /0:9.*offset 4.*there is none/);
  });
});
