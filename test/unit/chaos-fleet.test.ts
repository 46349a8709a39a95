import { expect } from 'chai';
import { type Answer, Answers } from '../chaos/fleet-answers.ts';
import type { Disturbance, Fault } from '../chaos/fleet-disturbances.ts';
import { countFailures, type Failure } from '../chaos/fleet-load.ts';
import { type Gap, judgeStalls } from '../chaos/fleet-stalls.ts';
import { Works } from '../chaos/fleet-works.ts';

/** Life, state shown, when its call began, when it was received. */
type Shown = readonly [life: string, seqNr: number, beganMs: number, receivedMs: number];

describe('the judge of answers', () => {
  const broken = (...shown: readonly Shown[]): number => {
    const answers = new Answers();
    for (const [life, seqNr, beganMs, receivedMs] of shown) {
      answers.accept({ key: 'k', life, seqNr, beganMs, receivedMs } satisfies Answer);
    }
    return answers.broken.length;
  };

  it('allows a hand-over, and a way back in a new life', () => {
    expect(broken(['a/1', 1, 0, 1], ['b/1', 2, 2, 3], ['a/2', 3, 4, 5])).to.equal(0);
  });

  it('allows answers of two whose calls were under way together', () => {
    expect(broken(['a/1', 1, 0, 1], ['b/1', 2, 2, 5], ['a/1', 1, 3, 6])).to.equal(0);
  });

  it('refuses a state older than one shown before the call began', () => {
    expect(broken(['a/1', 2, 0, 1], ['b/1', 1, 2, 3])).to.equal(1);
    expect(broken(['a/1', 2, 0, 3], ['b/1', 1, 2, 4])).to.equal(0);
  });

  it('refuses a life that answers after its successor', () => {
    expect(broken(['a/1', 1, 0, 1], ['b/1', 1, 2, 3], ['a/1', 1, 4, 5])).to.equal(1);
  });

  it('does not take a late answer of the first life for a third life', () => {
    const late: Shown = ['a/1', 1, 1.5, 4];
    expect(broken(['a/1', 1, 0, 1], ['b/1', 1, 2, 3], late, ['b/1', 1, 5, 6])).to.equal(0);
  });
});

const disturbance = (what: Fault, fromMs: number, toMs: number): Disturbance => ({
  what,
  instance: 'a',
  fromMs,
  toMs,
});

describe('the judge of stalls', () => {
  const limits = { failures: 0, keptMs: 10, movedMs: 100, lostMs: 1_000, unreachedMs: 50 };
  const gap = (before: string, after: string, toMs: number): Gap => ({
    key: 'k',
    before,
    after,
    fromMs: 0,
    toMs,
  });
  const usual = Array.from({ length: 10 }, () => gap('a/1', 'a/1', 1));
  const cases: readonly (readonly [string, Gap, readonly Disturbance[], string, number])[] = [
    ['of a key that stays', gap('a/1', 'a/2', 12), [], 'kept', 1],
    ['of one that stays, within its limit', gap('a/1', 'a/1', 11), [], 'kept', 0],
    ['of a key that moves', gap('a/1', 'b/1', 102), [], 'moved', 1],
    ['of one that moves, within its limit', gap('a/1', 'b/1', 101), [], 'moved', 0],
    [
      'after a kill',
      gap('a/1', 'b/1', 1_002),
      [disturbance('kill', 5, Infinity)],
      'after: kill',
      1,
    ],
    ['of a key elsewhere', gap('b/1', 'b/1', 12), [disturbance('kill', 5, Infinity)], 'kept', 1],
    ['before a freeze', gap('a/1', 'a/1', 12), [disturbance('freeze', 20, 30)], 'kept', 1],
    [
      'of a key that nobody reached',
      gap('a/1', 'a/1', 81),
      [disturbance('cut off from its peers', 10, 40)],
      'after: cut off from its peers',
      0,
    ],
  ];
  for (const [what, stalled, disturbances, name, over] of cases) {
    it(`holds the limit ${what}`, () => {
      const { classes, usualMs } = judgeStalls([...usual, stalled], disturbances, limits);
      expect(usualMs).to.equal(1);
      expect(classes[name]?.over).to.have.length(over);
    });
  }
});

describe('the count of failures', () => {
  const failure = (fromMs: number, toMs: number): Failure => {
    return { name: 'CODE (stored: no)', instance: 'b', fromMs, toMs };
  };
  const unexplained = (fault: Disturbance, ...failures: readonly Failure[]): number =>
    countFailures(failures, [fault], 1_000).unexplained.count;

  it('explains those of calls that a fault of any instance met, or its aftermath', () => {
    const freeze = disturbance('freeze', 10_000, 20_000);
    expect(unexplained(freeze, failure(9_000, 11_000), failure(23_000, 99_000))).to.equal(0);
  });

  it('explains no others', () => {
    const kill = disturbance('kill', 10_000, Infinity);
    expect(unexplained(kill, failure(9_000, 9_999), failure(15_000, 15_001))).to.equal(2);
  });
});

describe('the judge of work', () => {
  type Report = readonly [instance: string, type: 'begun' | 'done' | 'aborted', atMs: number];
  const judge = (reports: readonly Report[], disturbances: readonly Disturbance[] = []) => {
    const works = new Works();
    for (const [instance, type, atMs] of reports) {
      works.accept(instance, { attempt: 'k:1:work', type, atMs });
    }
    const { again, broken } = works.judge(disturbances);
    return { again, broken: broken.length };
  };

  it('counts what was begun again after it had ended', () => {
    expect(
      judge([
        ['a', 'begun', 1],
        ['a', 'aborted', 2],
        ['b', 'begun', 3],
      ]),
    ).to.deep.equal({
      again: { 'after an abort': 1 },
      broken: 0,
    });
  });

  it('counts what was begun again because the first instance was disturbed', () => {
    const killed = [disturbance('kill', 2, Infinity)];
    expect(
      judge(
        [
          ['b', 'begun', 3],
          ['a', 'begun', 1],
        ],
        killed,
      ),
    ).to.deep.equal({
      again: { kill: 1 },
      broken: 0,
    });
  });

  it('refuses what was begun again while the first instance was at it', () => {
    const late: Report = ['a', 'aborted', 4];
    expect(judge([['a', 'begun', 1], ['b', 'begun', 3], late])).to.deep.equal({
      again: {},
      broken: 1,
    });
  });
});
