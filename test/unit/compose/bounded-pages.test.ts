import { expect } from 'chai';
import { boundedPages } from '../../../src/compose/bounded-pages.ts';
import { loadConfig } from '../../../src/config/load-config.ts';
import {
  type KafkaJournalSettings,
  readKafkaJournalSettings,
} from '../../../src/config/settings/journal-settings.ts';

const path = 'evolutiongaming.kafka-journal.persistence.journal';

function pageOf({ eventual }: KafkaJournalSettings): number | undefined {
  if (eventual.type === 'cassandra') return eventual.cassandra.client.fetchSize;
  return eventual.type === 'postgres' ? eventual.postgres.fetchSize : undefined;
}

describe('boundedPages', () => {
  for (const store of ['cassandra', 'postgres']) {
    it(`makes pages so small that three hold replay-batch-size events, at least two rows: ${store}`, async () => {
      const settings = readKafkaJournalSettings(
        await loadConfig({ text: `${path}.eventual = ${store}` }),
      );
      expect(pageOf(settings)).to.equal(1000);
      expect(pageOf(boundedPages(settings, 4000)), 'the default leaves them').to.equal(1000);
      expect(pageOf(boundedPages(settings, 100))).to.equal(33);
      expect(pageOf(boundedPages(settings, 1))).to.equal(2);
    });
  }

  it('leaves SQLite as it is, which reads on only when it is asked', async () => {
    const settings = readKafkaJournalSettings(
      await loadConfig({ text: `${path}.eventual = sqlite` }),
    );
    expect(boundedPages(settings, 1)).to.equal(settings);
  });
});
