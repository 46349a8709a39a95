import { expect } from 'chai';
import { protocolError } from '../../../src/kafka/driver/kafkajs.ts';
import { journalErrorOf, protocolErrorOf } from '../../../src/kafka/driver-errors.ts';
import {
  AccessDeniedError,
  ClosedError,
  LogUnavailableError,
  NotSetUpError,
  WriteRejectedError,
} from '../../../src/model/errors.ts';

const place = {
  address: 'b:9092',
  topic: 'journal',
  group: 'replicator-journal',
  right: 'READ',
} as const;

const named = (name: string, fields: object = {}): Error =>
  Object.assign(new Error(name), { name, ...fields });

/** As kafkajs wraps what it gave up on. */
const wrapped = (cause: Error): Error =>
  named('KafkaJSNumberOfRetriesExceeded', { cause: named('KafkaJSError', { cause }) });

// stack.md 4: what a missing grant looks like through kafkajs.
const table = [
  [protocolError(29), AccessDeniedError, 'READ on topic journal'],
  [protocolError(31), AccessDeniedError, 'WRITE on topic journal'],
  [protocolError(30), AccessDeniedError, 'READ on the group'],
  [named('KafkaJSGroupCoordinatorNotFound'), LogUnavailableError, 'b:9092'],
  [named('KafkaJSSASLAuthenticationError'), AccessDeniedError, 'password'],
  [protocolError(33), AccessDeniedError, 'SASL'],
  [named('KafkaJSAggregateError', { errors: [protocolError(29)] }), AccessDeniedError, 'journal'],
  [protocolError(3), NotSetUpError, 'topic journal does not exist'],
  [protocolError(17), NotSetUpError, 'topic journal'],
  [protocolError(23), NotSetUpError, "all replicators of a topic are Node's"],
  [protocolError(10), WriteRejectedError, 'journal'],
  [protocolError(6), LogUnavailableError, 'b:9092'],
  [named('KafkaJSConnectionError'), LogUnavailableError, 'b:9092'],
  [new Error('anything'), LogUnavailableError, 'anything'],
] as const;

describe('journalErrorOf', () => {
  for (const [error, type, text] of table) {
    const name = (error as { type?: string }).type ?? error.name;
    it(`turns ${name} into ${type.name}, also when the driver wrapped it, and keeps it as the cause`, () => {
      for (const thrown of [error, wrapped(error)]) {
        const mapped = journalErrorOf(thrown, place);
        expect(mapped).to.be.instanceOf(type);
        if (thrown === error) expect(mapped.message).to.include(text);
        expect(mapped.cause).to.equal(thrown);
      }
    });
  }

  it('names CREATE when a topic may not be created', () => {
    expect(journalErrorOf(protocolError(29), { ...place, right: 'CREATE' }).message).to.include(
      'CREATE',
    );
    expect(journalErrorOf(protocolError(31), { ...place, right: 'CREATE' }).message).to.include(
      'CREATE',
    );
  });

  it('names DESCRIBE when a group may not be looked at: READ would let its user join', () => {
    const { message } = journalErrorOf(protocolError(30), { ...place, right: 'DESCRIBE' });
    expect(message).to.include('DESCRIBE on the group').and.not.include('READ');
  });

  it('leaves our own errors as they are', () => {
    const error = new ClosedError('closed');
    expect(journalErrorOf(error, place)).to.equal(error);
  });

  it('finds the name of the protocol error below what the driver wraps around it', () => {
    expect(protocolErrorOf(wrapped(protocolError(10)))).to.equal('MESSAGE_TOO_LARGE');
    expect(protocolErrorOf(new Error('none'))).to.equal(undefined);
  });
});
