import type { Key } from '../model/key.ts';
import type { SeqNr } from '../model/seq-nr.ts';
import type { LogFields, Logger } from '../observability/logger.ts';
import type { Journal } from './journal.ts';

/**
 * By operation, in milliseconds: a call that took at least that long is logged as a warning, any
 * other at debug.
 */
export type CallTimeThresholds = Readonly<Record<Operation, number>>;

type Operation = 'append' | 'read' | 'pointer' | 'delete' | 'purge' | 'mark';

interface Instruments {
  readonly log: Logger;
  readonly thresholdsMs: CallTimeThresholds;
}

/** Times every call and logs key, operation, milliseconds, arguments and result or error. */
export function instrumentJournal(
  journal: Journal,
  { topic, id }: Key,
  { log, thresholdsMs }: Instruments,
): Journal {
  const timed = (operation: Operation): Note => {
    const startMs = performance.now();
    return (outcome) => {
      const ms = Math.round(performance.now() - startMs);
      const fields = { topic, id, operation, ms, ...outcome };
      if (ms >= thresholdsMs[operation]) log.warn(fields, `slow ${operation}`);
      else log.debug(fields, operation);
    };
  };
  return {
    append(events, options) {
      const note = timed('append');
      const call = journal.append(events, options);
      // Events that were refused may be anything: nothing is read of them.
      call.then(
        ({ partition, offset }) =>
          note({ from: events[0]?.seqNr, events: events.length, partition, offset }),
        (err: unknown) => note({ err }),
      );
      return call;
    },
    async *read(from, options) {
      const note = timed('read');
      let first = from instanceof Promise ? undefined : from;
      if (from instanceof Promise) {
        const learn = (known: SeqNr): void => {
          first = known;
        };
        from.then(learn, () => {}); // the read fails with it
      }
      try {
        const last = yield* journal.read(from, options);
        note({ from: first, last });
        return last;
      } catch (err) {
        note({ from: first, err });
        throw err;
      }
    },
    pointer: (options) => observe(timed('pointer'), journal.pointer(options)),
    delete: (to, options) => observe(timed('delete'), journal.delete(to, options)),
    purge: (options) => observe(timed('purge'), journal.purge(options)),
    mark: (id, options) => observe(timed('mark'), journal.mark(id, options)),
  };
}

type Note = (outcome: LogFields) => void;

async function observe<T>(note: Note, call: Promise<T>): Promise<T> {
  try {
    const result = await call;
    note({ result });
    return result;
  } catch (err) {
    note({ err });
    throw err;
  }
}
