import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { loadConfig } from '../../../src/config/load-config.ts';
import { ConfigError, InvalidInputError } from '../../../src/model/errors.ts';
import { Key } from '../../../src/model/key.ts';
import { openOwnKeyMapping } from '../../../src/plugin/own-key-mapping.ts';
import type { KeyMapping } from '../../../src/plugin/persistence-id-to-key.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import { made } from '../../support/own-plugins/own-keys.ts';
import { RecordingLogger } from '../../support/recording-logger.ts';

const own = new URL('../../support/own-plugins/own-keys.ts', import.meta.url).pathname;
const setting = 'my.journal.persistence-id-to-key.impl';

const usual = { clock: systemClock, unused: new AbortController().signal };

describe('openOwnKeyMapping', () => {
  let log = new RecordingLogger();
  beforeEach(() => {
    log = new RecordingLogger();
    made.length = 0;
  });

  async function open(impl: string, deps = {}): Promise<KeyMapping | undefined> {
    const config = await loadConfig({ text: `my.url = "u"\n${setting} = "${impl}"`, env: {} });
    return await openOwnKeyMapping(config, 'my.journal', { ...usual, log, ...deps });
  }

  async function opened(name: string): Promise<KeyMapping> {
    const mapping = await open(`${own}${name}`);
    if (mapping === undefined) throw new Error('none was made');
    return mapping;
  }

  /** What the function throws, as the words of the message and of its cause. */
  function refusalOf(mapping: KeyMapping, persistenceId: unknown): [string, string | undefined] {
    try {
      mapping.keyOf(persistenceId as string);
    } catch (error) {
      expect(error).to.be.instanceOf(InvalidInputError);
      return [(error as Error).message, ((error as Error).cause as Error | undefined)?.message];
    }
    throw new Error('should have been refused');
  }

  it('leaves what this package has to it, and a journal that says nothing', async () => {
    for (const impl of ['split', 'constant-topic']) expect(await open(impl)).to.equal(undefined);
    const config = await loadConfig({ env: {} });
    expect(await openOwnKeyMapping(config, 'my.journal', { ...usual, log })).to.equal(undefined);
  });

  for (const [kind, name] of [
    ['a class', '#OwnKeys'],
    ['a function, the default export', ''],
    ['an object with create(), which answers a promise', '#factory'],
  ] as const) {
    it(`makes one of ${kind}, once, with its context`, async () => {
      const { keyOf, persistenceIdsOf } = await opened(name);
      expect(keyOf('order/42')).to.deep.equal({ topic: 'orders', id: '42' });
      expect(persistenceIdsOf?.(Key.of('orders', '42'))).to.deep.equal(['order/42']);
      expect(made).to.have.length(1);
      const { configPath, config, rootConfig, signal } = made[0]?.context ?? expect.fail();
      expect(configPath).to.equal('my.journal.persistence-id-to-key');
      expect(config.getString('impl')).to.equal(`${own}${name}`);
      expect(rootConfig.getString('my.url')).to.equal('u');
      expect(signal.aborted).to.equal(false);
    });
  }

  it('starts a relative path in the folder of the file in which the key was written', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'own-keys-'));
    try {
      mkdirSync(join(folder, 'inner'));
      writeFileSync(
        join(folder, 'inner', 'keys.mjs'),
        'export const Keys = () => ({ keyOf: (id) => ({ topic: "inner", id }) })',
      );
      writeFileSync(join(folder, 'inner', 'part.conf'), `${setting} = "./keys.mjs#Keys"`);
      writeFileSync(join(folder, 'application.conf'), 'include "inner/part.conf"');
      const config = await loadConfig({ file: join(folder, 'application.conf'), env: {} });
      const mapping = await openOwnKeyMapping(config, 'my.journal', { ...usual, log });
      expect(mapping?.keyOf('a')).to.deep.equal({ topic: 'inner', id: 'a' });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('gives up what takes too long, and says so to what makes it', async () => {
    const sleep = async () => {
      while (made.length === 0) await systemClock.sleep(1);
    };
    const clock = { nowMs: () => 0, steadyMs: () => 0, sleep };
    const error = await open(`${own}#hanging`, { clock }).catch((reason: unknown) => reason);
    expect(error).to.be.instanceOf(ConfigError);
    expect((error as Error).message).to.equal(
      `${setting}: names an export that did not make a mapping of persistence ids within 10000 ms (config text:2)`,
    );
    expect(made[0]?.context.signal.reason).to.equal(error);
  });

  it('ends with the reason of its signal', async () => {
    const reason = new Error('closed');
    const closing = AbortSignal.abort(reason);
    const error = await open(`${own}#hanging`, { closing }).catch((cause: unknown) => cause);
    expect(error).to.equal(reason);
  });

  describe('refuses, with the setting and its place,', () => {
    const see = `see ${setting} (config text:2)`;

    for (const [what, answer, message] of [
      ['an empty topic', { topic: '', id: 'x' }, 'maps to topic "" and id "x"'],
      ['an illegal topic', { topic: 'a b', id: 'x' }, 'maps to topic "a b" and id "x"'],
      ['no topic', { id: 'x' }, 'maps to topic undefined and id "x"'],
      ['an id that is no text', { topic: 'a', id: 5 }, 'maps to topic "a" and id 5'],
      ['too long an id', { topic: 'a', id: 'x'.repeat(1025) }, 'maps to topic "a" and id "xxx'],
    ] as const) {
      it(what, async () => {
        const [text, cause] = refusalOf(await opened('#parsed'), JSON.stringify(answer));
        expect(text)
          .to.match(/^persistence id "\{.*maps to/)
          .and.include(message);
        expect(text.endsWith(`which is refused, ${see}`)).to.equal(true);
        expect(cause).to.match(/legal Kafka topic name|well-formed|more than 1024 bytes/);
      });
    }

    for (const answer of ['5', '"orders"', 'null']) {
      it(`what is no object: ${answer}`, async () => {
        const [text] = refusalOf(await opened('#parsed'), answer);
        const given = `keyOf must give { topic, id }, not ${answer}`;
        expect(text).to.equal(`persistence id ${JSON.stringify(answer)}: ${given}, ${see}`);
      });
    }

    it('a promise, whose failure does not end the process', async () => {
      const [text] = refusalOf(await opened('#asynchronous'), 'a');
      expect(text).to.equal(
        `persistence id "a": keyOf answers a promise; it must answer at once, ${see}`,
      );
      await systemClock.sleep(1); // an unhandled rejection would fail the run
    });

    it('what it throws, which is the cause', async () => {
      const refused = refusalOf(await opened('#OwnKeys'), 'a');
      expect(refused).to.deep.equal([`persistence id "a": keyOf threw, ${see}`, 'no kind']);
    });

    for (const blank of ['', ' ', 5]) {
      it(`unasked, a persistence id that is no text or blank: ${JSON.stringify(blank)}`, async () => {
        const [text] = refusalOf(await opened('#oneWay'), blank);
        expect(text).to.match(/^a persistence id must/);
      });
    }
  });

  it('refuses a second persistence id with the key of another one', async () => {
    const mapping = await opened('#OwnKeys');
    const [text] = refusalOf(mapping, 'order/42/again');
    expect(text).to.equal(
      `persistence ids "order/42/again" and "order/42" have one key, orders:42, see ${setting} (config text:2)`,
    );
    expect(mapping.keyOf('order/42').id).to.equal('42');
  });

  describe('the way back', () => {
    it('is not known where there is none', async () => {
      expect((await opened('#oneWay')).persistenceIdsOf).to.equal(undefined);
    });

    it('may say that a key has no persistence id', async () => {
      const { persistenceIdsOf } = await opened('#OwnKeys');
      expect(persistenceIdsOf?.(Key.of('other', '42'))).to.deep.equal([]);
      expect(log.lines).to.deep.equal([]);
    });

    for (const id of ['throws', 'promise', 'other', 'number']) {
      it(`gives nothing that does not lead to the key, and says so once: ${id}`, async () => {
        const { persistenceIdsOf } = await opened('#wrongWayBack');
        const key = Key.of('journal', id);
        for (let time = 0; time < 2; time++) expect(persistenceIdsOf?.(key)).to.deep.equal([]);
        expect(log.of('warn')).to.have.length(1);
        expect(log.lines[0]?.fields).to.deep.include({
          key,
          setting: `${setting} (config text:2)`,
        });
        await systemClock.sleep(1);
      });
    }
  });
});
