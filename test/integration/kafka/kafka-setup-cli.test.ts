import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { runCli } from '../../../src/cli/run-cli.ts';
import { openKafkaAdmin } from '../../../src/kafka/kafka-admin.ts';
import { printed } from '../../unit/cli/printed.ts';
import { brokerAddress, createTopic, kafkaSettings, quietDeps } from './kafka-fixture.ts';

const root = 'evolutiongaming.kafka-journal';

describe('kafka-journal setup on Kafka', function () {
  this.timeout(60_000);
  const { out, err } = printed();

  it('says when no replicator of the file would replicate the topic: its events would end with its retention', async () => {
    await using admin = await openKafkaAdmin(kafkaSettings(), quietDeps);
    const topic = await createTopic(admin, 'setup-cli', 1);
    const folder = mkdtempSync(join(tmpdir(), 'cli-setup-'));
    const file = join(folder, 'application.conf');
    const setUp = async (prefixes: string): Promise<readonly string[]> => {
      writeFileSync(
        file,
        `${root} {
          kafka.bootstrap-servers = "${brokerAddress()}", replicator.topic-prefixes = ${prefixes}
          eventual = sqlite, persistence.journal.sqlite.file = "${join(folder, 'events.db')}"
          persistence.journal.persistence-id-to-key.constant-topic.topic = "${topic}"
        }`,
      );
      out.length = 0;
      expect(await runCli(['setup', '--config', file]), err.join('\n')).to.equal(0);
      return out.slice(1, 3);
    };
    try {
      const there = `  topic ${topic} (1 partition): exists`;
      expect(await setUp('[audit, other]')).to.deep.equal([
        there,
        `  no replicator with this file replicates it: ${root}.replicator.topic-prefixes is audit, other`,
      ]);
      const [line, next] = await setUp(`[audit, "${topic.slice(0, -1)}"]`);
      expect(line).to.equal(there);
      expect(next).to.match(/^SQLite/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
