import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { loadConfig } from '../../../../src/config/load-config.ts';
import type { FleetSettings } from '../../../../src/config/settings/fleet-settings.ts';
import {
  readEmbeddedJournalSettings,
  readKafkaJournalSettings,
} from '../../../../src/config/settings/journal-settings.ts';
import { journal, load, messages, problemsOf, root } from '../loading.ts';

const embedded = `${root}.embedded.journal`;

async function fleetOf(text: string): Promise<FleetSettings | undefined> {
  return readKafkaJournalSettings(await load(`${journal}.fleet { ${text} }`)).fleet;
}

/** What is wrong with a fleet that is enabled. */
function wrongIn(text: string): Promise<readonly string[]> {
  return messages(`${journal}.fleet { enabled = on, ${text} }`);
}

describe('settings of the fleet', () => {
  it('are none unless it is enabled', async () => {
    expect(await fleetOf('')).to.equal(undefined);
    expect(await fleetOf('remote.host = "db.example"')).to.equal(undefined);
  });

  it('have defaults that work on one machine', async () => {
    expect(await fleetOf('enabled = on')).to.deep.equal({
      group: 'kafka-journal-fleet',
      sessionTimeoutMs: 10_000,
      heartbeatIntervalMs: 250,
      balanceDelayMs: 3_000,
      handOverTimeoutMs: 500,
      remote: {
        host: '127.0.0.1',
        port: 0,
        bindHost: undefined,
        token: undefined,
        maxCallsInFlight: 10_000,
        maxMessageBytes: 4 * 1024 * 1024,
        maxBytesInFlight: 64 * 1024 * 1024,
        tls: undefined,
      },
    });
  });

  it('are those of the embedded journal, too', async () => {
    const config = await load(`${embedded}.fleet { enabled = on, group = shop }`);
    expect(readEmbeddedJournalSettings(config).fleet?.group).to.equal('shop');
  });

  it('allow at least three heartbeats in a session', async () => {
    const third = await fleetOf(
      'enabled = on, session-timeout = 900ms, heartbeat-interval = 300ms',
    );
    expect(third?.heartbeatIntervalMs).to.equal(300);
    const [problem, ...others] = await wrongIn(
      'session-timeout = 900ms, heartbeat-interval = 301ms',
    );
    expect(problem).to.match(/^fleet\.heartbeat-interval must be at most a third/);
    expect(others).to.deep.equal([]);
  });

  it('need room for the longest message among all that are under way', async () => {
    const sizes = 'remote { max-message-size = 2MiB, max-size-in-flight =';
    const [problem, ...others] = await wrongIn(`${sizes} 1MiB }`);
    expect(problem).to.match(
      /^fleet\.remote\.max-size-in-flight must not be below max-message-size/,
    );
    expect(others).to.deep.equal([]);
    expect(await wrongInOrNone(`${sizes} 2MiB }`)).to.equal('none');
  });

  it('need acks = all', async () => {
    const [problem, ...others] = await messages(
      `${journal} { fleet.enabled = on, kafka.producer.acks = 1 }`,
    );
    expect(problem).to.match(/^fleet\.enabled needs kafka\.producer\.acks = all/);
    expect(others).to.deep.equal([]);
  });

  it('need tenures', async () => {
    const [problem, ...others] = await messages(`${journal} { fleet.enabled = on, tenures = off }`);
    expect(problem).to.match(/^fleet\.enabled needs tenures = on/);
    expect(others).to.deep.equal([]);
    const ofEmbedded = await problemsOf(
      `${embedded} { fleet.enabled = on, tenures = off }`,
      readEmbeddedJournalSettings,
    );
    expect(ofEmbedded.map(({ path }) => path)).to.deep.equal([`${embedded}.fleet.enabled`]);
  });

  it('need a token or certificates wherever other hosts reach the port', async () => {
    const open = [
      'remote.host = "10.0.0.7"',
      'remote.host = "shop-1.example"',
      'remote.host = "127.example"',
      'remote.bind-host = "0.0.0.0"',
      'remote.bind-host = "::"',
    ];
    for (const text of open) {
      const [problem, ...others] = await wrongIn(text);
      expect(problem, text).to.match(/^fleet\.remote\.token is missing/);
      expect(others).to.deep.equal([]);
      expect((await fleetOf(`enabled = on, ${text}, remote.token = word`))?.remote.token).to.equal(
        'word',
      );
    }
    for (const host of ['localhost', '127.0.0.1', '127.9.9.9', '::1']) {
      expect(await wrongInOrNone(`remote { host = "${host}", bind-host = "${host}" }`)).to.equal(
        'none',
      );
    }
  });

  it('name an address that others can reach: not the one that stands for all', async () => {
    for (const host of ['0.0.0.0', '::']) {
      const [problem, ...others] = await wrongIn(`remote { host = "${host}", token = word }`);
      expect(problem).to.match(/^fleet\.remote\.host .*bind-host/);
      expect(others).to.deep.equal([]);
    }
  });

  it('take a token that a header can carry, and never show it', async () => {
    for (const token of ['two words', 'zwölf', '1'.repeat(1_025), '']) {
      const problems = await wrongIn(`remote.token = "${token}"`);
      expect(problems).to.have.lengthOf(1);
      expect(problems[0]).to.match(/^fleet\.remote\.token must be /);
      if (token !== '') expect(problems[0]).not.to.contain(token);
    }
  });

  describe('with certificates', () => {
    let folder = '';
    before(async () => {
      folder = await mkdtemp(join(tmpdir(), 'kafka-journal-fleet-'));
      await mkdir(join(folder, 'pem'));
      for (const name of ['ca', 'certificate', 'key']) {
        await writeFile(join(folder, 'pem', `${name}.pem`), `the ${name}`);
      }
    });
    after(() => rm(folder, { recursive: true }));

    async function fromFile(text: string): Promise<FleetSettings | undefined> {
      const file = join(folder, 'application.conf');
      await writeFile(file, `${journal}.fleet { enabled = on, ${text} }`);
      return readKafkaJournalSettings(await loadConfig({ file, env: {} })).fleet;
    }

    const all = 'ca = "pem/ca.pem", certificate = "pem/certificate.pem", key = "pem/key.pem"';

    it('find the files beside the one that names them, and need no token then', async () => {
      const fleet = await fromFile(`remote { host = "10.0.0.7", tls { ${all} } }`);
      expect(fleet?.remote.tls).to.deep.equal({
        ca: 'the ca',
        certificate: 'the certificate',
        key: 'the key',
      });
      expect(fleet?.remote.token).to.equal(undefined);
    });

    it('take absolute paths', async () => {
      const absolute = all.replaceAll('"pem/', `"${folder}/pem/`);
      const fleet = await fleetOf(`enabled = on, remote.tls { ${absolute} }`);
      expect(fleet?.remote.tls?.key).to.equal('the key');
    });

    it('need all three files', async () => {
      const absolute = all.replaceAll('"pem/', `"${folder}/pem/`);
      const [problem, ...others] = await wrongIn(
        `remote.tls { ${absolute.replace(/, key.*/, '')} }`,
      );
      expect(problem).to.equal('fleet.remote.tls needs all of ca, certificate and key');
      expect(others).to.deep.equal([]);
    });

    it('name each file that cannot be read, and no other problem', async () => {
      const problems = await wrongIn(
        `remote { host = "10.0.0.7", tls { ca = "no/ca.pem", certificate = "no/c.pem", key = "no/k.pem" } }`,
      );
      expect(problems.map((text) => text.replace(/ must.*/, ''))).to.deep.equal([
        'fleet.remote.tls.ca',
        'fleet.remote.tls.certificate',
        'fleet.remote.tls.key',
      ]);
      expect(problems[0]).to.contain('no/ca.pem');
    });

    it('read no file unless the fleet is enabled', async () => {
      expect(await fleetOf('remote.tls.ca = "no/ca.pem"')).to.equal(undefined);
    });
  });
});

/** `none` when nothing is wrong. */
async function wrongInOrNone(text: string): Promise<string> {
  return (await fleetOf(`enabled = on, ${text}`)) === undefined ? 'no fleet' : 'none';
}
