import { createRequire } from 'node:module';
import { expect } from 'chai';
import { driverLog } from '../../../src/kafka/driver/driver-log.ts';
import { protocolError } from '../../../src/kafka/driver/kafkajs.ts';
import { RecordingLogger } from '../../support/recording-logger.ts';

const require = createRequire(import.meta.url);
const RequestQueue = require('kafkajs/src/network/requestQueue');

describe('the driver as repaired', () => {
  const logger = { debug: () => {}, namespace: () => logger };
  const queueOf = () =>
    new RequestQueue({
      maxInFlightRequests: 1,
      requestTimeout: 1_000,
      clientId: 't',
      broker: 'b',
      logger,
    });
  const request = (correlationId: number, sent: number[]) => ({
    entry: { correlationId, resolve: () => {}, reject: () => {} },
    expectResponse: true,
    requestTimeout: null,
    sendRequest: () => sent.push(correlationId),
  });

  it('arms no timer after an answer when nothing waits: the 1 ms loop of kafkajs', () => {
    const queue = queueOf();
    const sent: number[] = [];
    queue.push(request(1, sent));
    queue.fulfillRequest({ correlationId: 1, payload: null, size: 0 });
    expect(queue.throttleCheckTimeoutId).to.equal(null);
    queue.destroy();
  });

  it('still sends a request that had to wait', () => {
    const queue = queueOf();
    const sent: number[] = [];
    queue.push(request(1, sent));
    queue.push(request(2, sent));
    expect(sent).to.deep.equal([1]);
    expect(queue.throttleCheckTimeoutId).to.not.equal(null);
    queue.fulfillRequest({ correlationId: 1, payload: null, size: 0 });
    expect(sent).to.deep.equal([1, 2]);
    queue.destroy();
  });
});

describe('driverLog', () => {
  let nowMs: number;
  let log: RecordingLogger;
  let closed: boolean;
  let write: (level: number, message: string, error?: string) => void;
  beforeEach(() => {
    nowMs = 0;
    closed = false;
    log = new RecordingLogger();
    const clock = { nowMs: () => nowMs, steadyMs: () => nowMs, sleep: async () => {} };
    const create = driverLog(log, clock, () => closed)(4);
    write = (level, message, error) =>
      create({
        namespace: 'Connection',
        level,
        label: '',
        log: { timestamp: '', message, ...(error === undefined ? {} : { error }) } as never,
      });
  });

  it('keeps every line of the driver, at debug', () => {
    write(1, 'Connection error: x');
    write(4, 'Starting');
    expect(log.of('debug')).to.deep.equal(['Connection error: x', 'Starting']);
    expect(log.of('info')).to.deep.equal([]);
  });

  it('does not send whoever lacks a topic to the replicas alone', () => {
    write(1, 'Response Metadata(key: 3, version: 6)', protocolError(3).message);
    expect(log.of('warn')[0]).to.match(/a topic does not exist.*look whether the topic is there/);
  });

  it('tells one kind of trouble once, with what to do when it persists, and again after five minutes', () => {
    for (let i = 0; i < 5; i++) write(1, `Connection error: connect ECONNREFUSED 127.0.0.1:${i}`);
    expect(log.of('warn')).to.have.length(1);
    expect(log.of('warn')[0]).to.include('retries by itself. If this persists, look at the broker');
    nowMs = 300_000;
    write(1, 'Connection error: again');
    expect(log.of('warn')).to.have.length(2);
  });

  // Kafka's protocol guide: these errors are not retriable. kafkajs logs the login with its own
  // text.
  for (const [message, error] of [
    ['SASL PLAIN authentication failed: Authentication failed: Invalid username or password'],
    ['Response CreateTopics(key: 19, version: 3)', protocolError(29).message],
    ['Response CreateTopics(key: 19, version: 3)', protocolError(38).message],
    ['Response JoinGroup(key: 11, version: 5)', protocolError(26).message],
  ] as const) {
    it(`does not say that a refusal is tried again: ${error ?? message}`, () => {
      write(1, message, error);
      expect(log.of('warn')).to.have.length(1);
      expect(log.of('warn')[0]).to.include('does not try again').and.not.include('retries');
    });
  }

  it('says that a retriable answer is tried again', () => {
    write(1, 'Response Produce(key: 0, version: 7)', protocolError(19).message);
    expect(log.of('warn')[0]).to.include('retries by itself').and.include('in sync');
  });

  it('claims nothing about a failure that it does not know', () => {
    write(1, 'something else');
    expect(log.of('warn')[0]).to.include('something else').and.not.include('the driver');
  });

  it('says that the group joins again, though the driver gives up on it', () => {
    write(1, 'Response Heartbeat(key: 12, version: 3)', protocolError(27).message);
    expect(log.of('warn')[0]).to.include('retries by itself');
  });

  it('tells different kinds apart', () => {
    write(1, 'This server is not the leader for that topic-partition');
    write(1, 'Connection timeout');
    expect(log.of('warn')).to.have.length(2);
    expect(log.of('warn')[0]).to.include('leader');
  });

  it('warns of nothing after the client was closed', () => {
    closed = true;
    write(1, 'Connection error: the producer was destroyed');
    expect(log.of('warn')).to.deep.equal([]);
  });
});
