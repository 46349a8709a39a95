import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { Events, NotOwnerError, NotSetUpError, openJournals, SeqNr } from '../../src/index.ts';

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

  it('holds a journal for the last that wants it, and says to the other whose it is', async () => {
    await using first = await openJournals({ config });
    await using second = await openJournals({ config });
    const key = first.keyOf('held');
    const loser = await first.hold(key);
    await loser.append(eventOf(1));
    const winner = await second.hold(key);
    expect(await winner.pointer()).to.equal(1);
    const error = await loser.append(eventOf(2)).then(
      () => expect.fail('two hold one journal'),
      (cause: unknown) => cause,
    );
    expect(error).to.be.instanceOf(NotOwnerError);
    expect(loser.signal.aborted).to.equal(true);
    await winner.append(eventOf(2));
    expect(await first.of(key).pointer()).to.equal(2);
  });

  it('holds side by side in two scopes, and nothing without tenures', async () => {
    const section = 'evolutiongaming.kafka-journal.embedded.journal';
    await using other = await openJournals({ config: `${config}, ${section}.tenure-scope = b` });
    await using plain = await openJournals({ config });
    const here = await plain.hold(plain.keyOf('here'));
    const there = await other.hold(other.keyOf('here'));
    expect([here.tenure.scope, there.tenure.scope]).to.deep.equal(['', 'b']);
    await there.append(eventOf(1));
    await using off = await openJournals({ config: `${config}, ${section}.tenures = off` });
    const error = await off.hold(off.keyOf('here')).then(
      () => expect.fail('held without tenures'),
      (cause: unknown) => cause,
    );
    expect(error).to.be.instanceOf(NotSetUpError);
    expect(String(error)).to.contain('tenures = on');
  });

  it('ends what is held when the journals are closed', async () => {
    const journals = await openJournals({ config });
    const held = await journals.hold(journals.keyOf('closed'));
    await journals[Symbol.asyncDispose]();
    expect(held.signal.reason).to.include({ code: 'CLOSED' });
  });
});

function eventOf(number: number): Events {
  return Events.of([{ seqNr: SeqNr.of(number), tags: [], payload: undefined }]);
}
