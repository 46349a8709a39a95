import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { Events, openJournals, SeqNr } from '../../src/index.ts';

describe('openJournals', () => {
  const folder = mkdtempSync(join(tmpdir(), 'kafka-journal-keys-'));
  const config = `
    akka.persistence.journal.plugin = "evolutiongaming.kafka-journal.embedded.journal"
    evolutiongaming.kafka-journal.embedded.journal.file = "${join(folder, 'journal.db')}"
  `;
  after(() => rmSync(folder, { recursive: true }));

  it('appends and reads without actors, and keeps everything when opened again', async () => {
    const events = Events.of([
      { seqNr: SeqNr.of(1), tags: ['a'], payload: { type: 'text', value: 'one' } },
      { seqNr: SeqNr.of(2), tags: [], payload: { type: 'binary', value: Uint8Array.of(1, 2) } },
    ]);
    const first = await openJournals({ config });
    await first.of(first.keyOf('k')).append(events);
    await first[Symbol.asyncDispose]();

    const second = await openJournals({ config });
    const read: unknown[] = [];
    for await (const batch of second.of(second.keyOf('k')).read()) {
      read.push(
        ...batch.map(({ event: { seqNr, tags, payload } }) => [seqNr, tags, payload?.type]),
      );
    }
    await second[Symbol.asyncDispose]();
    expect(read).to.deep.equal([
      [1, ['a'], 'text'],
      [2, [], 'binary'],
    ]);
  });
});
