import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { assign, setup } from 'xstate';
import { createPersistence } from '../../src/compose/create-persistence.ts';
import { journalSettingsOf, openJournals } from '../../src/compose/open-journals.ts';
import { openSnapshotStore } from '../../src/compose/open-snapshot-plugin.ts';
import { openWakeUps } from '../../src/compose/open-wake-ups.ts';
import { loadConfig } from '../../src/config/load-config.ts';
import { Partition, Topic } from '../../src/model/position.ts';
import { maxWakeMs } from '../../src/model/wake-up.ts';
import type { PersistenceId } from '../../src/ports/journal-plugin.ts';
import { SnapshotCriteria } from '../../src/ports/snapshot-store.ts';
import { until } from '../chaos/chaos-world.ts';
import { sharedKeyspace } from '../integration/cassandra/shared-keyspace.ts';
import { deleteTopic } from '../integration/kafka/kafka-fixture.ts';
import { runReplicator } from '../support/kafka/in-process-replicator.ts';
import { journalPath, kafkaWorld, quietDeps } from '../support/kafka/world.ts';

const limitMs = 30_000;
const embeddedPath = 'evolutiongaming.kafka-journal.embedded.journal';
const embeddedSnapshots = 'evolutiongaming.kafka-journal.embedded.snapshot-store';
const cassandraSnapshots = 'evolutiongaming.kafka-journal.snapshot-store.cassandra';

type Said = { readonly type: 'said'; readonly word: string };

/** A guest is reminded after a day; the journal expires a moment after `goodbye`. */
const guest = setup({
  types: {
    context: {} as { words: readonly string[] },
    events: {} as Said,
    input: {} as { id: string },
  },
}).createMachine({
  id: 'guest',
  context: { words: [] },
  initial: 'here',
  states: {
    here: {
      after: { 86400000: 'reminded' },
      on: {
        said: {
          actions: assign({ words: ({ context, event }) => [...context.words, event.word] }),
        },
      },
    },
    reminded: {},
  },
});

interface Place {
  readonly configText: string;
  readonly path: string;
  readonly snapshots: string;
  readonly topic: string;
}

async function liveAndExpire({ configText, path, snapshots, topic }: Place): Promise<void> {
  const signals: string[] = [];
  await using opened = new AsyncDisposableStack();
  const open = async () => {
    const persistence = await createPersistence({ config: configText });
    opened.defer(() => persistence.shutdown());
    const logic = persistence.persistent(guest, {
      persistenceId: ({ input }) => input.id,
      retention: { snapshotEvery: 2, keepSnapshots: 9 },
      waitForSnapshot: true,
      expireAfter: ({ events }) =>
        events.some((event) => event.type === 'said' && event.word === 'goodbye')
          ? '1ms'
          : undefined,
      onSignal: ({ type, sequenceNr }) => signals.push(`${type} ${sequenceNr}`),
    });
    return { persistence, guests: persistence.entities('guest', logic) };
  };
  const config = await loadConfig({ text: configText });
  const waking = async (): Promise<readonly string[]> => {
    await using store = await openWakeUps(journalSettingsOf(config, path), quietDeps);
    const found: string[] = [];
    for (let partition = 0; partition < (await store.partitions(Topic.of(topic))); partition++) {
      const place = { topic: Topic.of(topic), partition: Partition.of(partition) };
      const due = store.eventual.wakeUps.due({ ...place, toMs: maxWakeMs });
      for await (const { id } of due) found.push(id);
    }
    return found.toSorted();
  };
  const snapshotOf = async (id: string, maxSeqNr: number): Promise<number | undefined> => {
    const { signal } = new AbortController();
    const deps = { ...quietDeps, closing: signal, unused: signal };
    await using store = await openSnapshotStore(config, snapshots, new Map(), deps);
    const criteria = { ...SnapshotCriteria.all, maxSeqNr };
    return (await store.load(id as PersistenceId, criteria))?.metadata.seqNr;
  };
  const say = async (
    guests: Awaited<ReturnType<typeof open>>['guests'],
    id: string,
    word: string,
  ) => await guests.ask(id, { type: 'said', word });

  const first = await open();
  for (const word of ['hello', 'more', 'and more']) await say(first.guests, 'leaving', word);
  await say(first.guests, 'staying', 'hello');
  await until('both wait', async () => (await waking()).join() === 'leaving,staying', limitMs);
  await until('a snapshot is saved', () => signals.includes('snapshot-saved 4'), limitMs);
  expect(
    (await say(first.guests, 'leaving', 'goodbye')).sequenceNr,
    'with the init record',
  ).to.equal(5);
  await first.persistence.shutdown();

  await using over = await openJournals({ config: configText });
  const left = over.of(over.keyOf('leaving'));
  await until('the journal is purged', async () => (await left.pointer()) === undefined, limitMs);
  await until('and its wake-up', async () => (await waking()).join() === 'staying', limitMs);
  expect(await snapshotOf('leaving', Number.MAX_SAFE_INTEGER), 'it is left').to.equal(4);

  signals.length = 0;
  const second = await open();
  const staying = await say(second.guests, 'staying', 'still here');
  expect(staying.snapshot.context.words).to.deep.equal(['hello', 'still here']);
  const back = await say(second.guests, 'leaving', 'hello again');
  expect(back.snapshot.context.words).to.deep.equal(['hello again']);
  expect(back.sequenceNr).to.equal(2);
  await until('the next life has a snapshot', () => signals.includes('snapshot-saved 2'), limitMs);
  expect(signals).to.include('snapshots-deleted 4');
  expect(await snapshotOf('leaving', Number.MAX_SAFE_INTEGER)).to.equal(2);
  await until('it waits again', async () => (await waking()).join() === 'leaving,staying', limitMs);
}

describe('entities whose time is over', function () {
  this.timeout(90_000);

  it('begin anew on Kafka and Cassandra; wake-ups and snapshots of before are gone', async () => {
    const { configText, topic } = kafkaWorld({
      keyspace: sharedKeyspace(),
      more: `
        akka.persistence.snapshot-store.plugin = "${cassandraSnapshots}"
        ${cassandraSnapshots}.cassandra = \${${journalPath}.cassandra}
        evolutiongaming.kafka-journal.replicator {
          purge-expired { enabled = on, interval = 200ms, grace = 0s }
        }`,
    });
    try {
      await using _replicator = await runReplicator(configText);
      await liveAndExpire({ configText, path: journalPath, snapshots: cassandraSnapshots, topic });
    } finally {
      await deleteTopic(topic);
    }
  });

  it('begin anew on an embedded journal; wake-ups and snapshots of before are gone', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'expired-'));
    try {
      const configText = `
        akka.persistence {
          journal.plugin = "${embeddedPath}", snapshot-store.plugin = "${embeddedSnapshots}"
        }
        ${embeddedPath} {
          file = ${JSON.stringify(join(folder, 'journal.db'))}
          purge-expired { enabled = on, interval = 200ms, grace = 0s }
        }`;
      const place = { path: embeddedPath, snapshots: embeddedSnapshots, topic: 'journal' };
      await liveAndExpire({ configText, ...place });
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
