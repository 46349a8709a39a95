import { connect } from 'node:tls';
import { expect } from 'chai';
import { ConfigError } from '../../../src/model/errors.ts';
import { newAuthority } from '../../support/certificates.ts';
import { failed, portOf, RemoteWorld } from './remote-world.ts';

const request = { name: 'ask', body: '{}' };
const soon = { timeoutMs: 5_000 };

const ours = newAuthority('ours');
const theirs = newAuthority('theirs');
const tls = { ca: ours.ca, ...ours.issue() };

describe('calls with certificates', () => {
  it('go between processes whose certificates the same authority has signed', async () => {
    await using world = new RemoteWorld();
    const owner = await world.open({ tls });
    expect(owner.address).to.match(/^https:\/\/127\.0\.0\.1:\d+$/);
    const caller = await world.open({ tls: { ca: ours.ca, ...ours.issue() } });
    for (let i = 0; i < 3; i++) {
      expect((await caller.call(owner.address, request, soon)).type).to.equal('answered');
    }
    const named = owner.address.replace('127.0.0.1', 'localhost');
    expect((await caller.call(named, request, soon)).type).to.equal('answered');
  });

  it('are not taken when either side does not trust the other', async () => {
    await using world = new RemoteWorld();
    const owner = await world.open({ tls });
    const callers = {
      'distrusts the server': { ca: theirs.ca, ...ours.issue() },
      'is not trusted by it': { ca: ours.ca, ...theirs.issue() },
      'has another authority': { ca: theirs.ca, ...theirs.issue() },
    };
    for (const [name, wrong] of Object.entries(callers)) {
      const caller = await world.open({ tls: wrong });
      const error = await failed(caller.call(owner.address, request, soon));
      expect(error.stored, name).to.equal('no');
      expect(error.message, name).to.contain('fleet.remote.tls').and.to.contain(owner.address);
    }
  });

  it('are not taken without a certificate', async () => {
    await using world = new RemoteWorld();
    const owner = await world.open({ tls });
    const got = await new Promise<string>((resolve) => {
      const socket = connect({ host: '127.0.0.1', port: portOf(owner.address), ca: ours.ca });
      let text = '';
      socket.on('data', (bytes) => {
        text += bytes.toString();
      });
      socket.on('error', () => {});
      socket.on('close', () => resolve(text));
      socket.write(
        'POST /kafka-journal/fleet/1/ask HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n',
      );
    });
    expect(got).to.equal('');
  });

  it('are not taken between a process with certificates and one without', async () => {
    await using world = new RemoteWorld();
    const secured = await world.open({ tls });
    const open = await world.open();
    for (const call of [
      open.call(secured.address, request, soon),
      secured.call(open.address, request, soon),
      open.call(secured.address.replace('https', 'http'), request, soon),
      secured.call(open.address.replace('http', 'https'), request, soon),
    ]) {
      expect((await failed(call)).stored).to.equal('no');
    }
  });

  it('cannot be opened with texts that are no certificates', async () => {
    await using world = new RemoteWorld();
    const broken = { ...tls, key: 'no PEM' };
    const error = await world.open({ tls: broken }).catch((thrown: unknown) => thrown);
    expect(error).to.be.instanceOf(ConfigError);
    expect((error as Error).message).to.contain('fleet.remote.tls');
    const other = { ...tls, key: ours.issue().key };
    const mixed = await world.open({ tls: other }).catch((thrown: unknown) => thrown);
    expect(mixed).to.be.instanceOf(ConfigError);
  });
});
