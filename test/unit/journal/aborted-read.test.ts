import { expect } from 'chai';
import { openJournals } from '../../../src/compose/open-journals.ts';
import { Events } from '../../../src/model/event.ts';
import { SeqNr } from '../../../src/model/seq-nr.ts';
import { CountingWorld, eventsFrom } from './counting-world.ts';

/** More than one batch of the log's part. */
const events = 2_000;

describe('A read whose signal fires between two batches', () => {
  let world: CountingWorld;
  beforeEach(async () => {
    world = await CountingWorld.open();
    const writer = world.writer();
    for (let first = 1; first < events; first += 100) await writer.append(eventsFrom(first, 100));
  });
  afterEach(() => world[Symbol.asyncDispose]());

  const parts: [string, () => Promise<void>][] = [
    ["of the log's part", async () => {}],
    ["of the store's part", () => world.replicate()],
    ['of either', () => world.replicate(9)],
  ];
  for (const [name, prepare] of parts) {
    it(`${name} gives no other batch and rejects with the signal's reason`, async () => {
      await prepare();
      for (const batches of [1, 2, 3]) {
        const abort = new AbortController();
        const reason = new Error('enough');
        const read = world.reader().read(SeqNr.min, { signal: abort.signal });
        for (let batch = 0; batch < batches; batch++) {
          expect((await read.next()).done).to.equal(false);
        }
        abort.abort(reason);
        expect(await read.next().catch((error: unknown) => error)).to.equal(reason);
        expect(await read.next()).to.deep.equal({ done: true, value: undefined });
      }
    });
  }

  it('of openJournals does the same', async () => {
    const config = `
      akka.persistence.journal.plugin = "evolutiongaming.kafka-journal.embedded.journal"
      evolutiongaming.kafka-journal.embedded.journal.file = ":memory:"
    `;
    await using journals = await openJournals({ config });
    const journal = journals.of(journals.keyOf('k'));
    for (let first = 1; first < events; first += 100) {
      await journal.append(Events.of(eventsFrom(first, 100)));
    }
    const abort = new AbortController();
    const reason = new Error('enough');
    const read = journal.read(SeqNr.min, { signal: abort.signal });
    expect((await read.next()).done).to.equal(false);
    abort.abort(reason);
    expect(await read.next().catch((error: unknown) => error)).to.equal(reason);
  });
});
