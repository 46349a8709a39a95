import { once } from 'node:events';
import { connect } from 'node:net';
import { expect } from 'chai';

import { protocolVersion } from '../../../src/remote/protocol.ts';
import { until } from '../../chaos/chaos-world.ts';
import { echo, exchanged, failed, HeldHandler, portOf, RemoteWorld } from './remote-world.ts';

const request = { name: 'ask', body: '{}' };
const soon = { timeoutMs: 5_000 };

/** A call as text; a header or the length that is `undefined` is left out. */
function callText(
  over: {
    readonly line?: string;
    readonly headers?: Readonly<Record<string, string | undefined>>;
    readonly body?: string;
  } = {},
): string {
  const { line = 'POST /kafka-journal/fleet/1/ask', body = '{}' } = over;
  const headers = {
    host: 'a',
    connection: 'close',
    'content-length': String(body.length),
    'kafka-journal-deadline-ms': '1000',
    ...over.headers,
  };
  const lines = Object.entries(headers).filter(([, value]) => value !== undefined);
  const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  return `${line} HTTP/1.1\r\n${head}\r\n${body}`;
}

describe('a process that refuses a call', () => {
  it('says so for a wrong token and for none, on each call, and takes the right one', async () => {
    await using world = new RemoteWorld();
    const held = new HeldHandler();
    const owner = await world.open({ token: 'right' }, held.handle);
    for (const token of ['wrong', 'righ', 'right1', undefined]) {
      const caller = await world.open({ token });
      const error = await failed(caller.call(owner.address, request, soon));
      expect(error.stored).to.equal('no');
      expect(error.retryable).to.equal(false);
      expect(error.message).to.contain('fleet.remote.token').and.to.contain(owner.address);
      expect(error.message).not.to.contain('right');
    }
    expect(held.signals).to.deep.equal([]);
    const caller = await world.open({ token: 'right' });
    held.answer();
    expect((await caller.call(owner.address, request, soon)).type).to.equal('answered');
    const warnings = world.log.of('warn');
    expect(warnings, 'logged once, not at each call').to.have.lengthOf(1);
  });

  it('ignores a token when it asks for none', async () => {
    await using world = new RemoteWorld();
    const owner = await world.open();
    const caller = await world.open({ token: 'mine' });
    expect((await caller.call(owner.address, request, soon)).type).to.equal('answered');
  });

  it('has another version: both are named, by an older and by a newer process', async () => {
    await using world = new RemoteWorld();
    const owner = await world.open();
    const newer = await exchanged(
      owner.address,
      callText({ line: 'POST /kafka-journal/fleet/2/ask' }),
    );
    expect(newer).to.match(/^HTTP\/1.1 404 /);
    expect(newer).to.contain(`kafka-journal-fleet: ${protocolVersion}\r\n`);
    for (const asked of [false, true]) {
      const address = await world.foreign((socket) => {
        let got = '';
        socket.on('data', (bytes) => {
          got += bytes.toString();
          if (asked && got.length === bytes.length) socket.write('HTTP/1.1 100 Continue\r\n\r\n');
          else socket.end('HTTP/1.1 404 x\r\nkafka-journal-fleet: 2\r\ncontent-length: 0\r\n\r\n');
        });
      });
      const error = await failed(owner.call(address, request, soon));
      expect(error.stored).to.equal('no');
      expect(error.message).to.contain('version 2').and.to.contain('1 here');
    }
  });

  it('is another program: whatever a Kafka broker, an SSH or a web server says, nothing is stored', async () => {
    await using world = new RemoteWorld();
    const caller = await world.open();
    const programs: Readonly<Record<string, string>> = {
      garbage: '\0\0\0\u0017garbage',
      ssh: 'SSH-2.0-OpenSSH_9.2\r\n',
      web: 'HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\nno',
      proxy: 'HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n',
      ok: 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}',
      nothing: '',
    };
    for (const [name, answer] of Object.entries(programs)) {
      const address = await world.foreign((socket) =>
        socket.once('data', () => socket.end(answer)),
      );
      const error = await failed(caller.call(address, request, soon));
      expect(error.stored, name).to.equal('no');
      expect(error.message).to.contain(address);
    }
  });

  it('refuses a request above its bound by its headers, and goes on', async () => {
    await using world = new RemoteWorld();
    const held = new HeldHandler();
    held.answer();
    const owner = await world.open({ maxMessageBytes: 1024 }, held.handle);
    const caller = await world.open();
    for (const length of [1025, 70_000, 1_000_000]) {
      const large = { name: 'ask', body: '1'.repeat(length) };
      const error = await failed(caller.call(owner.address, large, soon));
      expect([error.stored, error.retryable]).to.deep.equal(['no', false]);
      expect(error.message).to.contain(`${length} bytes`).and.to.contain('max-message-size');
      expect((await caller.call(owner.address, request, soon)).type).to.equal('answered');
    }
    const most = { name: 'ask', body: '1'.repeat(1024) };
    expect((await caller.call(owner.address, most, soon)).type).to.equal('answered');
    expect(held.signals).to.have.lengthOf(4);
  });

  it('reads no more of a request than its bound, whatever its headers say', async () => {
    await using world = new RemoteWorld();
    const { address } = await world.open({ maxMessageBytes: 1024 });
    const endless = callText({
      headers: { 'content-length': undefined, 'transfer-encoding': 'chunked' },
      body: `100000\r\n${'1'.repeat(0x100000)}`,
    });
    expect(await exchanged(address, endless)).to.match(/^(HTTP\/1.1 400 |$)/);
    const both = callText({ headers: { 'transfer-encoding': 'chunked' } });
    expect(await exchanged(address, both)).to.match(/^HTTP\/1.1 400 /);
  });

  it('does not send a request above the bound of the caller', async () => {
    await using world = new RemoteWorld();
    const owner = await world.open();
    const caller = await world.open({ maxMessageBytes: 1024 });
    const large = { name: 'ask', body: 'é'.repeat(513) };
    const error = await failed(caller.call(owner.address, large, soon));
    expect(error.stored).to.equal('no');
    expect(error.message).to.contain('1026 bytes').and.to.contain('1024');
  });

  it('cannot undo what it did when its answer is too large, at its bound or at that of the caller', async () => {
    await using world = new RemoteWorld();
    const long = async () => ({ type: 'answered', body: '1'.repeat(3_000) }) as const;
    const owner = await world.open({}, long);
    const caller = await world.open({ maxMessageBytes: 2_000 }, long);
    for (const call of [
      caller.call(owner.address, request, soon),
      owner.call(caller.address, request, soon),
    ]) {
      const error = await failed(call);
      expect(error.stored).to.equal('unknown');
      expect(error.message).to.contain('max-message-size');
    }
  });

  it('has as many calls under way as it takes', async () => {
    await using world = new RemoteWorld();
    const held = new HeldHandler();
    const owner = await world.open({ maxCallsInFlight: 2 }, held.handle);
    const caller = await world.open();
    const arrivals = [held.arrival(), held.arrival()];
    const taken = [1, 2].map(() => caller.call(owner.address, request, soon));
    await Promise.all(arrivals);
    while (held.signals.length < 2) await held.arrival();
    const errors = [1, 2, 3].map(() => failed(caller.call(owner.address, request, soon)));
    for (const error of await Promise.all(errors)) {
      expect(error.stored).to.equal('no');
      expect(error.message).to.contain('max-calls-in-flight');
    }
    held.answer();
    await Promise.all(taken);
    expect((await caller.call(owner.address, request, soon)).type).to.equal('answered');
  });

  it('send what is urgent, whatever is under way', async () => {
    await using world = new RemoteWorld();
    const held = new HeldHandler();
    const owner = await world.open({}, held.handle);
    const caller = await world.open({ maxCallsInFlight: 1 });
    const first = held.arrival();
    const taken = caller.call(owner.address, request, soon);
    await first;
    const second = held.arrival();
    const urgent = caller.call(owner.address, request, { ...soon, isUrgent: true });
    await Promise.race([second, urgent]);
    held.answer();
    for (const { type } of await Promise.all([taken, urgent])) expect(type).to.equal('answered');
  });

  it('bound the bytes under way on both sides: what is above is not taken, and may be tried again', async () => {
    const bound = { maxBytesInFlight: 3_000, maxMessageBytes: 2_000 };
    for (const [ofOwner, ofCaller] of [
      [bound, {}],
      [{}, bound],
    ]) {
      await using world = new RemoteWorld();
      const held = new HeldHandler();
      const owner = await world.open(ofOwner, held.handle);
      const caller = await world.open(ofCaller);
      const big = { name: 'ask', body: JSON.stringify('x'.repeat(1_900)) };
      const arrival = held.arrival();
      const taken = caller.call(owner.address, big, soon);
      await arrival;
      const error = await failed(caller.call(owner.address, big, soon));
      expect([error.stored, error.retryable]).to.deep.equal(['no', true]);
      expect(error.message).to.contain('max-size-in-flight');
      const small = caller.call(owner.address, request, soon);
      held.answer();
      await Promise.all([taken, small]);
      // Nothing is left of what was under way.
      for (let i = 0; i < 5; i++) await caller.call(owner.address, big, soon);
    }
  });

  it('count an answer as long as its caller does not read it', async () => {
    await using world = new RemoteWorld();
    const long = JSON.stringify('x'.repeat(15_999_000));
    const bound = { maxBytesInFlight: 16_000_000, maxMessageBytes: 16_000_000 };
    const owner = await world.open(bound, async ({ body }) => {
      return { type: 'answered', body: body === '"long"' ? long : '{}' };
    });
    const caller = await world.open({ maxMessageBytes: 16_000_000 });
    const deaf = connect({ host: '127.0.0.1', port: portOf(owner.address) }).pause();
    deaf.write(callText({ body: '"long"' }));
    const big = { name: 'ask', body: JSON.stringify('x'.repeat(15_990_000)) };
    const outcome = () =>
      caller.call(owner.address, big, soon).then(
        ({ type }) => type,
        ({ stored }) => stored,
      );
    await until('a call is refused', async () => (await outcome()) === 'no', 2_000);
    deaf.destroy();
    await until('calls are taken again', async () => (await outcome()) === 'answered', 2_000);
  });

  it('answers requests that are no calls by their status', async () => {
    await using world = new RemoteWorld();
    const { address } = await world.open();
    const deadline = 'kafka-journal-deadline-ms';
    const cases: readonly (readonly [number, string])[] = [
      [200, callText()],
      [404, callText({ line: 'GET /kafka-journal/fleet/1/ask' })],
      [404, callText({ line: 'POST /kafka-journal/fleet/1/Ask' })],
      [404, callText({ line: 'POST /kafka-journal/fleet/1/ask/more' })],
      [404, callText({ line: 'POST /kafka-journal/fleet/1/' })],
      [404, callText({ line: 'POST /' })],
      [400, callText({ headers: { [deadline]: undefined } })],
      [400, callText({ headers: { [deadline]: '0' } })],
      [400, callText({ headers: { [deadline]: '-1' } })],
      [400, callText({ headers: { [deadline]: '1e3' } })],
      [400, callText({ headers: { 'content-length': undefined } })],
      [431, callText({ headers: { long: '1'.repeat(20_000) } })],
    ];
    for (const [status, text] of cases) {
      const answer = await exchanged(address, text);
      expect(answer, text.slice(0, 200)).to.match(new RegExp(`^HTTP/1.1 ${status} `));
    }
  });

  it('refuses a body that is not UTF-8', async () => {
    await using world = new RemoteWorld();
    const { address } = await world.open({}, echo);
    const answer = new Promise<string>((resolve) => {
      const socket = connect({ host: '127.0.0.1', port: portOf(address) });
      socket.once('data', (bytes) => resolve(bytes.toString()));
      socket.once('data', () => socket.destroy());
      socket.write(callText({ headers: { 'content-length': '2' }, body: '' }));
      socket.write(Buffer.from([0xff, 0xfe]));
    });
    expect(await answer).to.match(/^HTTP\/1.1 400 /);
  });

  it('closes: what it has not read yet is refused', async () => {
    await using world = new RemoteWorld();
    const held = new HeldHandler();
    const owner = await world.open({}, held.handle);
    const text = callText();
    const socket = connect({ host: '127.0.0.1', port: portOf(owner.address) });
    socket.write(text.slice(0, 40));
    await new Promise((resolve) => setTimeout(resolve, 50));
    const arrival = held.arrival();
    const caller = await world.open();
    const call = caller.call(owner.address, request, soon);
    await arrival;
    const closing = owner[Symbol.asyncDispose]();
    const answer = new Promise<string>((resolve) => {
      socket.once('data', (bytes) => resolve(bytes.toString()));
    });
    socket.write(text.slice(40));
    expect(await answer).to.match(/^HTTP\/1.1 503 /);
    const refused = await failed(caller.call(owner.address, request, soon));
    expect(refused.stored).to.equal('no');
    held.answer();
    expect((await call).type).to.equal('answered');
    await closing;
  });

  it('closes: on open connections it goes on refusing for a moment, for those who have not heard of it', async () => {
    await using world = new RemoteWorld();
    const owner = await world.open();
    const socket = connect({ host: '127.0.0.1', port: portOf(owner.address) });
    const call = callText({ headers: { connection: 'keep-alive' } });
    const answerTo = async (text: string): Promise<string> => {
      socket.write(text);
      const [bytes] = await once(socket, 'data');
      return String(bytes);
    };
    expect(await answerTo(call)).to.match(/^HTTP\/1.1 200 /);
    const withoutBody = call.slice(0, -'{}'.length);
    socket.write(withoutBody);
    await new Promise((resolve) => setTimeout(resolve, 30));
    const closing = owner[Symbol.asyncDispose]();
    const [refused] = await once(socket, 'data');
    expect(String(refused)).to.match(/^HTTP\/1.1 503 /);
    // As calls that were written before their callers could know.
    await new Promise((resolve) => setTimeout(resolve, 30));
    for (let calls = 0; calls < 2; calls++) {
      const body = calls === 0 ? '{}' : '';
      expect(await answerTo(`${body}${call}`)).to.match(/^HTTP\/1.1 503 /);
    }
    await closing;
  });

  it('closes connections whose headers do not come', async () => {
    await using world = new RemoteWorld();
    const { address } = await world.open({}, echo, { headersMs: 150 });
    const began = performance.now();
    const slow = new Promise<void>((resolve) => {
      const socket = connect({ host: '127.0.0.1', port: portOf(address) });
      const drip = setInterval(() => socket.write('x'), 20);
      socket.write('POST /kafka-journal/fleet/1/ask HTTP/1.1\r\nx: ');
      socket.on('error', () => {});
      socket.on('close', () => {
        clearInterval(drip);
        resolve();
      });
    });
    const silent = exchanged(address, '');
    await Promise.all([slow, silent]);
    expect(performance.now() - began).to.be.below(2_000);
  });

  it('ends a call whose body does not come at its deadline', async () => {
    await using world = new RemoteWorld();
    const held = new HeldHandler();
    const { address } = await world.open({ maxCallsInFlight: 1 }, held.handle);
    const headers = { 'content-length': '100', 'kafka-journal-deadline-ms': '100' };
    expect(await exchanged(address, callText({ headers, body: 'part' }))).to.equal('');
    expect(held.signals).to.deep.equal([]);
    held.answer();
    expect(await exchanged(address, callText())).to.match(/^HTTP\/1.1 200 /);
  });
});
