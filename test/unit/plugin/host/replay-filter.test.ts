import { expect } from 'chai';
import { DataIntegrityError } from '../../../../src/model/errors.ts';
import {
  type FilterFinding,
  ReplayFilter,
  type ReplayFilterOptions,
} from '../../../../src/plugin/host/replay-filter.ts';
import { eventsIn, textOf } from './events.ts';

type Mode = ReplayFilterOptions['mode'];
type Options = Partial<Omit<ReplayFilterOptions, 'mode' | 'report'>>;

function filterOf(mode: Mode, options: Options = {}) {
  const findings: FilterFinding[] = [];
  const report = (finding: FilterFinding): void => {
    findings.push(finding);
  };
  const filter = new ReplayFilter({
    windowSize: 100,
    maxOldWriters: 10,
    ...options,
    mode,
    name: 'journal my.journal',
    report,
  });
  return { filter, found: () => textOf(findings.map(({ event }) => event)) };
}

/** What passes, one event at a time, and what is reported. */
function pass(
  mode: Mode,
  text: string,
  options?: Options,
): readonly [passed: string, found: string] {
  const { filter, found } = filterOf(mode, options);
  const passed = eventsIn(text).flatMap((event) => filter.take([event]));
  return [textOf([...passed, ...filter.end()]), found()];
}

const overlapping = 'A1 A2 A3 A4 A5 B4 B5';
const lateOld = 'A1 A2 B3 A4 B4';

describe('ReplayFilter', () => {
  it('F1: passes all events of one writer', () => {
    expect(pass('repair-by-discard-old', 'A1 A2 A3 A4 A5')).to.deep.equal(['A1 A2 A3 A4 A5', '']);
  });

  it('F2: passes events of no writer before those of one', () => {
    expect(pass('repair-by-discard-old', '1 2 A3 A4')).to.deep.equal(['1 2 A3 A4', '']);
  });

  it('F3: passes a hand-over', () => {
    expect(pass('repair-by-discard-old', 'A1 A2 A3 B4 B5')).to.deep.equal(['A1 A2 A3 B4 B5', '']);
  });

  it('F4: leaves out what the older writer has from the first number of the newer one on', () => {
    expect(pass('repair-by-discard-old', overlapping)).to.deep.equal(['A1 A2 A3 B4 B5', 'A4 A5']);
  });

  it('F5: leaves out events of a writer that another one has taken over from', () => {
    expect(pass('repair-by-discard-old', lateOld)).to.deep.equal(['A1 A2 B3 B4', 'A4']);
  });

  it('F6: keeps only the newest chain of several writers', () => {
    const [passed, found] = pass('repair-by-discard-old', 'A1 A2 A3 B2 B3 A4 C3 B4 C4 A5');
    expect(passed).to.equal('A1 B2 C3 C4');
    expect(found).to.equal('A2 A3 A4 B3 B4 A5');
  });

  for (const [name, text] of [
    ['F4', overlapping],
    ['F5', lateOld],
  ] as const) {
    it(`F7: fails on ${name} in mode fail, and gives nothing that was held back`, () => {
      const { filter } = filterOf('fail');
      expect(() => filter.take(eventsIn(text))).to.throw(
        DataIntegrityError,
        /^journal my\.journal gave .* overlaps/,
      );
      expect(filter.end()).to.deep.equal([]);
    });
  }

  for (const [name, text] of [
    ['F4', overlapping],
    ['F5', lateOld],
    ['F6', 'A1 A2 A3 B2 B3 A4 C3 B4 C4 A5'],
  ] as const) {
    it(`F8: passes everything of ${name} in mode warn, with a warning each`, () => {
      const [passed, found] = pass('warn', text);
      expect(passed).to.equal(text);
      expect(found).not.to.equal('');
    });
  }

  it('F9: passes equal numbers of one writer', () => {
    expect(pass('repair-by-discard-old', 'A1 A2 A2 A2 A3')).to.deep.equal(['A1 A2 A2 A2 A3', '']);
  });

  it('F10: finds a lower number of the same writer, as the mode says', () => {
    expect(pass('repair-by-discard-old', 'A1 A3 A2 A4')).to.deep.equal(['A1 A3 A4', 'A2']);
    expect(pass('warn', 'A1 A3 A2 A4')).to.deep.equal(['A1 A3 A2 A4', 'A2']);
    expect(() => pass('fail', 'A1 A3 A2')).to.throw(DataIntegrityError, /below 3/);
  });

  it('F11: remembers across batches, however they are cut', () => {
    const text = `A1 A2 A3 A4 A5 B3 B4 A6 B5`;
    const events = eventsIn(text);
    for (let cut = 0; cut <= events.length; cut++) {
      const { filter, found } = filterOf('repair-by-discard-old', { windowSize: 4 });
      const passed = [
        ...filter.take(events.slice(0, cut)),
        ...filter.take(events.slice(cut)),
        ...filter.end(),
      ];
      expect([textOf(passed), found()], `cut at ${cut}`).to.deep.equal([
        'A1 A2 B3 B4 B5',
        'A3 A4 A5 A6',
      ]);
    }
  });

  it('F12: cannot take back what has left the window, whatever batches events come in', () => {
    const text = 'A1 A2 A3 A4 A5 B2 B3';
    const expected = ['A1 A2 A3 B2 B3', 'A4 A5'];
    expect(pass('repair-by-discard-old', text, { windowSize: 3 })).to.deep.equal(expected);
    const { filter, found } = filterOf('repair-by-discard-old', { windowSize: 3 });
    const passed = [...filter.take(eventsIn(text)), ...filter.end()];
    expect([textOf(passed), found()]).to.deep.equal(expected);
  });

  it('F13: forgets the oldest of more former writers than it remembers', () => {
    const text = 'A1 B2 C3 D4 A5 D6';
    expect(pass('repair-by-discard-old', text, { maxOldWriters: 3 })[0]).to.equal('A1 B2 C3 D4 D6');
    // A is a new writer by now, and D an old one.
    expect(pass('repair-by-discard-old', text, { maxOldWriters: 2 })).to.deep.equal([
      'A1 B2 C3 D4 A5',
      'D6',
    ]);
  });

  it('holds back as many events as its window has, and no more', () => {
    const { filter } = filterOf('repair-by-discard-old', { windowSize: 2 });
    const released = eventsIn('A1 A2 A3 A4 A5').map((event) => textOf(filter.take([event])));
    expect(released).to.deep.equal(['', '', 'A1', 'A2', 'A3']);
    expect(textOf(filter.end())).to.equal('A4 A5');
    const other = filterOf('repair-by-discard-old', { windowSize: 2 }).filter;
    expect(textOf(other.take(eventsIn('A1 A2 A3 A4 A5')))).to.equal('A1 A2 A3');
    expect(textOf(other.take(eventsIn('A6')))).to.equal('A4');
  });
});
