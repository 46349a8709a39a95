import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { runReplicator } from '../../../replicator/main.ts';
import { eventually } from '../../contract/action-log.fixture.ts';
import { FakeCassandra } from '../../support/fake-cassandra.ts';
import { openTimers } from '../../support/open-timers.ts';

const section = 'evolutiongaming.kafka-journal.replicator';

describe('kafka-journal replicator', () => {
  const printed: string[] = [];
  const print = console.error;
  let folder = '';

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'replicator-'));
    printed.length = 0;
    console.error = (text: string) => printed.push(text);
  });

  afterEach(() => {
    console.error = print;
    rmSync(folder, { recursive: true });
  });

  function configFile(text: string): string {
    const file = join(folder, 'application.conf');
    writeFileSync(file, text);
    return file;
  }

  for (const [what, args] of [
    ['without a configuration file', []],
    ['with an option it does not know', ['--config', 'application.conf', '--fast']],
    ['with a log level it does not know', ['--config', 'application.conf', '--log-level', 'loud']],
  ] as const) {
    it(`answers 2 when called ${what}, and says why`, async () => {
      expect(await runReplicator(args)).to.equal(2);
      expect(printed.join('\n')).to.match(/^kafka-journal replicator: /);
    });
  }

  it('answers 2 and names a file that does not exist', async () => {
    expect(await runReplicator(['--config', join(folder, 'none.conf')])).to.equal(2);
    expect(printed.join('\n')).to.include('none.conf');
  });

  it('answers 2 and prints every problem of the configuration with its line, before it connects', async () => {
    const file = configFile(`${section} {
      topic-prefixes = ["not a topic!"]
      topic-discovery-interval = soon
      cassandra.client.port = many
    }`);
    expect(await runReplicator(['--config', file])).to.equal(2);
    const text = printed.join('\n');
    for (const [key, line] of [
      ['topic-prefixes', 2],
      ['topic-discovery-interval', 3],
      ['cassandra.client.port', 4],
    ]) {
      expect(text).to.include(`${section}.${key}`);
      expect(text).to.include(`application.conf:${line}`);
    }
  });

  for (const [what, words] of [
    ['the store answers', 'CQL_VERSION'],
    ['Kafka answers', undefined],
  ] as const) {
    it(`stops in order, and at once, when it is told so before ${what}`, async () => {
      await using cassandra = await FakeCassandra.open();
      cassandra.hold(words);
      const kafka = createServer().listen(0, '127.0.0.1'); // takes connections, and says nothing
      await once(kafka, 'listening');
      const { port } = kafka.address() as AddressInfo;
      const store =
        words === undefined
          ? `eventual = sqlite, sqlite.file = "${join(folder, 'events.db')}"`
          : `replicator.cassandra.client { contact-points = ["127.0.0.1"], port = ${cassandra.port} }`;
      const file = configFile(`evolutiongaming.kafka-journal {
        ${store}, replicator.kafka.bootstrap-servers = ["127.0.0.1:${port}"]
      }`);
      const told = new AbortController();
      const asked = words === undefined ? once(kafka, 'connection') : cassandra.asked(words);
      const args = ['--config', file, '--log-level', 'error'];
      const running = runReplicator(args, { signal: told.signal });
      await asked;
      const toldMs = performance.now();
      told.abort(new Error('SIGTERM'));
      expect(await running).to.equal(0);
      expect(performance.now() - toldMs).to.be.below(3_000);
      kafka.close();
    });
  }

  it('leaves the process to what else it does, once it was told to stop by a signal of it', async () => {
    await using cassandra = await FakeCassandra.open();
    cassandra.hold('CQL_VERSION');
    const timersBefore = openTimers();
    const listenersBefore = process.listenerCount('SIGTERM');
    const file = configFile(`${section}.cassandra.client {
      contact-points = ["127.0.0.1"], port = ${cassandra.port}
    }`);
    const asked = cassandra.asked('CQL_VERSION');
    const running = runReplicator(['--config', file, '--log-level', 'error']);
    await asked;
    process.emit('SIGTERM');
    expect(await running).to.equal(0);
    // A second signal, or a timer, would end the process.
    expect(process.listenerCount('SIGTERM')).to.equal(listenersBefore);
    await eventually('no timer', () => openTimers() <= timersBefore);
  });
});
