import { expect } from 'chai';
import type { EventObject } from 'xstate';
import { createActor } from 'xstate';
import { RecordingLogger } from '../../support/recording-logger.ts';
import { failureOf, settle, testHost } from './support.ts';

interface Count extends EventObject {
  readonly type: 'count';
  readonly at?: Date;
}

/** A behaviour that counts, with callbacks that throw. */
function openCounting(options: object, inspect: () => void = () => {}) {
  const log = new RecordingLogger();
  const test = testHost({ log });
  const logic = test.host.behavior({
    types: { commands: {} as Count, events: {} as EventObject },
    persistenceId: 'b',
    initialState: 0,
    decide: ({ command }) => ({ type: 'persist', events: [{ ...command, type: 'counted' }] }),
    evolve: (state) => state + 1,
    ...options,
  });
  const actor = createActor(logic, { inspect });
  const errors: unknown[] = [];
  actor.subscribe({ error: (error) => errors.push(error) });
  actor.start();
  const ask = (command: Count) => test.host.ask(actor, command, { timeout: 1000 });
  return { ...test, log, actor, errors, ask };
}

/** Neither a text nor an error can be made of it. */
const textless: unknown = Object.create(null);
const fail = (): never => {
  throw textless;
};

describe('a callback that throws what is no text', () => {
  const callbacks: Readonly<Record<string, object>> = {
    decide: { decide: fail },
    evolve: { evolve: fail },
    tagger: { tagger: fail },
    metadata: { metadata: fail },
    expireAfter: { expireAfter: fail },
    'a validator of commands': {
      commandSchema: { '~standard': { version: 1, vendor: 'test', validate: fail } },
    },
    'a validator of events': {
      eventSchema: { '~standard': { version: 1, vendor: 'test', validate: fail } },
    },
    'an event adapter': { eventAdapter: { toJournal: fail, fromJournal: fail } },
  };
  for (const [name, options] of Object.entries(callbacks)) {
    it(`rejects the command, and the entity lives: ${name}`, async () => {
      const { ask, errors, journal } = openCounting(options);
      const error = await failureOf(ask({ type: 'count' }));
      expect(error.code).to.be.oneOf(['COMMAND_REJECTED', 'WRITE_REJECTED']);
      expect(errors).to.deep.equal([]);
      expect(journal.stored('b')).to.deep.equal([]);
    });
  }
});

describe('an event with a getter that throws', () => {
  it('is refused with its place', async () => {
    const event = Object.defineProperty({ type: 'counted' }, 'n', { enumerable: true, get: fail });
    const { ask } = openCounting({ decide: () => ({ type: 'persist', events: [event] }) });
    const error = await failureOf(ask({ type: 'count' }));
    expect(error).to.include({ code: 'WRITE_REJECTED', path: 'event' });
  });
});

describe('onSignal', () => {
  it('that throws when it hears of what cannot be stored leaves nobody without an answer', async () => {
    const { ask, errors } = openCounting({
      onSignal: ({ type }: { type: string }) => {
        if (type === 'persist-rejected') throw new Error('onSignal is broken');
      },
    });
    const error = await failureOf(ask({ type: 'count', at: new Date() }));
    expect(error).to.include({ code: 'WRITE_REJECTED', stored: 'no' });
    expect(errors).to.have.length(1);
  });
});

describe('an inspector', () => {
  it('that throws keeps no message from the actor: its askers are answered', async () => {
    let isBroken = false;
    const { ask, errors, log, actor, host } = openCounting({}, () => {
      if (isBroken) throw new Error('the inspector is broken');
    });
    await host.whenRecovered(actor);
    isBroken = true;
    expect((await ask({ type: 'count' })).snapshot.context).to.equal(1);
    expect(errors).to.deep.equal([]);
    expect(log.of('error')).to.include('an inspector threw');
  });
});

describe('a promise that somebody has forgotten to await', () => {
  const later = (): Promise<never> => Promise.reject(new Error('later'));
  const event = { type: 'counted' };
  const persist = (more: object) => ({
    decide: () => ({ type: 'persist', events: [event], ...more }),
    deliveries: { to: { mail: () => {} } },
  });
  const forgetful: Readonly<Record<string, () => object>> = {
    'in an event': () => persist({ events: [{ ...event, id: later() }] }),
    'as an event': () => persist({ events: [later()] }),
    'as the reason of decide': () => ({ decide: () => ({ type: 'reject', reason: later() }) }),
    'as a message': () => persist({ deliver: [{ to: 'mail', message: later() }] }),
    'as the id of a delivery': () => persist({ deliver: [{ to: 'mail', id: later() }] }),
    'as a reply to be stored': () => persist({ reply: later() }),
    'in the metadata': () => ({ metadata: () => ({ id: later() }) }),
    'as a header': () => ({ headers: () => ({ id: later() }) }),
    'as a tag': () => ({ tagger: () => [later()] }),
    'as what an adapter gives back': () => ({
      eventAdapter: { toJournal: (one: object) => one, fromJournal: () => [later()] },
    }),
  };
  for (const [place, options] of Object.entries(forgetful)) {
    it(`rejects the command alone, though it fails: ${place}`, async () => {
      const { host, actor, journal } = openCounting(options());
      const asked = host.ask(actor, { type: 'count' }, { commandId: 'a' });
      expect((await failureOf(asked)).code).to.match(/REJECTED|INVALID_INPUT/);
      await settle(); // an unhandled rejection would end the process
      expect(journal.stored('b')).to.deep.equal([]);
    });
  }
});
