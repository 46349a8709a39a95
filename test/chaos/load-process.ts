import { openJournals } from '../../src/compose/open-journals.ts';
import { SeqNr } from '../../src/model/seq-nr.ts';
import type { LoadMessage } from './journal-load.ts';

/**
 * Load on journals without actors: each key appends, and now and then deletes, one call at a time;
 * beside them two readers recover random keys all the time and compare with what was acknowledged
 * before they began.
 *
 *     node load-process.ts CONFIG-FILE RUN KEYS
 */
const [file = '', run = '', keyCount = '1'] = process.argv.slice(2);
const keys = Array.from({ length: Number(keyCount) }, (_, index) => `key-${index}`);
const readers = 2;
/** Every so many appends a key deletes all but its youngest events. */
const deleteEvery = 25;
const kept = 10;
/** Leaves processor time to what is tested. */
const appendPauseMs = 60;
const tellEveryMs = 20;
const retryPauseMs = 50;
const readPauseMs = 50;

const stopping = new AbortController();
process.once('message', () => stopping.abort());

const journals = await openJournals({ file });
const lastOf = new Map<string, number>();
let operations = 0;
let unsent: LoadMessage[] = [];
const tell = (): void => {
  if (unsent.length > 0) process.send?.(unsent);
  unsent = [];
};
const telling = setInterval(tell, tellEveryMs);

await Promise.all([...keys.map(write), ...Array.from({ length: readers }, read)]);
clearInterval(telling);
tell();
await journals[Symbol.asyncDispose]();
process.disconnect();

async function write(key: string): Promise<void> {
  const journal = journals.of(journals.keyOf(key));
  let last: number | undefined;
  while (!stopping.signal.aborted) {
    try {
      // After a failed write only the journal knows whether it is there.
      last ??= (await journal.pointer()) ?? 0;
      const seqNr = SeqNr.of(last + 1);
      const operation = `${run}-${operations++}`;
      const payload = { type: 'json', value: { operation } } as const;
      await journal.append([{ seqNr, tags: [], payload }]);
      last = seqNr;
      lastOf.set(key, seqNr);
      unsent.push({ type: 'appended', key, seqNr, operation });
      await pause(appendPauseMs);
      if (seqNr % deleteEvery !== 0) continue;
      const to = SeqNr.of(seqNr - kept);
      unsent.push({ type: 'deleting', key, to });
      await journal.delete(to);
      unsent.push({ type: 'deleted', key, to });
    } catch (error) {
      note(error);
      last = undefined;
      await pause(retryPauseMs);
    }
  }
}

/** A recovery has everything that was acknowledged before it began, without holes. */
async function read(): Promise<void> {
  while (!stopping.signal.aborted) {
    await pause(readPauseMs);
    const key = keys[Math.floor(Math.random() * keys.length)] ?? 'key-0';
    const acknowledged = lastOf.get(key) ?? 0;
    try {
      const numbers: number[] = [];
      for await (const batch of journals.of(journals.keyOf(key)).read())
        numbers.push(...batch.map(({ event }) => event.seqNr));
      const hole = numbers.find((seqNr, index) => seqNr !== (numbers[0] ?? 0) + index);
      const last = numbers.at(-1) ?? 0;
      unsent.push({ type: 'recovered', key });
      if (hole !== undefined || last < acknowledged) {
        const text = `${key} was acknowledged up to ${acknowledged}, recovered to ${last}`;
        unsent.push({
          type: 'broken',
          text: hole === undefined ? text : `${key}: hole at ${hole}`,
        });
      }
    } catch (error) {
      note(error);
    }
  }
}

/** What goes away by itself is part of the fun; anything else is a finding. */
function note(error: unknown): void {
  const { retryable, code, message } = error as Error & { retryable?: boolean; code?: string };
  if (retryable === true || code === 'WRITE_FAILED') unsent.push({ type: 'failed' });
  else unsent.push({ type: 'broken', text: `${code ?? 'error'}: ${message}` });
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
