import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { runCli } from '../../../src/cli/run-cli.ts';
import { openKafkaFleetMembership } from '../../../src/kafka/fleet/kafka-fleet-membership.ts';
import { openKafkaAdmin } from '../../../src/kafka/kafka-admin.ts';
import { eventually } from '../../contract/action-log.fixture.ts';
import { printed } from '../../unit/cli/printed.ts';
import { brokerAddress, createTopic, kafkaSettings, quietDeps } from './kafka-fixture.ts';

const journal = 'evolutiongaming.kafka-journal.persistence.journal';

describe('kafka-journal fleet on Kafka', function () {
  this.timeout(60_000);
  const { out } = printed();

  it('prints the members of the consumer group, and before any has joined that there are none', async () => {
    const group = `fleet-${randomUUID()}`;
    const folder = mkdtempSync(join(tmpdir(), 'cli-fleet-'));
    const file = join(folder, 'application.conf');
    writeFileSync(
      file,
      `akka.persistence.journal.plugin = "${journal}"
      ${journal} { kafka.bootstrap-servers = "${brokerAddress()}", fleet.enabled = on, fleet.group = "${group}" }`,
    );
    try {
      expect(await runCli(['fleet', '--config', file])).to.equal(0);
      expect(out).to.deep.equal([`fleet ${group} of ${journal} has no members`]);
      const kafka = kafkaSettings();
      await using admin = await openKafkaAdmin(kafka, quietDeps);
      const topic = await createTopic(admin, 'fleet-cli', 3);
      const member = { id: randomUUID(), address: 'http://127.0.0.1:7001' };
      const timings = { sessionTimeoutMs: 6_000, heartbeatIntervalMs: 100, balanceDelayMs: 1_000 };
      const fleet = { group, ...timings };
      await using membership = await openKafkaFleetMembership({ kafka, fleet, member }, quietDeps);
      membership.host([topic]);
      await eventually('all partitions', () => membership.view?.topics.get(topic)?.length === 3);
      expect(await runCli(['fleet', '--config', file])).to.equal(0);
      expect(out.at(-1)?.split('\n').slice(1)).to.deep.equal([
        `  http://127.0.0.1:7001: 3 partitions (${topic})`,
        `topic ${topic} (3 partitions)`,
        ...[0, 1, 2].map((partition) => `  ${partition}: http://127.0.0.1:7001`),
      ]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
