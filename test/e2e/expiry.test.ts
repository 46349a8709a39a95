import { expect } from 'chai';
import { type OpenJournals, openJournals } from '../../src/compose/open-journals.ts';
import type { Event, Events } from '../../src/model/event.ts';
import { SeqNr } from '../../src/model/seq-nr.ts';
import { sharedKeyspace } from '../integration/cassandra/shared-keyspace.ts';
import { runReplicator } from '../support/kafka/in-process-replicator.ts';
import { kafkaWorld } from '../support/kafka/world.ts';

const limitMs = 30_000;
const replicator = 'evolutiongaming.kafka-journal.replicator';

/** Expires today. */
const soon = {
  metadata: { payload: { expireAfter: { length: 1n, unit: 'millisecond' } } },
} as const;

describe('expired journals', () => {
  const { configText } = kafkaWorld({
    keyspace: sharedKeyspace(),
    more: `${replicator}.purge-expired { enabled = on, interval = 200ms, grace = 0s }`,
  });
  let journals: OpenJournals;
  let running: AsyncDisposable;

  before(async () => {
    journals = await openJournals({ config: configText });
    await journals.of(journals.keyOf('first')).append(eventsOf(1));
    running = await runReplicator(configText);
  });

  after(async () => {
    await running[Symbol.asyncDispose]();
    await journals[Symbol.asyncDispose]();
  });

  const journal = (id: string) => journals.of(journals.keyOf(id));

  it('are purged through the log; those without expiry, or with one to come, stay', async () => {
    const later = { payload: { expireAfter: { length: 30n, unit: 'day' } } } as const;
    await journal('over').append(eventsOf(1, 2), soon);
    await journal('kept').append(eventsOf(1));
    await journal('later').append(eventsOf(1), { metadata: later });
    await eventually(async () => (await journal('over').pointer()) === undefined);
    expect(await seqNrs('over')).to.deep.equal([]);
    expect(await seqNrs('kept')).to.deep.equal([1]);
    expect(await seqNrs('later')).to.deep.equal([1]);
  });

  it('begin anew when something is appended afterwards', async () => {
    await journal('over').append(eventsOf(1));
    expect(await seqNrs('over')).to.deep.equal([1]);
  });

  async function seqNrs(id: string): Promise<number[]> {
    const found: number[] = [];
    for await (const batch of journal(id).read())
      for (const { event } of batch) found.push(event.seqNr);
    return found;
  }
});

function eventsOf(from: number, to = from): Events {
  const eventOf = (seqNr: number): Event => ({
    seqNr: SeqNr.of(seqNr),
    tags: [],
    payload: { type: 'text', value: `event ${seqNr}` },
  });
  const rest = Array.from({ length: to - from }, (_, index) => eventOf(from + 1 + index));
  return [eventOf(from), ...rest];
}

async function eventually(isSo: () => Promise<boolean>): Promise<void> {
  const until = Date.now() + limitMs;
  while (!(await isSo())) {
    if (Date.now() > until) throw new Error(`not within ${limitMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
