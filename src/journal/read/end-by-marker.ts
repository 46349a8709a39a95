import { LogUnavailableError, WriteFailedError } from '../../model/errors.ts';
import { unlessAborted } from '../../runtime/concurrency.ts';
import type { JournalParts } from '../journal-parts.ts';
import { appendMarker } from './append-marker.ts';
import type { ReadEnd } from './read-end.ts';

/**
 * The end is where a mark lands, which is written into the key's partition: whoever places keys, the
 * mark is placed alike.
 */
export function endByMarker(parts: JournalParts): ReadEnd {
  return {
    async find(key, { signal }) {
      const mark = { key, id: parts.randomUuid() };
      try {
        // A read that ends early leaves a stray mark behind, which harms nobody.
        return (await unlessAborted(appendMarker(parts, mark, { signal }), signal)).at;
      } catch (cause) {
        if (!(cause instanceof WriteFailedError)) throw cause;
        const message = `the end of a read of ${key.topic}:${key.id} could not be marked`;
        throw new LogUnavailableError(message, { cause });
      }
    },
    check: () => {},
  };
}
