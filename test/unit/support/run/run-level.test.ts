import { expect } from 'chai';

import type { ResultLine } from '../../../support/run/result-file-reporter.ts';
import { outcomeOf } from '../../../support/run/run-level.ts';

const end: ResultLine = { type: 'end' };
const passed: ResultLine = { type: 'passed', title: 'holds' };
const failed: ResultLine = { type: 'failed', title: 'breaks', detail: 'AssertionError' };

interface Given {
  readonly lines: readonly ResultLine[];
  readonly code?: number | undefined;
  readonly timedOut?: boolean;
  readonly grep?: string;
}

function outcome({ lines, timedOut = false, grep, ...rest }: Given) {
  const code = 'code' in rest ? rest.code : 0;
  const signal = new AbortController().signal;
  return outcomeOf(
    { name: 'unit' },
    {
      run: { root: '.', env: {}, signal, grep },
      result: { code, timedOut, stdout: '', stderr: 'last words' },
      lines,
      durationMs: 1,
    },
  );
}

describe('the outcome of a level', () => {
  it('counts each result line once', () => {
    const { passed: passes, failures } = outcome({
      lines: [passed, failed, passed, end],
      code: 1,
    });
    expect(passes).to.equal(2);
    expect(failures).to.deep.equal([{ title: 'breaks', detail: 'AssertionError' }]);
  });

  it('is a failure when mocha ends before its last test, although every test passed', () => {
    const { failures } = outcome({ lines: [passed], code: 1 });
    expect(failures.map(({ title }) => title)).to.deep.equal([
      'mocha ended early, with exit code 1',
    ]);
    expect(failures[0]?.detail).to.include('last words');
  });

  it('names the test that was under way when the process hung', () => {
    const started: ResultLine = { type: 'started', title: 'waits for ever' };
    const { failures } = outcome({ lines: [passed, started], timedOut: true });
    expect(failures[0]?.detail).to.include('last test: waits for ever');
  });

  it('is a failure when a signal ended mocha', () => {
    const { failures } = outcome({ lines: [], code: undefined });
    expect(failures.map(({ title }) => title)).to.deep.equal(['mocha ended early, with a signal']);
  });

  it('is a failure when files hold no tests, unless a pattern was asked for', () => {
    expect(outcome({ lines: [end] }).failures).to.have.length(1);
    expect(outcome({ lines: [end], grep: 'nothing like it' }).failures).to.have.length(0);
  });

  it('is a failure when an exit code speaks of a failure that no line shows', () => {
    expect(outcome({ lines: [passed, end], code: 7 }).failures).to.have.length(1);
  });

  it('is one failure when the process stays alive after its last test', () => {
    const stuck: ResultLine = { type: 'stuck', resources: ['TCPSocketWrap'] };
    const { failures } = outcome({ lines: [passed, end, stuck], code: 1 });
    expect(failures).to.deep.equal([
      {
        title: 'the process did not end after its last test',
        detail: 'still open: TCPSocketWrap',
      },
    ]);
  });

  it('is a failure when the level ran out of time', () => {
    expect(outcome({ lines: [passed], timedOut: true }).failures).to.have.length(1);
  });
});
