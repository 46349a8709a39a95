import { expect } from 'chai';
import { recordIdOf } from '../../../src/codec/record/record-id.ts';
import { Head } from '../../../src/history/head.ts';
import {
  type Case,
  isImpossible,
  judgeLast,
  judgeNumbers,
  judgeView,
  lastCases,
  matches,
  numberCases,
  viewCases,
} from '../../../src/history/judge-cut.ts';
import { type ReadView, viewFactsOf } from '../../../src/history/read-view.ts';
import type { JournalPointer } from '../../../src/model/journal-pointer.ts';
import { Offset, Partition, Topic } from '../../../src/model/position.ts';
import { SeqNr } from '../../../src/model/seq-nr.ts';
import { append, deletion, purge } from '../../support/journal/action-records.ts';

/** All values of each fact. */
type Domain<F> = { readonly [Name in keyof F]: readonly F[Name][] };

function combinations<F extends object>(domain: Domain<F>): F[] {
  let found: Partial<F>[] = [{}];
  for (const name of Object.keys(domain) as (keyof F)[]) {
    found = found.flatMap((facts) => domain[name].map((value) => ({ ...facts, [name]: value })));
  }
  return found as F[];
}

/** Walks every combination of the facts. */
function describeTable<F extends object, V>(
  name: string,
  cases: readonly Case<F, V>[],
  { domain, judge }: { readonly domain: Domain<F>; readonly judge: (facts: F) => V },
): void {
  describe(name, () => {
    const all = combinations(domain);

    it('has exactly one case for each combination of the facts', () => {
      for (const facts of all) {
        const found = cases.filter(({ when }) => matches(when, facts)).map(({ label }) => label);
        expect(found, JSON.stringify(facts)).to.have.length(1);
      }
    });

    it('gives the verdict of that case, and takes facts that contradict each other for a bug', () => {
      for (const facts of all) {
        const found = cases.find(({ when }) => matches(when, facts)) as Case<F, V>;
        if (isImpossible(found, facts)) expect(() => judge(facts)).to.throw('cannot observe');
        else expect(judge(facts)).to.equal(found.verdict);
      }
    });

    for (const one of cases) {
      it(`can observe: ${one.label}`, () => {
        const possible = all.filter((facts) => matches(one.when, facts));
        expect(possible.some((facts) => !isImpossible(one, facts))).to.equal(true);
      });
    }
  });
}

