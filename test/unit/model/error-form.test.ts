import { expect } from 'chai';
import { errorForm, errorOf } from '../../../src/model/error-form.ts';
import * as catalogue from '../../../src/model/errors.ts';

const {
  CodecError,
  CommandRejectedError,
  JournalError,
  NotOwnerError,
  RecoveryFailedError,
  StoreUnavailableError,
} = catalogue;

/** Through JSON, as to another process. */
function travel(error: unknown): unknown {
  return errorOf(JSON.parse(JSON.stringify(errorForm(error))));
}

/** Everything that an error says, its stack excepted. */
function said(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const { message, name } = error;
  return {
    class: error.constructor,
    message,
    name,
    fields: Object.fromEntries(Object.entries(error)),
    cause: said(error.cause),
  };
}

const classes = Object.entries(catalogue).filter(([, Type]) => Type !== JournalError);
const problems = [{ path: 'a.b', file: 'x.conf', line: 3, message: 'is no number' }];
/** What the classes ask for, all at once: each takes what is its own. */
const options = {
  path: 'event.items[3].at',
  place: { topic: 't', partition: 1, offset: 5, id: 'a', seqNr: 2 },
  expected: 3,
  actual: 5,
  owner: { partition: 1, offset: 7, holder: 'h', address: 'http://a:1' },
  cause: new StoreUnavailableError('gone', { cause: new Error('socket closed') }),
};

describe('an error for another process', () => {
  for (const [name, Type] of classes) {
    it(`keeps all that it says: ${name}`, () => {
      for (const stored of ['no', 'unknown', 'yes'] as const) {
        const first = name === 'ConfigError' ? problems : 'what happened';
        const error = Reflect.construct(Type, [first, { ...options, stored }]);
        const back = travel(error);
        expect(back).to.be.instanceOf(Type);
        expect(said(back)).to.deep.equal(said(error));
      }
    });
  }

  it('keeps what is said of it when nothing more is known', () => {
    const error = new NotOwnerError('taken over');
    const back = travel(error) as typeof error;
    expect(back.owner).to.equal(undefined);
    expect('cause' in back).to.equal(false);
  });

  it('keeps code, stored and retryable of an error that this version does not know', () => {
    class LaterError extends JournalError {
      readonly code = 'OF_ANOTHER_VERSION';
      override readonly retryable = true;
      override readonly stored = 'unknown';
      readonly hint = { wait: 5 };
    }
    const back = travel(new LaterError('no idea', { cause: new CodecError('bad') }));
    expect(back).to.be.instanceOf(JournalError);
    expect(back).to.deep.include({
      code: 'OF_ANOTHER_VERSION',
      retryable: true,
      stored: 'unknown',
      name: 'LaterError',
      message: 'no idea',
      hint: { wait: 5 },
    });
    expect((back as Error).cause).to.be.instanceOf(CodecError);
  });

  it('keeps name, message and fields of what is not ours', () => {
    class NotEnough extends Error {
      override readonly name = 'NotEnough';
      readonly code = 'E42';
      readonly missing = { cents: 5 };
      readonly at = new Date(0);
      readonly inner = new Error('of no interest');
    }
    const error = new CommandRejectedError('refused', { cause: new NotEnough('5 cents short') });
    const { cause } = travel(error) as Error;
    expect(cause).to.be.instanceOf(Error);
    expect(cause).to.deep.include({ name: 'NotEnough', message: '5 cents short', code: 'E42' });
    expect(Object.keys(cause as Error)).to.deep.equal(['code', 'missing']);
    expect(travel(new TypeError('x'))).to.include({ name: 'TypeError', message: 'x' });
    const abort = travel(AbortSignal.abort().reason);
    expect(abort).to.be.instanceOf(Error);
    expect(abort).to.include({ name: 'AbortError' });
  });

  it('keeps a thrown value that is no error, or a short text for it', () => {
    expect(travel('just this')).to.equal('just this');
    expect(travel({ reason: 'full', left: 0 })).to.deep.equal({ reason: 'full', left: 0 });
    expect(travel(undefined)).to.equal('undefined');
    expect(travel(() => 1)).to.equal('a function');
    expect((travel(new CommandRejectedError('no', { cause: 'full' })) as Error).cause).to.equal(
      'full',
    );
  });

  it('leaves its stack where it was made', () => {
    const error = new RecoveryFailedError('no', { cause: new Error('why') });
    Object.defineProperty(error, 'stack', { value: error.stack, enumerable: true });
    expect(JSON.stringify(errorForm(error))).to.not.include('error-form.test');
  });

  it('ends after ten causes, also when it is its own', () => {
    const error = new Error('round');
    error.cause = error;
    let depth = 0;
    for (let at = travel(error) as Error; at.cause !== undefined; at = at.cause as Error) depth++;
    expect(depth).to.equal(10);
  });

  it('is a plain text when it cannot be read', () => {
    const error = new Error('x');
    Object.defineProperty(error, 'message', {
      get: () => {
        throw new Error('ha');
      },
    });
    expect(travel(error)).to.equal('an error that cannot be read');
  });

  it('takes no member from the message that is not a field', () => {
    const form = JSON.parse(
      '{"name":"X","message":"m","fields":{"__proto__":{"bad":1},"stack":"s","message":"other"}}',
    );
    const back = errorOf(form) as Error;
    expect(back).to.be.instanceOf(Error);
    expect(back).to.include({ message: 'm' });
    expect(back.stack).to.not.equal('s');
    expect('bad' in back).to.equal(false);
  });

  it('is refused when it is none, with the place', () => {
    const ours = { code: 'CLOSED', name: 'ClosedError', message: 'm', fields: {} };
    const wrong: readonly (readonly [unknown, string])[] = [
      [null, 'error must be an object, not null'],
      [[], 'error must be an object, not an array'],
      [{ name: 'X', fields: {} }, 'error.message must be a text, not undefined'],
      [{ message: 'm', fields: {} }, 'error.name must be a text, not undefined'],
      [{ name: 'X', message: 'm' }, 'error.fields must be an object, not undefined'],
      [{ ...ours, code: 5 }, 'error.code must be a text, not 5'],
      [ours, 'error.fields.stored must be one of no, unknown, yes, not undefined'],
      [{ ...ours, fields: { stored: 'no' } }, 'error.fields.retryable must be true or false'],
      [{ ...ours, cause: 'x' }, 'error.cause must be an object, not "x"'],
    ];
    for (const [form, message] of wrong) {
      expect(() => errorOf(form), message).to.throw(CodecError, message);
    }
  });
});
