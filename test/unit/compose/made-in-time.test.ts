import { expect } from 'chai';
import { openJournalCoding } from '../../../src/compose/journal-coding.ts';
import { makeStashOverflow } from '../../../src/compose/stash-overflow.ts';
import type { Config } from '../../../src/config/config.ts';
import { loadConfig } from '../../../src/config/load-config.ts';
import type { BoundClasses } from '../../../src/config/settings/event-adapter-settings.ts';
import { ConfigError } from '../../../src/model/errors.ts';
import { silentLogger } from '../../../src/observability/logger.ts';
import type { Clock } from '../../../src/runtime/clock.ts';
import { failureOf } from '../actor/support.ts';

const own = new URL('../../support/own-plugins/own-keys.ts', import.meta.url).pathname;
const none: BoundClasses = { classes: [], bindings: [] };
/** Every time is over at once. */
const clock: Clock = { nowMs: () => 0, steadyMs: () => 0, sleep: async () => {} };

/** What is made of an export that answers a promise which never settles. */
describe('what a configuration names, and what takes too long to be made,', () => {
  async function refusalAt(
    key: string,
    make: (config: Config) => Promise<unknown>,
  ): Promise<string> {
    const error = await failureOf(
      make(await loadConfig({ text: `${key} = "${own}#hanging"`, env: {} })),
    );
    expect(error).to.be.instanceOf(ConfigError);
    return error.message;
  }

  for (const [what, kind] of [
    ['an event adapter', 'eventAdapters'],
    ['a serializer', 'serializers'],
  ] as const) {
    it(`is refused at its place: ${what}`, async () => {
      const key = 'mine.bound.x';
      const named = { name: 'x', class: `${own}#hanging`, path: key, origin: undefined };
      const bound = {
        eventAdapters: none,
        serializers: none,
        [kind]: { ...none, classes: [named] },
      };
      const message = await refusalAt(key, async (config) => {
        await openJournalCoding(bound, { config, log: silentLogger, clock });
      });
      expect(message).to.equal(
        `${key}: names an export that did not make ${what} within 10000 ms (config text:1)`,
      );
    });
  }

  it('is refused at its place: a strategy of a full stash', async () => {
    const key = 'akka.persistence.internal-stash-overflow-strategy';
    const message = await refusalAt(key, async (config) => {
      await makeStashOverflow({ config, log: silentLogger }, clock);
    });
    expect(message).to.equal(
      `${key}: names an export that did not make a strategy of a full stash within 10000 ms (config text:1)`,
    );
  });
});
