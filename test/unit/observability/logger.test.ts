import { expect } from 'chai';
import { pino } from 'pino';
import {
  ConfigError,
  consoleLogger,
  describeError,
  type Logger,
  StoreUnavailableError,
} from '../../../src/index.ts';
import { instrumentJournal } from '../../../src/journal/instrumented-journal.ts';
import type { Journal } from '../../../src/journal/journal.ts';
import { Key } from '../../../src/model/key.ts';
import {
  consoleLoggerFrom,
  type LogFields,
  silentLogger,
  unfailing,
} from '../../../src/observability/logger.ts';

const refused = Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:9'), {
  stack: 'x\n    at y',
});
const unavailable = new StoreUnavailableError('Cassandra at c:9042 does not answer', {
  cause: refused,
});

describe('describeError', () => {
  it('gives the message with its code, then every cause, and the stack of what is not ours', () => {
    expect(describeError(unavailable)).to.equal(
      [
        'STORE_UNAVAILABLE: Cassandra at c:9042 does not answer',
        '  caused by: connect ECONNREFUSED 127.0.0.1:9',
        '      at y',
      ].join('\n'),
    );
  });

  it('prints no stack of an error that says all itself', () => {
    const problem = { path: 'a.b', file: 'a.conf', line: 3, message: 'is wrong' };
    expect(describeError(new ConfigError([problem]))).to.equal('CONFIG: a.b: is wrong (a.conf:3)');
  });

  it('has something to say of errors without a message, of no errors, and of rings', () => {
    expect(describeError(new AggregateError([refused, refused], ''))).to.match(
      /^connect ECONNREFUSED 127.0.0.1:9; connect ECONNREFUSED/,
    );
    expect(describeError('text')).to.equal('text');
    expect(describeError(undefined)).to.equal('undefined');
    const ring = new Error('ring');
    ring.cause = ring;
    expect(describeError(ring)).to.match(/^ring\n/);
  });
});

describe('consoleLogger', () => {
  const printed: string[] = [];
  const print = console.error;
  beforeEach(() => {
    printed.length = 0;
    console.error = (text: string) => printed.push(text);
  });
  afterEach(() => {
    console.error = print;
  });

  it('prints level, message and fields in one line, and nothing that is for debugging', () => {
    consoleLogger.debug({}, 'unseen');
    consoleLogger.info({}, 'seen');
    consoleLogger.child({ topic: 't' }).warn({ at: 2n, gone: undefined }, 'careful');
    expect(printed).to.deep.equal(['info: seen', 'warn: careful {"topic":"t","at":"2"}']);
  });

  it('prints the chain of an error under err', () => {
    consoleLogger.error({ id: 'a', err: unavailable }, 'entity failed');
    expect(printed.join('\n')).to.match(
      /^error: entity failed \{"id":"a"\}\n {2}STORE_UNAVAILABLE: Cassandra[^\n]*\n {2}caused by: connect ECONNREFUSED/,
    );
  });

  it('prints the line whatever its fields are', () => {
    const ring: Record<string, unknown> = {};
    ring['self'] = ring;
    consoleLogger.warn({ ring }, 'round');
    expect(printed[0]).to.match(/^warn: round \{ ring: .*Circular/);
  });

  it('leaves out what is below its level', () => {
    const log = consoleLoggerFrom('warn').child({ a: 1 });
    log.info({}, 'unseen');
    log.error({}, 'seen');
    expect(printed).to.deep.equal(['error: seen {"a":1}']);
  });
});

describe('log lines', () => {
  it('carry an error under err: no other name is a legal field', () => {
    const log: Logger = consoleLoggerFrom('error');
    // @ts-expect-error pino prints {} for an error that is not under err
    log.debug({ error: unavailable }, 'x');
    // @ts-expect-error the same of fields that are passed on
    const fields: LogFields = { error: unavailable.message };
    expect(fields).to.have.property('error');
  });

  it('let pino print message and causes', () => {
    const lines: string[] = [];
    const log: Logger = pino({ level: 'debug' }, { write: (line: string) => lines.push(line) });
    log.warn({ err: unavailable }, 'slow');
    expect(lines[0]).to.contain('does not answer').and.to.contain('ECONNREFUSED');
  });

  it('of a call that failed carry its error under err', async () => {
    const lines: LogFields[] = [];
    const line = (fields: LogFields): void => void lines.push(fields);
    const log: Logger = { debug: line, info: line, warn: line, error: line, child: () => log };
    const fails = () => Promise.reject(unavailable);
    const journal = { pointer: fails, purge: fails } as Partial<Journal> as Journal;
    const thresholdsMs = { append: 9, read: 9, pointer: 9, delete: 9, purge: 9, mark: 9 };
    const noted = instrumentJournal(journal, Key.of('t', 'i'), { log, thresholdsMs });
    await Promise.allSettled([noted.pointer(), noted.purge()]);
    expect(lines.map((fields) => fields['err'])).to.deep.equal([unavailable, unavailable]);
  });
});

describe('the logger of a user', () => {
  const lines: string[] = [];
  const log: Logger = {
    ...silentLogger,
    info: (_, message) => lines.push(message),
    warn: () => {
      throw new Error('the disk is full');
    },
    error: (async () => {
      throw new Error('not connected');
    }) as Logger['error'],
    child: () => log,
  };

  it('gets all lines, and harms nobody when it fails, at once or later, also as a child', () => {
    for (const one of [unfailing(log), unfailing(log).child({ n: 1 })]) {
      one.info({}, 'told');
      one.warn({}, 'lost');
      one.error({}, 'lost');
    }
    expect(lines).to.deep.equal(['told', 'told']);
  });

  it('drops the lines of a child that cannot be made', () => {
    const child = () => {
      throw new Error('no children');
    };
    unfailing({ ...log, child })
      .child({})
      .warn({}, 'lost');
  });
});
