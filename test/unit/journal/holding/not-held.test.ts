import { expect } from 'chai';
import { encodeAction } from '../../../../src/codec/record/action-record-codec.ts';
import { TenureHolder } from '../../../../src/journal/holding/tenure-holder.ts';
import { createJournals } from '../../../../src/journal/journals.ts';
import { endByOffset } from '../../../../src/journal/read/ends.ts';
import { SeqNr } from '../../../../src/model/seq-nr.ts';
import type { ActionProducer } from '../../../../src/ports/action-producer.ts';
import type { Clock } from '../../../../src/runtime/clock.ts';
import { type Asked, CountingWorld, eventsFrom, readAll, thresholdsMs } from '../counting-world.ts';

const clock: Clock = {
  nowMs: () => 1_000,
  steadyMs: () => 1_000,
  sleep: () => new Promise(() => {}),
};

interface Trace {
  /** The records that were written, in order. */
  readonly written: readonly string[];
  readonly asked: Asked;
  readonly read: string;
}

/** What a journal that nobody holds does, with or without tenures. */
async function traceOf(tenures: boolean, byOffset: boolean): Promise<Trace> {
  await using world = await CountingWorld.open();
  const parts = world.parts('writer');
  const written: string[] = [];
  const producer: ActionProducer = {
    ...parts.producer,
    produce(action, options) {
      const { value, headers } = encodeAction(action);
      const texts = Object.entries(headers).map((header) => header.join(': '));
      written.push([action.key.id, String(value), `${options?.partition}`, ...texts].join(' | '));
      return parts.producer.produce(action, options);
    },
  };
  let ids = 0;
  const randomUuid = () => `id ${ids++}`;
  const readEnd = byOffset ? endByOffset(parts.consumer) : undefined;
  const deps = { ...parts, producer, readEnd, randomUuid, clock };
  const holding = { scope: '', holdingTimeMs: 500 };
  const more = { holder: 'h', holding, limitMs: 1_000, random: () => 0 };
  const holder = tenures ? new TenureHolder({ ...deps, ...more }) : undefined;
  const journal = createJournals({ ...deps, tenures: holder }, thresholdsMs).of(world.key());
  await journal.append(eventsFrom(1, 3));
  await journal.append(eventsFrom(4, 1), { metadata: { payload: {} } });
  await journal.delete(SeqNr.of(2));
  const read = await readAll(journal);
  await journal.mark('m');
  await journal.purge();
  await journal.append(eventsFrom(1, 1));
  holder?.close();
  return { written, asked: world.take(), read };
}

describe('a journal that nobody holds', () => {
  for (const byOffset of [false, true]) {
    const end = byOffset ? 'the end offset' : 'a mark';
    it(`is written and read byte for byte as without tenures, read up to ${end}`, async () => {
      expect(await traceOf(true, byOffset)).to.deep.equal(await traceOf(false, byOffset));
    });
  }
});
