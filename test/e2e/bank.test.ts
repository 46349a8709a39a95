import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { requireVariable } from '../support/stack/server-variables.ts';

const run = promisify(execFile);
const root = new URL('../../', import.meta.url);

describe('the bank example on Kafka and Cassandra', function () {
  this.timeout(120_000);

  const bank = async (...more: readonly string[]): Promise<void> => {
    const KAFKA = requireVariable('KAFKA_JOURNAL_TEST_KAFKA');
    const [host, port] = requireVariable('KAFKA_JOURNAL_TEST_CASSANDRA').split(':');
    const args = [
      'examples/bank/main.ts',
      '--config',
      'examples/bank/kafka.conf',
      '--wallets',
      '200',
      ...more,
    ];
    const env = { ...process.env, KAFKA, CASSANDRA_HOST: host, CASSANDRA_PORT: port };
    const { stdout } = await run(process.execPath, args, { cwd: root, env });
    expect(stdout.match(/^right/gm), stdout).to.have.length(4);
    expect(stdout).not.to.include('WRONG');
  };

  it('loses nothing when its worker is killed, a replicator process beside it', async () => {
    await bank();
  });

  it('loses nothing when one of three workers is killed that share the wallets', async () => {
    await bank('--instances', '3');
  });
});
