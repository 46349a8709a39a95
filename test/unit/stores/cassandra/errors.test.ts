import { expect } from 'chai';
import { isTransient, toJournalError } from '../../../../src/stores/cassandra/errors.ts';

const response = (code: number, message: string) => ({ name: 'ResponseError', code, message });

describe('errors of the driver', () => {
  const cases = {
    'unavailable: 2 required, 1 alive': [
      response(0x1000, 'Cannot achieve consistency'),
      'STORE_UNAVAILABLE',
    ],
    overloaded: [response(0x1001, 'Overloaded'), 'STORE_UNAVAILABLE'],
    'a write timeout': [response(0x1100, 'timed out'), 'STORE_UNAVAILABLE'],
    'a read timeout': [response(0x1200, 'timed out'), 'STORE_UNAVAILABLE'],
    'no host': [
      { name: 'NoHostAvailableError', message: 'All hosts tried', innerErrors: {} },
      'STORE_UNAVAILABLE',
    ],
    'a client timeout': [
      { name: 'OperationTimedOutError', message: 'no answer' },
      'STORE_UNAVAILABLE',
    ],
    'a cut socket': [
      Object.assign(new Error('Socket was closed'), { isSocketError: true }),
      'STORE_UNAVAILABLE',
    ],
    'a missing right': [response(0x2100, 'User client has no MODIFY permission'), 'ACCESS_DENIED'],
    'refused credentials': [
      {
        name: 'NoHostAvailableError',
        innerErrors: { '127.0.0.1:9042': { name: 'AuthenticationError', message: 'bad password' } },
      },
      'ACCESS_DENIED',
    ],
    'a missing table': [response(0x2200, 'unconfigured table journal'), 'NOT_SET_UP'],
    'a missing keyspace': [response(0x2200, "Keyspace 'journal' does not exist"), 'NOT_SET_UP'],
    'a missing column': [response(0x2200, 'Undefined column name headers'), 'NOT_SET_UP'],
    'an event that no mutation holds': [
      response(0x2200, 'Rejected an oversized mutation (too large)'),
      'WRITE_REJECTED',
    ],
  } as const;

  for (const [what, [error, expected]] of Object.entries(cases)) {
    it(`of ${what} become ${expected}, with the cause`, () => {
      const journalError = toJournalError(error, 'Cassandra at host:9042');
      expect(journalError).to.have.property('code', expected);
      expect(journalError).to.have.property('cause', error);
      expect(journalError.message).to.contain('Cassandra at host:9042');
      expect(isTransient(error)).to.equal(expected === 'STORE_UNAVAILABLE');
    });
  }

  it('say what the server said about a missing right', () => {
    const error = response(
      0x2100,
      'User client has no MODIFY permission on <table journal.journal>',
    );
    expect(toJournalError(error, 'Cassandra').message).to.contain(
      'no MODIFY permission on <table journal.journal>',
    );
  });
});
