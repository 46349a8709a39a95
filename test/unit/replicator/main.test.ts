import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { runReplicator } from '../../../replicator/main.ts';

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
});
