import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { type OpenJournals, openJournals } from '../../src/compose/open-journals.ts';
import { until } from '../chaos/chaos-world.ts';
import { RestartableProcess } from '../chaos/child-process.ts';
import { withConfigFile, withReplicatorProcess } from '../chaos/replicator-process.ts';
import { sharedKeyspace } from '../integration/cassandra/shared-keyspace.ts';
import { deleteTopic } from '../integration/kafka/kafka-fixture.ts';
import { kafkaWorld } from '../support/kafka/world.ts';

const embedded = 'evolutiongaming.kafka-journal.embedded.journal';
const limitMs = 40_000;

async function start(file: string, role: 'first' | 'later') {
  const heard = new Set<unknown>();
  const child = new RestartableProcess({
    file: new URL('delivery-child.ts', import.meta.url),
    args: () => [file, role],
    onMessage: (message) => heard.add(message),
  });
  child.start();
  const hears = (message: string) =>
    until(`a process says ${message}`, () => heard.has(message), limitMs);
  await hears('ready');
  return { child, hears };
}

/** What is stored of an entity, event by event: its payload, and what its record says of it. */
async function storedOf(journals: OpenJournals, id: string) {
  const stored: { readonly payload: unknown; readonly data: unknown }[] = [];
  for await (const page of journals.of(journals.keyOf(id)).read()) {
    for (const { event, record } of page) {
      const { value } = event.payload as { readonly value?: unknown };
      const { payload } = value as { readonly payload?: unknown };
      stored.push({ payload, data: record.metadata.header.data });
    }
  }
  return stored;
}

/** The first process dies after the payment has arrived, and before it is confirmed. */
async function dieAndDeliver(file: string, config: string): Promise<void> {
  const first = await start(file, 'first');
  first.child.send('pay');
  await first.hears('arrived');
  await first.child.kill();
  await using journals = await openJournals({ config });
  expect(await storedOf(journals, 'account-a')).to.have.length(1);
  expect(await storedOf(journals, 'sender-s')).to.have.length(1);
  // Nobody asks for the sender: it wakes by itself.
  const later = await start(file, 'later');
  try {
    const isConfirmed = async () => (await storedOf(journals, 'sender-s')).length > 1;
    await until('the payment is confirmed', isConfirmed, limitMs);
  } finally {
    await later.child.stop(5_000, (child) => child.send('stop'));
  }
  const [account, more] = await storedOf(journals, 'account-a');
  expect(more, 'it was paid once').to.equal(undefined);
  const [sent, confirmation] = await storedOf(journals, 'sender-s');
  if (sent === undefined) return expect.fail('nothing of the sender is stored');
  const { deliveries } = sent.data as { deliveries: { 1: [{ id: string }] } };
  const [{ id, ...delivery }] = deliveries[1];
  expect(delivery).to.deep.equal({ to: 'account', message: { account: 'a', cents: 500 } });
  expect(account?.data).to.deep.equal({ commands: { 1: { id, reply: 500 } } });
  expect(confirmation).to.deep.equal({
    payload: { type: 'persistence.delivered.account', id, output: 500 },
    data: { confirmed: { 2: [id] }, unhandled: [2] },
  });
}

describe('a delivery whose process is killed between its arrival and its confirmation', function () {
  this.timeout(180_000);

  it('arrives again in the next process and is done once, on an embedded journal', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'deliveries-'));
    try {
      const config = `
        akka.persistence.journal.plugin = "${embedded}"
        ${embedded}.file = ${JSON.stringify(join(folder, 'journal.db'))}`;
      await withConfigFile(config, (file) => dieAndDeliver(file, config));
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('arrives again in the next process and is done once, on Kafka and Cassandra', async () => {
    const { configText, topic } = kafkaWorld({ keyspace: sharedKeyspace() });
    try {
      await withConfigFile(configText, (file) =>
        withReplicatorProcess(configText, () => dieAndDeliver(file, configText)),
      );
    } finally {
      await deleteTopic(topic);
    }
  });
});
