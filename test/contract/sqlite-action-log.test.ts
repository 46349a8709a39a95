import { randomUUID } from 'node:crypto';
import { Topic } from '../../src/model/position.ts';
import { silentLogger } from '../../src/observability/logger.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { openSqliteParts } from '../../src/stores/sqlite/store.ts';
import { temporaryFile } from '../unit/stores/sqlite/temporary-file.ts';
import { actionLogContract } from './action-log.contract.ts';
import type { ActionLogUnderTest } from './action-log.fixture.ts';

actionLogContract('sqlite in a file', async () => {
  const temporary = await temporaryFile();
  const log = await openLog(temporary.file);
  return {
    ...log,
    async [Symbol.asyncDispose]() {
      await log[Symbol.asyncDispose]();
      await temporary[Symbol.asyncDispose]();
    },
  };
});

actionLogContract('sqlite in memory', () => openLog(':memory:'));

async function openLog(file: string): Promise<ActionLogUnderTest> {
  const settings = { file, partitions: 4, segmentSize: 1_000 };
  const deps = { log: silentLogger, clock: systemClock };
  const { store, queue, partitions, writer, trim } = await openSqliteParts(settings, deps);
  return {
    ...store,
    async createTopic(name, count) {
      const topic = Topic.of(`${name}-${randomUUID()}`);
      await queue.write(() => partitions.createTopic(topic, count));
      return topic;
    },
    async produceForeign(topic, partition, { key, value, headers }) {
      const record = {
        key: key ?? undefined,
        value: value ?? undefined,
        timestampMs: 1_700_000_000_000,
        headers: Object.entries(headers),
      };
      const at = await queue.write(() => writer.appendTo(topic, partition, record));
      return at.offset;
    },
    deleteBefore: (topic, partition, offset) =>
      queue.write(() => trim.deleteBefore(topic, partition, offset)),
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  };
}
