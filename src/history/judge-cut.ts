import type { ViewFacts } from './read-view.ts';

/*
 * Three tables say whether what a read has observed is the state of one moment: before its rows are
 * read, while they come, and when the last number is asked for. Each combination of the facts is in
 * exactly one case.
 *
 *     whole   go on
 *     look    the facts do not suffice: look where the case says, and judge again
 *     torn    somebody deletes from or purges the journal meanwhile: begin again, with a fresh end
 */

type Values<F> = { readonly [Name in keyof F]?: readonly F[Name][] };

/** One line of a table. */
export interface Case<F, V> {
  readonly label: string;
  /** The facts that it is about; a fact that is not named may be anything. */
  readonly when: Values<F>;
  /** Facts that cannot come together with those of `when`. */
  readonly never?: Values<F>;
  readonly verdict: V;
}

/**
 * The verdict of the only case for these facts.
 *
 * @throws {Error} the facts contradict each other: a bug
 */
function verdictOf<F extends object, V>(cases: readonly Case<F, V>[], facts: F): V {
  const found = cases.find(({ when }) => matches(when, facts));
  if (found === undefined || isImpossible(found, facts)) {
    throw new Error(
      `a read cannot observe ${JSON.stringify(facts)} (${found?.label ?? 'no case'})`,
    );
  }
  return found.verdict;
}

/** Each fact that is named has one of its values. */
export function matches<F extends object>(values: Values<F>, facts: F): boolean {
  return (Object.keys(values) as (keyof F)[]).every((name) => values[name]?.includes(facts[name]));
}

/** The facts are of the case, but at least one of them cannot come together with the others. */
export function isImpossible<F extends object>(
  { never = {} }: Case<F, unknown>,
  facts: F,
): boolean {
  return (Object.keys(never) as (keyof F)[]).some((name) => never[name]?.includes(facts[name]));
}

/** What a view is good for. */
export type ViewVerdict =
  /** The store adds nothing: it has no row, or all that it has was purged. */
  | { readonly type: 'whole'; readonly store: 'empty' | 'purged' }
  /**
   * The store adds its events up to R. Last number at the cut: the row's, or what the event rows
   * say.
   */
  | { readonly type: 'whole'; readonly store: 'alive'; readonly last: 'row' | 'event rows' }
  | { readonly type: 'look'; readonly at: 'records after the end' }
  | { readonly type: 'torn' };

const purged = { type: 'whole', store: 'purged' } as const;
const torn = { type: 'torn' } as const;
const lookAfterEnd = { type: 'look', at: 'records after the end' } as const;
const lastOfRow = { type: 'whole', store: 'alive', last: 'row' } as const;
const lastOfEventRows = { type: 'whole', store: 'alive', last: 'event rows' } as const;

const notPurged: ViewFacts['purge'][] = ['none', 'conditional'];
const standing: ViewFacts['row'][] = ['other partition', 'replicated'];
const ahead: ViewFacts['row'][] = ['ahead, same last', 'ahead'];
const explained: ViewFacts['hides'][] = ['nothing', 'earlier'];

/** Before any event row is read. */
export const viewCases: readonly Case<ViewFacts, ViewVerdict>[] = [
  {
    label: 'the head purges the journal: nothing of the store survives, whatever the row says',
    when: { purge: ['counts'] },
    never: { row: ['named'] },
    verdict: purged,
  },
  {
    // A conditional purge does not count then, or has done its work: nothing is left in the store.
    label: 'there is no row',
    when: { purge: notPurged, row: ['none'] },
    never: {
      generation: ['first of head', 'another'],
      hides: ['some', 'all', 'earlier', 'later', 'being purged'],
    },
    verdict: { type: 'whole', store: 'empty' },
  },
  {
    label: 'a conditional purge asks for the place where the row stands: it counts',
    when: { purge: notPurged, row: ['named'] },
    never: { purge: ['none'] },
    verdict: purged,
  },
  {
    // Any event may be gone already.
    label: 'a purge after the end, or in another partition, is under way',
    when: { purge: notPurged, row: [...standing, ...ahead], hides: ['being purged'] },
    verdict: torn,
  },
  {
    // By a delete at or before R? Or by one after the end, applied together with appends that this
    // read does not see? Or was a purge after the end applied, and then, after a crash, a part of
    // the log after R once more? Then the row is of a generation that begins in the middle.
    label: 'a row ahead of R hides what no delete of the head covers',
    when: { purge: notPurged, row: ahead, hides: ['some', 'all'] },
    verdict: lookAfterEnd,
  },
  {
    // By a delete long ago, or by the first step of a purge after the end: a row of the JVM system
    // does not say which.
    label: 'a row at or before R hides everything, which no delete of the head covers',
    when: { purge: notPurged, row: standing, hides: ['all'] },
    verdict: lookAfterEnd,
  },
  {
    // What is gone cannot be read any more, and appends before that are not in this read.
    label: 'a delete or purge after the end took away what the row hides',
    when: { purge: notPurged, row: [...standing, ...ahead], hides: ['later'] },
    verdict: torn,
  },
  {
    label: 'a row ahead of R does not say whether its generation began before a conditional purge',
    when: { purge: ['conditional'], row: ahead, generation: ['unnamed'], hides: explained },
    verdict: torn,
  },
  {
    label: 'the first append of the head began the row, so the conditional purge before it counts',
    when: { purge: ['conditional'], row: ahead, generation: ['first of head'], hides: explained },
    verdict: purged,
  },
  {
    // A delete after the end may have begun to hide some. It is the next action then, or the row
    // would be ahead of R: so what is left is the state after it.
    label: 'the row stands at or before R',
    when: { purge: notPurged, row: standing, hides: ['nothing', 'some', 'earlier'] },
    verdict: lastOfRow,
  },
  {
    // By deletes, or by appends that lost: neither changes the last number. The event rows may say
    // less, since a delete that reached them may have removed some.
    label: 'the row is ahead of R, and its last number was stored before',
    when: { purge: ['none'], row: ['ahead, same last'], hides: explained },
    verdict: lastOfRow,
  },
  {
    label: 'the row is ahead of R, its last number stored before, and outlived a conditional purge',
    when: {
      purge: ['conditional'],
      row: ['ahead, same last'],
      generation: ['another'],
      hides: explained,
    },
    verdict: lastOfRow,
  },
  {
    label: 'the row is ahead of R, and its last number too',
    when: { purge: ['none'], row: ['ahead'], hides: explained },
    verdict: lastOfEventRows,
  },
  {
    label: 'the row is ahead of R, its last number too, and it outlived a conditional purge',
    when: { purge: ['conditional'], row: ['ahead'], generation: ['another'], hides: explained },
    verdict: lastOfEventRows,
  },
];