describe('The verdict of a read', () => {
  describeTable('before its rows are read', viewCases, {
    domain: {
      purge: ['none', 'counts', 'conditional'],
      row: ['none', 'other partition', 'replicated', 'named', 'ahead, same last', 'ahead'],
      generation: ['unnamed', 'first of head', 'another'],
      hides: ['nothing', 'some', 'all', 'earlier', 'later', 'being purged'],
    },
    judge: judgeView,
  });
  describeTable('when numbers are missing', numberCases, {
    domain: {
      part: ['rows', 'head'],
      missing: ['first', 'first again', 'between', 'last'],
      rowAgain: ['unread', 'unchanged', 'changed'],
    },
    judge: judgeNumbers,
  });
  describeTable('when the row does not say the last number', lastCases, {
    domain: {
      wanted: ['events', 'number'],
      append: ['none', 'free', 'took', 'lost', 'hidden'],
    },
    judge: judgeLast,
  });

  describe('over what was observed', () => {
    const topic = Topic.of('t');
    const partition = Partition.of(0);
    const at = (offset: number) => ({ partition, offset: Offset.of(offset) });

    /**
     * The records after R: `a2` appends event 2, `d1` deletes up to it, `p` purges, `p7` only where
     * 7 is last.
     */
    function view(
      line: string,
      row: Partial<JournalPointer> & { readonly at: JournalPointer['at'] },
      replicated = 0,
    ): ReadView {
      const head = new Head();
      const words = line.split(' ').filter((word) => word !== '');
      for (const [index, word] of words.entries()) {
        const offset = replicated + 1 + index;
        const number = Number(word.slice(1));
        if (word[0] === 'a') head.add(append(offset, number));
        else if (word[0] === 'd') head.add(deletion(offset, number));
        else head.add(word === 'p' ? purge(offset) : purge(offset, number));
      }
      const pointer = {
        segmentSize: 2,
        seqNr: SeqNr.of(9),
        deleteTo: undefined,
        expiry: undefined,
        recordId: recordIdOf(topic, at(0)),
        ...row,
      };
      const end = at(replicated + 1 + words.length);
      return { cut: { end, replicated: Offset.of(replicated) }, head, row: pointer };
    }
    const judged = (observed: ReadView, afterEnd: 'unread' | 'reason' | 'no reason' = 'unread') => {
      const verdict = judgeView(viewFactsOf(observed, topic, afterEnd));
      if (verdict.type !== 'whole') return verdict.type;
      return verdict.store === 'alive' ? `alive, last of ${verdict.last}` : verdict.store;
    };

    it('takes nothing of the store when the head purges, whatever the row says', () => {
      expect(judged(view('p', { at: at(5), purgingAt: Offset.of(9) }))).to.equal('purged');
    });

    it('asks the row whether a conditional purge counts, and its generation when it is ahead', () => {
      expect(judged(view('p0', { at: at(0) }))).to.equal('purged');
      expect(judged(view('p7', { at: at(0) }))).to.equal('alive, last of row');
      const begun = recordIdOf(topic, at(2));
      expect(judged(view('p0 a1', { at: at(2), recordId: begun }))).to.equal('purged');
      expect(judged(view('p7 a3', { at: at(2) }))).to.equal('alive, last of row');
      const seqNr = SeqNr.of(3);
      expect(judged(view('p7 a3', { at: at(2), seqNr }))).to.equal('alive, last of event rows');
      expect(judged(view('p7 a3', { at: at(2), recordId: undefined }))).to.equal('torn');
    });

    it('looks after the end where a row that is ahead hides more than the head deletes', () => {
      const deleted = view('a2', { at: at(1), seqNr: SeqNr.of(2), deleteTo: SeqNr.of(1) });
      expect(judged(deleted)).to.equal('look');
      expect(judged(deleted, 'reason')).to.equal('torn');
      expect(judged(deleted, 'no reason')).to.equal('alive, last of event rows');
      const known = view('a2 d1', { at: at(2), seqNr: SeqNr.of(2), deleteTo: SeqNr.of(1) });
      expect(judged(known)).to.equal('alive, last of event rows');
    });

    it('looks after the end where a row that stands hides everything, not where it hides some', () => {
      const all = view('', { at: at(0), seqNr: SeqNr.of(3), deleteTo: SeqNr.of(3) });
      expect(judged(all)).to.equal('look');
      expect(judged(all, 'reason')).to.equal('torn');
      expect(judged(all, 'no reason')).to.equal('alive, last of row');
      const some = view('', { at: at(0), seqNr: SeqNr.of(3), deleteTo: SeqNr.of(2) });
      expect(judged(some)).to.equal('alive, last of row');
    });

    it('takes the last number of a row in the head that no append up to there has given it', () => {
      const seqNr = SeqNr.of(10);
      expect(judged(view('d1 a10', { at: at(1) }))).to.equal('alive, last of row');
      expect(judged(view('a10 d1', { at: at(1), seqNr }))).to.equal('alive, last of event rows');
      expect(judged(view('a10 d1', { at: at(2), seqNr }))).to.equal('alive, last of event rows');
      expect(judged(view('a3 d1', { at: at(2) }))).to.equal('alive, last of row');
      expect(judged(view('d1', { at: at(2) }))).to.equal('alive, last of event rows');
    });

    it('begins again while a purge after its end is under way, and not for one that it sees', () => {
      const row = { at: at(0), purgingAt: Offset.of(1) };
      expect(judged(view('', row))).to.equal('torn');
      expect(judged(view('p', row))).to.equal('purged');
      expect(judged(view('p7', row))).to.equal('alive, last of row');
    });

    it('begins again for a purge before its end that it does not see: it is in another partition', () => {
      for (const purgingAt of [Offset.of(1), Offset.of(4)]) {
        expect(judged(view('a10 a11', { at: at(3), purgingAt }, 3))).to.equal('torn');
      }
    });

    it('begins again while a journal that has moved is being purged in another partition', () => {
      const elsewhere = { partition: Partition.of(1), offset: Offset.of(0) };
      const row = { at: elsewhere, deleteTo: SeqNr.of(10) };
      expect(judged(view('', { ...row, purgingAt: Offset.of(1) }), 'no reason')).to.equal('torn');
      expect(judged(view('', row), 'no reason')).to.equal('alive, last of row');
    });
  });
});
