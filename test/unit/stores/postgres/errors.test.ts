import { expect } from 'chai';
import {
  AccessDeniedError,
  FencedError,
  InvalidInputError,
  NotSetUpError,
  StoreUnavailableError,
  WriteRejectedError,
} from '../../../../src/model/errors.ts';
import { keepsConnection, toJournalError } from '../../../../src/stores/postgres/errors.ts';

/** An error of the server, as the driver throws it. */
function ofServer(code: string, severity = 'ERROR'): Error {
  return Object.assign(new Error(`state ${code}`), { code, severity });
}

describe('errors of PostgreSQL', () => {
  const meanings = {
    'a wrong password': ['28P01', AccessDeniedError],
    'a missing role': ['28000', AccessDeniedError],
    'a missing right': ['42501', AccessDeniedError],
    'a missing database': ['3D000', NotSetUpError],
    'a missing schema': ['3F000', NotSetUpError],
    'a missing table': ['42P01', NotSetUpError],
    'a missing column': ['42703', NotSetUpError],
    'a value that a type does not hold': ['22003', InvalidInputError],
    'an index entry that is too large': ['54000', WriteRejectedError],
    'a deadlock': ['40P01', StoreUnavailableError],
    'a statement that took too long': ['57014', StoreUnavailableError],
    'a server that shuts down': ['57P01', StoreUnavailableError],
    'a server that starts': ['57P03', StoreUnavailableError],
    'too many connections': ['53300', StoreUnavailableError],
    'a full disk': ['53100', StoreUnavailableError],
    'a standby': ['25006', StoreUnavailableError],
  } as const;
  for (const [what, [code, expected]] of Object.entries(meanings)) {
    it(`say what ${what} means (${code})`, () => {
      const error = toJournalError(ofServer(code), 'PostgreSQL at db:1');
      expect(error).to.be.instanceOf(expected);
      expect(error.message).to.contain('PostgreSQL at db:1').and.to.contain(`state ${code}`);
      expect(error.cause).to.be.instanceOf(Error);
    });
  }

  it('are retryable where no server answered', () => {
    const socket = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
    for (const error of [socket, new Error('timeout exceeded when trying to connect'), undefined]) {
      expect(toJournalError(error, 'here').retryable).to.equal(true);
    }
  });

  it('leave our own errors as they are', () => {
    const fenced = new FencedError('no');
    expect(toJournalError(fenced, 'here')).to.equal(fenced);
  });

  it('cost the connection unless the server refused just one statement', () => {
    expect(keepsConnection(ofServer('42P01'))).to.equal(true);
    expect(keepsConnection(ofServer('57P01', 'FATAL'))).to.equal(false);
    expect(keepsConnection(ofServer('57014'))).to.equal(false);
    expect(keepsConnection(ofServer('25006'))).to.equal(false);
    expect(keepsConnection(new Error('Query read timeout'))).to.equal(false);
  });
});