/**
 * The verdict before any event row is read.
 *
 * @throws {Error} the facts contradict each other: a bug
 */
export function judgeView(facts: ViewFacts): ViewVerdict {
  return verdictOf(viewCases, facts);
}

/**
 * What is wrong with the numbers that a read is about to give out, when they do not follow each
 * other.
 */
export interface NumberFacts {
  /** Which part of the read they come from. */
  readonly part: 'rows' | 'head';
  /**
   * Which events are missing: the first of those wanted, seen so in a few looks or, with the same
   * beginning, in look after look; some between two others; or the last.
   */
  readonly missing: 'first' | 'first again' | 'between' | 'last';
  /**
   * The journal's row, read once more: is it of another generation, or does it hide more than
   * before?
   */
  readonly rowAgain: 'unread' | 'unchanged' | 'changed';
}

/** What to do about missing numbers; `whole` reports them. */
export type NumberVerdict = 'whole' | 'look at the row again' | 'torn';

const missingRows: NumberFacts['missing'][] = ['first again', 'between', 'last'];

/** When numbers are missing. */
export const numberCases: readonly Case<NumberFacts, NumberVerdict>[] = [
  {
    // The journal may have been purged between the looks at R and at its row.
    label: 'the first events are missing',
    when: { missing: ['first'] },
    never: { rowAgain: ['unchanged', 'changed'] },
    verdict: 'torn',
  },
  {
    label:
      'no rows, and the first events of the head are missing in look after look: it begins there',
    when: { part: ['head'], missing: ['first again'] },
    never: { rowAgain: ['unchanged', 'changed'] },
    verdict: 'whole',
  },
  {
    // The head ends where the journal ends, so that nothing can be missing there.
    label: 'the log has a hole, which is reported',
    when: { part: ['head'], missing: ['between', 'last'] },
    never: { missing: ['last'], rowAgain: ['unchanged', 'changed'] },
    verdict: 'whole',
  },
  {
    label: 'rows are missing: is somebody deleting them?',
    when: { part: ['rows'], missing: missingRows, rowAgain: ['unread'] },
    verdict: 'look at the row again',
  },
  {
    label: 'rows are missing that somebody deletes',
    when: { part: ['rows'], missing: missingRows, rowAgain: ['changed'] },
    verdict: 'torn',
  },
  {
    label: "rows are missing that nobody deletes: the hole is the journal's own, and is reported",
    when: { part: ['rows'], missing: missingRows, rowAgain: ['unchanged'] },
    verdict: 'whole',
  },
];

/**
 * The verdict when numbers are missing.
 *
 * @throws {Error} the facts contradict each other: a bug
 */
export function judgeNumbers(facts: NumberFacts): NumberVerdict {
  return verdictOf(numberCases, facts);
}

/** How the last number at the cut can be known when the row, being ahead of R, does not say it. */
export interface LastFacts {
  /** What the call is to answer: with events, the number has to be of the same moment. */
  readonly wanted: 'events' | 'number';
  /**
   * The head's first append: there is none; or the row, read again after the event rows, hides
   * neither its number nor all event rows found after it; or it does (`hidden`), so that event rows
   * may be gone that show more. Where it does because the head deletes as far, the last number of a
   * row before the end may say what became of the append: it `took` its numbers, or `lost` against
   * what was deleted.
   */
  readonly append: 'none' | 'free' | 'took' | 'lost' | 'hidden';
}

/** When the row does not say the last number. */
export const lastCases: readonly Case<LastFacts, 'whole' | 'torn'>[] = [
  {
    label: 'the event rows say it; without any, what was stored ends before the first append',
    when: { append: ['free'] },
    verdict: 'whole',
  },
  {
    label: 'the head deleted the rows, and the last number of the row shows how far they reached',
    when: { append: ['took', 'lost'] },
    verdict: 'whole',
  },
  {
    // A delete reaches at most the last number. One that came before the first append, and reached
    // it, shows that the number was taken: the append loses, and what it lost against is gone. The
    // next look finds the delete in its head, or R at the row.
    label: 'what could be in the way of the first append is deleted, and nothing shows what it was',
    when: { append: ['hidden'] },
    verdict: 'torn',
  },
  {
    label: 'nothing is left that says it; the row says the number of a later moment, which will do',
    when: { wanted: ['number'], append: ['none'] },
    verdict: 'whole',
  },
  {
    label: 'nothing is left that says it, and the events are of another moment than the row',
    when: { wanted: ['events'], append: ['none'] },
    verdict: 'torn',
  },
];

/**
 * The verdict when the row does not say the last number.
 *
 * @throws {Error} the facts contradict each other: a bug
 */
export function judgeLast(facts: LastFacts): 'whole' | 'torn' {
  return verdictOf(lastCases, facts);
}
