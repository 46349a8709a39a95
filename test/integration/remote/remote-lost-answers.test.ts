import { expect } from 'chai';
import { TcpProxy } from '../../support/tcp-proxy.ts';
import { ChildOwner } from './child-owner.ts';
import {
  echo,
  exchanged,
  failed,
  fired,
  HeldHandler,
  portOf,
  RemoteWorld,
} from './remote-world.ts';

const request = { name: 'ask', body: '{}' };
const soon = { timeoutMs: 5_000 };

async function proxyTo(address: string): Promise<TcpProxy & { readonly address: string }> {
  const proxy = await TcpProxy.open({ host: '127.0.0.1', port: portOf(address) });
  return Object.assign(proxy, { address: `http://127.0.0.1:${proxy.port}` });
}

describe('an answer that does not come', () => {
  it('is no outcome: the connection broke while the handler worked', async () => {
    await using world = new RemoteWorld();
    const held = new HeldHandler();
    const owner = await world.open({}, held.handle);
    await using proxy = await proxyTo(owner.address);
    const arrival = held.arrival();
    const call = failed(owner.call(proxy.address, request, soon));
    const signal = await arrival;
    proxy.cut();
    const error = await call;
    expect(error.stored).to.equal('unknown');
    expect(error.cause).to.be.instanceOf(Error);
    await fired(signal);
    held.answer();
  });

  it('is no outcome: it was lost on a half-open connection', async () => {
    await using world = new RemoteWorld();
    const held = new HeldHandler();
    const owner = await world.open({}, held.handle);
    await using proxy = await proxyTo(owner.address);
    const arrival = held.arrival();
    const call = failed(owner.call(proxy.address, request, { timeoutMs: 300 }));
    await arrival;
    proxy.freeze();
    held.answer();
    const error = await call;
    expect(error.stored).to.equal('unknown');
    expect(error.message).to.contain('no answer within 300 ms');
  });

  it('is no outcome: an open connection went dead before the call', async () => {
    await using world = new RemoteWorld();
    const owner = await world.open();
    await using proxy = await proxyTo(owner.address);
    await owner.call(proxy.address, request, soon);
    proxy.freeze();
    const error = await failed(owner.call(proxy.address, request, { timeoutMs: 100 }));
    expect(error.stored).to.equal('unknown');
  });

  it('is no outcome: it breaks off, or its text is no text', async () => {
    await using world = new RemoteWorld();
    const caller = await world.open();
    const head = 'HTTP/1.1 200 OK\r\nkafka-journal-fleet: 1\r\n';
    const answers = [
      Buffer.from(`${head}content-length: 10\r\n\r\n{`),
      Buffer.from(`${head}content-length: x\r\n\r\n{}`),
      Buffer.concat([Buffer.from(`${head}content-length: 2\r\n\r\n`), Buffer.from([0xff, 0xfe])]),
      Buffer.from(`${head.replace('kafka-journal-fleet', 'x')}content-length: 2\r\n\r\n{}`),
      Buffer.from('HTTP/1.1 503 x\r\ncontent-length: 0\r\n\r\n'),
    ];
    for (const answer of answers) {
      const address = await world.foreign((socket) => {
        socket.once('data', () => {
          socket.write('HTTP/1.1 100 Continue\r\n\r\n');
          socket.once('data', () => socket.end(answer));
        });
      });
      const error = await failed(caller.call(address, request, soon));
      expect(error.stored, answer.toString()).to.equal('unknown');
    }
  });

  it('matters not where nothing was sent: the port is closed', async () => {
    await using world = new RemoteWorld();
    const gone = await world.open();
    await gone[Symbol.asyncDispose]();
    const caller = await world.open();
    const error = await failed(caller.call(gone.address, request, soon));
    expect(error.stored).to.equal('no');
    expect(error.message).to.contain(gone.address);
    expect((error.cause as NodeJS.ErrnoException).code).to.equal('ECONNREFUSED');
  });

  it('matters not where nothing was sent: a new connection to a process that stands still', async () => {
    await using world = new RemoteWorld();
    const address = await world.foreign(() => {});
    const caller = await world.open({}, echo, { reachMs: 100 });
    const error = await failed(caller.call(address, request, soon));
    expect(error.stored).to.equal('no');
    expect(error.message).to.contain('not reached within 100 ms');
    const earlier = await failed(caller.call(address, request, { timeoutMs: 50 }));
    expect(earlier.stored).to.equal('no');
    expect(earlier.message).to.contain('not reached within 50 ms');
  });

  it('comes late through a slow network, and counts', async () => {
    await using world = new RemoteWorld();
    const held = new HeldHandler();
    const owner = await world.open({}, held.handle, { reachMs: 100 });
    await using proxy = await proxyTo(owner.address);
    const arrival = held.arrival();
    const call = owner.call(proxy.address, request, soon);
    await arrival;
    proxy.hold();
    held.answer('"late"');
    setTimeout(() => proxy.release(), 300);
    expect((await call).body).to.equal('"late"');
  });

  it('is not waited for once the process is known to be gone, which need not close the connection', async () => {
    await using world = new RemoteWorld();
    const held = new HeldHandler();
    const owner = await world.open({}, held.handle);
    const caller = await world.open();
    const gone = new AbortController();
    const arrival = held.arrival();
    const call = failed(caller.call(owner.address, request, { ...soon, peerGone: gone.signal }));
    const signal = await arrival;
    gone.abort(new Error('expelled'));
    const error = await call;
    expect([error.stored, error.retryable]).to.deep.equal(['unknown', false]);
    expect(error.message).to.contain('has left the fleet');
    await fired(signal);
    held.answer();
  });

  it('is not missed where nothing was sent before the process was known to be gone', async () => {
    await using world = new RemoteWorld();
    const silent = await world.foreign(() => {});
    const caller = await world.open();
    const gone = new AbortController();
    const call = failed(caller.call(silent, request, { ...soon, peerGone: gone.signal }));
    setTimeout(() => gone.abort(new Error('expelled')), 50);
    const error = await call;
    expect([error.stored, error.retryable]).to.deep.equal(['no', true]);
    expect(error.message).to.contain('has left the fleet').and.to.contain('nothing was sent');
  });

  it('is cut off when nobody reads it, so that it takes no place for long', async () => {
    await using world = new RemoteWorld();
    const large = async () => ({ type: 'answered', body: '1'.repeat(16_000_000) }) as const;
    const limits = { headersMs: 100 };
    const settings = { maxMessageBytes: 16_000_000, maxCallsInFlight: 1 };
    const owner = await world.open(settings, large, limits);
    await using proxy = await proxyTo(owner.address);
    const call = failed(owner.call(proxy.address, request, soon));
    await new Promise((resolve) => setTimeout(resolve, 50));
    proxy.hold();
    await new Promise((resolve) => setTimeout(resolve, 400));
    const text = 'POST /kafka-journal/fleet/1/ask HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n';
    const more = `kafka-journal-deadline-ms: 100\r\nconnection: close\r\n\r\n`;
    expect((await exchanged(owner.address, text + more)).slice(0, 12)).to.equal('HTTP/1.1 200');
    proxy.release();
    expect((await call).stored).to.equal('unknown');
  });

  it('is no outcome: the process was killed in mid-call; the next call is not taken', async () => {
    await using world = new RemoteWorld();
    using owner = await ChildOwner.open(100);
    const caller = await world.open();
    const holding = owner.holding();
    const call = failed(caller.call(owner.address, { name: 'hold', body: '{}' }, soon));
    await holding;
    owner.kill();
    expect((await call).stored).to.equal('unknown');
    const after = await failed(caller.call(owner.address, request, soon));
    expect(after.stored).to.equal('no');
  });
});
