import { expect } from 'chai';
import { type AdmissionRules, type Arrival, admit } from '../../../src/remote/admission.ts';

const rules: AdmissionRules = {
  token: 'word',
  maxMessageBytes: 1_024,
  maxCallsInFlight: 2,
  maxBytesInFlight: 2_000,
};
const right: Arrival = {
  method: 'POST',
  url: '/kafka-journal/fleet/1/ask',
  headers: {
    authorization: 'Bearer word',
    'kafka-journal-deadline-ms': '500',
    'content-length': '17',
  },
  callsUnderWay: 1,
  bytesUnderWay: 100,
  isClosing: false,
};

function statusOf(over: Partial<Arrival>): number {
  const admission = admit({ ...right, ...over }, rules);
  return admission.type === 'refused' ? admission.status : 200;
}

function withHeader(name: string, value: string | undefined): Partial<Arrival> {
  return { headers: { ...right.headers, [name]: value } };
}

describe('a server that decides by the headers of a call', () => {
  it('takes one that is right, with its name, deadline and length', () => {
    expect(admit(right, rules)).to.deep.equal({
      type: 'admitted',
      name: 'ask',
      deadlineMs: 500,
      bytes: 17,
    });
  });

  it('asks for the token first: without it a caller learns nothing else', () => {
    for (const given of [undefined, '', 'word', 'Bearer wor', 'Bearer word ', 'bearer word']) {
      const headers = { ...withHeader('authorization', given).headers, 'content-length': '9999' };
      expect(statusOf({ headers, url: '/', isClosing: true })).to.equal(401);
    }
    const open = admit(
      { ...right, ...withHeader('authorization', undefined) },
      { ...rules, token: undefined },
    );
    expect(open.type).to.equal('admitted');
  });

  it('knows its own version only', () => {
    for (const version of ['0', '2', '01', '']) {
      expect(statusOf({ url: `/kafka-journal/fleet/${version}/ask` })).to.equal(404);
    }
  });

  it('takes names of lower-case letters and hyphens', () => {
    expect(statusOf({ url: '/kafka-journal/fleet/1/hand-over' })).to.equal(200);
    for (const name of ['', 'Ask', '-a', 'a/b', 'a?b=c', '%61', 'a'.repeat(65)]) {
      expect(statusOf({ url: `/kafka-journal/fleet/1/${name}` }), name).to.equal(404);
    }
  });

  it('takes a deadline that a timer can keep', () => {
    const status = (text: string | undefined) =>
      statusOf(withHeader('kafka-journal-deadline-ms', text));
    expect(status('2147483647')).to.equal(200);
    for (const wrong of [undefined, '', '0', '-1', '1.5', '1e3', '2147483648', 'soon']) {
      expect(status(wrong), wrong).to.equal(400);
    }
  });

  it('takes bodies up to its bound, inclusive', () => {
    const status = (text: string | undefined) => statusOf(withHeader('content-length', text));
    expect(status('0')).to.equal(200);
    expect(status('1024')).to.equal(200);
    expect(status('1025')).to.equal(413);
    expect(status(undefined)).to.equal(400);
  });

  it('takes as many calls as it may have under way, and none while it closes', () => {
    expect(statusOf({ callsUnderWay: 2 })).to.equal(429);
    expect(statusOf({ bytesUnderWay: 2_000 - 17 })).to.equal(200);
    expect(statusOf({ bytesUnderWay: 2_000 - 16 })).to.equal(429);
    expect(statusOf({ isClosing: true })).to.equal(503);
  });
});
