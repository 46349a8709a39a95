import { expect } from 'chai';
import { ClosedError, ConfigError, InvalidInputError } from '../../../src/model/errors.ts';
import { nextTurn } from '../../../src/runtime/waiting.ts';
import { openTimers } from '../../support/open-timers.ts';
import { failed, fired, forward, HeldHandler, portOf, RemoteWorld } from './remote-world.ts';

const request = { name: 'ask', body: '{"a":1}' };
const soon = { timeoutMs: 5_000 };

describe('calls between processes', () => {
  it('carry a request there and its answer back, and a refusal as such', async () => {
    await using world = new RemoteWorld();
    const owner = await world.open({}, async ({ name, body }) => ({
      type: name === 'send' ? 'refused' : 'answered',
      body: `{"got":${body},"text":"ä€𝄞"}`,
    }));
    const caller = await world.open();
    expect(owner.address).to.equal(`http://127.0.0.1:${portOf(owner.address)}`);
    expect(portOf(owner.address)).to.be.above(0);
    const body = '{"got":{"a":1},"text":"ä€𝄞"}';
    expect(await caller.call(owner.address, request, soon)).to.deep.equal({
      type: 'answered',
      body,
    });
    expect(await caller.call(owner.address, { ...request, name: 'send' }, soon)).to.deep.equal({
      type: 'refused',
      body,
    });
  });

  it('use one connection for calls that follow each other', async () => {
    await using world = new RemoteWorld();
    const owner = await world.open();
    let connections = 0;
    const address = await world.foreign((socket) => {
      connections += 1;
      forward(socket, portOf(owner.address));
    });
    const caller = await world.open();
    for (let i = 0; i < 20; i++) await caller.call(address, request, soon);
    expect(connections).to.equal(1);
  });

  it('reach an IPv6 address, whose host stands in brackets', async () => {
    await using world = new RemoteWorld();
    const owner = await world.open({ host: '::1' }).catch((error: unknown) => error);
    // A host may have no IPv6 at all.
    if (owner instanceof ConfigError) return expect(owner.message).to.contain('::1');
    expect((owner as { address: string }).address).to.match(/^http:\/\/\[::1\]:\d+$/);
    const caller = await world.open();
    const answer = await caller.call((owner as { address: string }).address, request, soon);
    expect(answer.type).to.equal('answered');
  });

  it('refuse a port in use with an error that names host and port', async () => {
    await using world = new RemoteWorld();
    const first = await world.open();
    const port = portOf(first.address);
    const error = await world.open({ port }).catch((thrown: unknown) => thrown);
    expect(error).to.be.instanceOf(ConfigError);
    expect((error as Error).message).to.contain(`host 127.0.0.1, port ${port}`);
    const foreign = await world.open({ bindHost: '192.0.2.1' }).catch((thrown: unknown) => thrown);
    expect(foreign).to.be.instanceOf(ConfigError);
    expect((foreign as Error).message).to.contain('fleet.remote.bind-host');
    const noHost = await world.open({ host: 'a b' }).catch((thrown: unknown) => thrown);
    expect(noHost).to.be.instanceOf(ConfigError);
  });

  it('carry 1 MB there and back, also on a connection that is in use', async () => {
    await using world = new RemoteWorld();
    const owner = await world.open({}, async ({ body }) => ({ type: 'answered', body }));
    const caller = await world.open();
    const body = JSON.stringify('é'.repeat(512 * 1024));
    for (let i = 0; i < 3; i++) {
      const answer = await caller.call(owner.address, { name: 'ask', body }, soon);
      expect(answer.body === body).to.equal(true);
    }
  });

  it('check what the caller hands in', async () => {
    await using world = new RemoteWorld();
    const calls = await world.open();
    const { address } = calls;
    const wrong = [
      calls.call(address, { name: 'Ask/..', body: '{}' }, soon),
      calls.call(address, request, { timeoutMs: 0 }),
      calls.call(address, request, { timeoutMs: Number.NaN }),
    ];
    for (const one of wrong) {
      expect(await one.catch((error: unknown) => error)).to.be.instanceOf(InvalidInputError);
    }
    const aborted = { ...soon, signal: AbortSignal.abort('enough') };
    expect(await calls.call(address, request, aborted).catch((reason: unknown) => reason)).to.equal(
      'enough',
    );
    for (const bad of ['', 'http://', 'ftp://a:1', 'https://127.0.0.1:1']) {
      expect((await failed(calls.call(bad, request, soon))).stored).to.equal('no');
    }
  });

  it('take the longest time-out there is', async () => {
    await using world = new RemoteWorld();
    const calls = await world.open();
    const { address } = calls;
    const answer = await calls.call(address, request, { timeoutMs: Number.MAX_SAFE_INTEGER });
    expect(answer.type).to.equal('answered');
  });

  it('carry the abort of the caller to the handler, and give the reason back', async () => {
    await using world = new RemoteWorld();
    const held = new HeldHandler();
    const owner = await world.open({}, held.handle);
    const caller = await world.open();
    const abort = new AbortController();
    const arrival = held.arrival();
    const call = caller.call(owner.address, request, { ...soon, signal: abort.signal });
    const signal = await arrival;
    expect(signal.aborted).to.equal(false);
    abort.abort('enough');
    expect(await call.catch((reason: unknown) => reason)).to.equal('enough');
    expect(await fired(signal)).to.be.instanceOf(ClosedError);
    held.answer();
  });

  it('end at the deadline on both sides, and the outcome is unknown', async () => {
    await using world = new RemoteWorld();
    const held = new HeldHandler();
    const owner = await world.open({}, held.handle);
    const caller = await world.open();
    const arrival = held.arrival();
    const call = failed(caller.call(owner.address, request, { timeoutMs: 100 }));
    const signal = await arrival;
    const error = await call;
    expect(error.stored).to.equal('unknown');
    expect(error.message).to.contain('no answer within 100 ms').and.to.contain(owner.address);
    await fired(signal);
    held.answer();
  });

  it('leave the signal of a handler alone once it has answered', async () => {
    await using world = new RemoteWorld();
    const signals: AbortSignal[] = [];
    const owner = await world.open({}, async (_, signal) => {
      signals.push(signal);
      return { type: 'answered', body: '{}' };
    });
    const caller = await world.open();
    await caller.call(owner.address, request, { timeoutMs: 50 });
    await caller[Symbol.asyncDispose]();
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(signals.map(({ aborted }) => aborted)).to.deep.equal([false]);
  });

  it('survive a handler that throws: the outcome is unknown, and the log says why', async () => {
    await using world = new RemoteWorld();
    const thrown = new Error('a bug');
    const owner = await world.open({}, () => Promise.reject(thrown));
    const error = await failed(owner.call(owner.address, request, soon));
    expect(error.stored).to.equal('unknown');
    expect(world.log.lines.map(({ fields }) => fields['err'])).to.deep.equal([thrown]);
    expect((await failed(owner.call(owner.address, request, soon))).stored).to.equal('unknown');
  });

  it('last longer than a connection may be idle', async () => {
    await using world = new RemoteWorld();
    const held = new HeldHandler();
    const limits = { idleAtCallerMs: 50, idleAtServerMs: 100, headersMs: 100 };
    const owner = await world.open({}, held.handle, limits);
    const call = owner.call(owner.address, request, soon);
    setTimeout(() => held.answer(), 400);
    expect((await call).type).to.equal('answered');
  });

  it('close an idle connection at the caller, before the server does', async () => {
    await using world = new RemoteWorld();
    const owner = await world.open();
    const closedBy: string[] = [];
    const address = await world.foreign((socket) => {
      socket.on('end', () => closedBy.push('caller'));
      forward(socket, portOf(owner.address)).on('end', () => closedBy.push('server'));
    });
    const caller = await world.open({}, undefined, { idleAtCallerMs: 60 });
    await caller.call(address, request, soon);
    expect(closedBy).to.deep.equal([]);
    await new Promise((resolve) => setTimeout(resolve, 250));
    expect(closedBy[0]).to.equal('caller');
  });

  it('end when either side is disposed: handlers and calls, twice the same, no timer left', async () => {
    // The time limit of the test is a timer, too, from now on.
    await nextTurn();
    const [timers, sockets] = [openTimers(), openSockets()];
    await using world = new RemoteWorld();
    const held = new HeldHandler();
    const owner = await world.open({}, held.handle, { closeMs: 50 });
    const caller = await world.open({}, held.handle, { closeMs: 50 });
    const toOwner = failed(owner.call(caller.address, request, soon));
    await held.arrival();
    const toCaller = failed(caller.call(owner.address, request, soon));
    await held.arrival();
    const [first, second] = [caller[Symbol.asyncDispose](), caller[Symbol.asyncDispose]()];
    expect((await toCaller).message).to.contain('this process is closing');
    expect((await toCaller).stored).to.equal('unknown');
    await Promise.all([first, second]);
    expect((await toOwner).stored).to.equal('unknown');
    expect(held.signals.map(({ aborted }) => aborted)).to.deep.equal([true, true]);
    const late = await caller.call(owner.address, request, soon).catch((error: unknown) => error);
    expect(late).to.be.instanceOf(ClosedError);
    const refused = await failed(owner.call(caller.address, request, soon));
    expect(refused.stored).to.equal('no');
    await owner[Symbol.asyncDispose]();
    // Other tests of the process may still be closing theirs.
    expect(openTimers()).to.be.at.most(timers);
    for (let waits = 0; openSockets() > sockets && waits < 100; waits++)
      await new Promise((resolve) => setTimeout(resolve, 20));
    expect(openSockets()).to.be.at.most(sockets);
  });

  it('let an aborted handler still answer while its process closes', async () => {
    await using world = new RemoteWorld();
    const owner = await world.open({}, async (_, signal) => {
      await fired(signal);
      return { type: 'refused', body: '"stopping"' };
    });
    const caller = await world.open();
    const call = caller.call(owner.address, request, soon);
    await new Promise((resolve) => setTimeout(resolve, 100));
    await owner[Symbol.asyncDispose]();
    expect(await call).to.deep.equal({ type: 'refused', body: '"stopping"' });
  });
});

function openSockets(): number {
  return process.getActiveResourcesInfo().filter((kind) => /TCP|TLS/.test(kind)).length;
}
