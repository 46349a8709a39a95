import { expect } from 'chai';
import fc from 'fast-check';
import { RemoteCallError } from '../../../src/model/errors.ts';
import { type CallEnd, judgeCall } from '../../../src/remote/judge-call.ts';
import { protocolVersion, statuses } from '../../../src/remote/protocol.ts';

const call = { address: 'https://10.0.0.7:4711', name: 'ask', bytes: 17 };
const ours = String(protocolVersion);

function answer(status: number, version: string | undefined = ours, text = '{}'): CallEnd {
  return { type: 'answer', status, version, body: Buffer.from(text) };
}

const noText: CallEnd = { type: 'answer', status: 200, version: ours, body: Buffer.from([0xff]) };

/** `answered`, `refused`, or what the error says of the command. */
function judged(end: CallEnd, isSent = true): string {
  const outcome = judgeCall(call, end, isSent);
  return outcome instanceof RemoteCallError ? outcome.stored : outcome.type;
}

/** What a call came to whose body went out. */
const table: readonly (readonly [string, CallEnd, string])[] = [
  ['answered', answer(200), 'answered'],
  ['refused by the handler', answer(409), 'refused'],
  ['wrong token', answer(401), 'no'],
  ['another version', answer(404, '2'), 'no'],
  ['unknown path', answer(404), 'no'],
  ['headers that are wrong', answer(400), 'no'],
  ['too large', answer(413), 'no'],
  ['too many', answer(429), 'no'],
  ['closing', answer(503), 'no'],
  ['refused, in bytes that are no text', { ...noText, status: 409 }, 'no'],
  ['answered, in bytes that are no text', noText, 'unknown'],
  ['answered in another version', answer(200, '2'), 'unknown'],
  ['the handler has thrown', answer(500), 'unknown'],
  ['the answer was too large to be sent', answer(507), 'unknown'],
  ['a status that we do not give', answer(204), 'unknown'],
  ['the answer is too large here', { type: 'too-large', limit: 9 }, 'unknown'],
  ['expired', { type: 'expired', afterMs: 9 }, 'unknown'],
  ['broken', { type: 'broken', error: new Error('reset') }, 'unknown'],
  ['closing here', { type: 'closing' }, 'unknown'],
];

/** What another program answered. */
function foreign(status: number): CallEnd {
  return { type: 'answer', status, version: undefined, body: Buffer.alloc(0) };
}

const anyEnd: fc.Arbitrary<CallEnd> = fc.oneof(
  fc.record({
    type: fc.constant('answer' as const),
    status: fc.oneof(fc.constantFrom(...Object.values(statuses)), fc.integer({ min: 0, max: 999 })),
    version: fc.constantFrom(ours, '2', 'x', undefined),
    body: fc.uint8Array({ maxLength: 4 }).map((bytes) => Buffer.from(bytes)),
  }),
  fc.constantFrom<CallEnd>(
    { type: 'too-large', limit: 9 },
    { type: 'expired', afterMs: 9 },
    { type: 'broken', error: new Error('reset') },
    { type: 'closing' },
  ),
);

describe('what a call to another process came to', () => {
  for (const [name, end, outcome] of table) {
    it(`${name}: ${outcome}`, () => expect(judged(end)).to.equal(outcome));
  }

  it('another program that certainly did not take it: no; one that may have passed it on: unknown', () => {
    for (const status of [400, 401, 403, 404, 405, 413, 431]) {
      expect(judged(foreign(status)), String(status)).to.equal('no');
    }
    for (const status of [200, 204, 301, 408, 409, 429, 500, 502, 503, 504]) {
      expect(judged(foreign(status)), String(status)).to.equal('unknown');
    }
  });

  it('whatever comes before the body went out: no', () => {
    fc.assert(fc.property(anyEnd, (end) => judged(end, false) === 'no'));
  });

  it('whatever it was: an answer only under our version, and every error names call and address', () => {
    fc.assert(
      fc.property(anyEnd, fc.boolean(), (end, isSent) => {
        const outcome = judgeCall(call, end, isSent);
        if (!(outcome instanceof RemoteCallError)) {
          expect(isSent && end.type === 'answer' && end.version === ours).to.equal(true);
          return;
        }
        expect(outcome.message).to.contain(call.address).and.to.contain('ask');
        if (outcome.stored === 'unknown') expect(outcome.retryable).to.equal(false);
        // An error without an answer may be retried only when nothing was sent.
        if (end.type !== 'answer') expect(outcome.stored === 'no').to.equal(!isSent);
      }),
    );
  });

  it('what time does not heal is not retryable, though nothing is stored', () => {
    const isRetryable = (end: CallEnd, isSent = true) =>
      (judgeCall(call, end, isSent) as RemoteCallError).retryable;
    for (const end of [answer(401), answer(404, '2'), answer(413)]) {
      expect(isRetryable(end)).to.equal(false);
      expect(isRetryable(end, false)).to.equal(false);
    }
    const passing = [answer(400), answer(429), answer(503), foreign(401), foreign(404)];
    for (const end of passing) expect(isRetryable(end)).to.equal(true);
    expect(isRetryable({ type: 'broken', error: 1 }, false)).to.equal(true);
    expect(isRetryable({ type: 'expired', afterMs: 9 }, false)).to.equal(true);
  });

  it('errors say what to do', () => {
    const says = (end: CallEnd, isSent = true) => (judgeCall(call, end, isSent) as Error).message;
    expect(says(answer(401))).to.contain('fleet.remote.token');
    expect(says(answer(404, '2')))
      .to.contain('version 2')
      .and.to.contain(`${ours} here`);
    expect(says(answer(413)))
      .to.contain('17 bytes')
      .and.to.contain('max-message-size');
    expect(says(answer(429))).to.contain('max-calls-in-flight');
    expect(says(foreign(200))).to.contain('another program');
    expect(says({ type: 'broken', error: 1 }, false)).to.contain('fleet.remote.tls');
  });
});
