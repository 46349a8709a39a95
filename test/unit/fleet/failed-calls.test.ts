import { expect } from 'chai';
import { FailedCalls } from '../../../src/fleet/failed-calls.ts';
import { RemoteCallError } from '../../../src/model/errors.ts';
import { RecordingLogger } from '../../support/recording-logger.ts';

const untaken = new RemoteCallError('busy', { stored: 'no' });
const unanswered = new RemoteCallError('reset', { stored: 'unknown' });
const [one, other] = ['one', 'other'].map((id) => ({ id, address: `http://${id}` }));

describe('commands that another process did not take or answer', () => {
  it('are warned of once a minute and process, and the others are there at debug', () => {
    const log = new RecordingLogger();
    let nowMs = 1_000;
    const clock = { nowMs: () => nowMs, steadyMs: () => nowMs, sleep: () => Promise.resolve() };
    const failed = new FailedCalls({ log, clock });
    const note = (member = one, error = untaken): void => {
      if (member !== undefined) failed.note(member, error);
    };
    note();
    note();
    note(other, unanswered);
    nowMs += 59_999;
    note();
    expect(log.of('warn')).to.deep.equal([
      'another instance did not take a command',
      'another instance has not answered a command',
    ]);
    expect(log.of('debug')).to.have.length(2);
    nowMs += 1;
    note();
    note();
    expect(log.of('warn')).to.have.length(3);
    expect(log.of('debug')).to.have.length(3);
  });
});
