import type { Logger } from '../../observability/logger.ts';

/** A type of entities whose ids are to be found in its persistence ids. */
export interface NamedType {
  readonly type: string;
  readonly log: Pick<Logger, 'warn'>;
  /** @throws what the user's `input` or `persistenceId` throws */
  readonly persistenceIdOf: (id: string) => string;
}

interface TextsAround {
  readonly before: string;
  readonly after: string;
}

/**
 * An id that nobody gives to an entity; capital and small letters show whether they are changed.
 */
const sampleId = 'Kafka-Journal-0f9D5c3A';

const notFoundIn =
  'entities of this type do not wake by themselves: their persistence ids do not contain their ids as they are';

/** Finds the id within a persistence id of a type, which has it somewhere between fixed texts. */
export class IdFinder {
  readonly #of: NamedType;
  #around: TextsAround | 'none' | undefined;

  constructor(of: NamedType) {
    this.#of = of;
  }

  /** `undefined` = the persistence id does not belong to this type. */
  idOf(persistenceId: string): string | undefined {
    const around = this.#around ?? this.#textsAround();
    if (around === 'none') return undefined;
    const { before, after } = around;
    if (!persistenceId.startsWith(before) || !persistenceId.endsWith(after)) return undefined;
    const id = persistenceId.slice(before.length, persistenceId.length - after.length);
    try {
      return this.#of.persistenceIdOf(id) === persistenceId ? id : undefined;
    } catch {
      return undefined; // what the user's input or persistenceId refuses is no id of this type
    }
  }

  /** Found out with a sample. */
  #textsAround(): TextsAround | 'none' {
    const { type, log, persistenceIdOf } = this.#of;
    let sample: string;
    try {
      sample = persistenceIdOf(sampleId);
    } catch {
      // An input that knows its ids refuses the sample; the persistence id may still be the id. It
      // is asked again next time: what it looks ids up in may not be there yet.
      return { before: '', after: '' };
    }
    const [before = '', after, more] = sample.split(sampleId);
    const isFound = after !== undefined && more === undefined;
    if (!isFound) log.warn({ type }, notFoundIn);
    this.#around = isFound ? { before, after } : 'none';
    return this.#around;
  }
}
