import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { requireVariable } from '../support/stack/server-variables.ts';

const run = promisify(execFile);
const root = new URL('../../', import.meta.url);

describe('the bank example on Kafka and Cassandra', function () {
  this.timeout(120_000);

  it('loses nothing when one of three workers is killed, a replicator process beside them', async () => {
    const KAFKA = requireVariable('KAFKA_JOURNAL_TEST_KAFKA');
    const [host, port] = requireVariable('KAFKA_JOURNAL_TEST_CASSANDRA').split(':');
    const config = ['--config', 'examples/bank/kafka.conf'];
    const args = ['examples/bank/main.ts', ...config, '--wallets', '200', '--instances', '3'];
    const env = { ...process.env, KAFKA, CASSANDRA_HOST: host, CASSANDRA_PORT: port };
    const { stdout } = await run(process.execPath, args, { cwd: root, env });
    expect(stdout.match(/^right/gm), stdout).to.have.length(4);
    expect(stdout).not.to.include('WRONG');
  });
});
