import type { JournalHostSettings } from '../../config/settings/plugin-host-settings.ts';
import { DataIntegrityError } from '../../model/errors.ts';
import { shown } from '../../model/shown.ts';
import type { Logger } from '../../observability/logger.ts';
import type { PersistentRepr, ReplayRequest } from '../../ports/journal-plugin.ts';
import { unlessAborted } from '../../runtime/waiting.ts';
import { asReadFailure } from './read-failure.ts';
import { type FilterFinding, ReplayFilter } from './replay-filter.ts';

/** What a replay needs of the host of its journal. */
export interface ReplayHost {
  readonly settings: Pick<JournalHostSettings, 'replayBatchSize' | 'replayFilter'>;
  /** The plugin, for messages: `journal my.journal`. */
  readonly name: string;
  readonly log: Logger;
}

/** One replay. */
export interface ReplayCall {
  readonly request: ReplayRequest;
  readonly host: ReplayHost;
  readonly signal: AbortSignal | undefined;
}

/**
 * What a plugin replays, as the entity gets it: see {@link passed}.
 *
 * @throws {DataIntegrityError} the plugin gave nothing that can be iterated
 */
export function replayed(
  events: AsyncIterable<readonly PersistentRepr[]>,
  call: ReplayCall,
): AsyncIterable<readonly PersistentRepr[]> {
  // Plugins may be written in JavaScript.
  if (typeof (events as typeof events | undefined)?.[Symbol.asyncIterator] !== 'function') {
    const text = `${call.host.name} gave ${shown(events)} as events, not an async iterable of batches`;
    throw new DataIntegrityError(text, { place: { id: call.request.persistenceId } });
  }
  return {
    [Symbol.asyncIterator]() {
      const source = iteratorOf(events, call);
      const pages = passed(source, call);
      return {
        next: () => pages.next(),
        // A generator that was never pulled runs no `finally`, and the plugin may hold a cursor.
        return: async () => {
          await source.return?.();
          return await pages.return();
        },
      };
    },
  };
}

/**
 * Through the filter, at most `replayBatchSize` events at once. The filter takes what is stored in
 * the order in which it was written; what comes out ascends. A batch of which the filter holds
 * everything back is given as an empty one: else a journal whose events trickle seems to be silent.
 *
 * @throws {DataIntegrityError} the plugin breaks a rule of the port, or the filter says so
 * @throws {StoreUnavailableError} the plugin fails with an error that does not say what it means
 * @throws the abort reason when the signal fires, whether the plugin listens to it or not
 */
async function* passed(
  source: AsyncIterator<readonly PersistentRepr[]>,
  { request, host, signal }: ReplayCall,
): AsyncGenerator<readonly PersistentRepr[], void> {
  const check = new ReplayCheck(request, host.name);
  const filter = filterOf(host);
  try {
    for (;;) {
      const step = await unlessAborted(Promise.resolve(source.next()), signal);
      if (step.done === true) break;
      const batch = step.value;
      check.taken(batch);
      // A copy: the plugin may write into its array again while the entity is in the middle of it.
      const given = check.given(filter?.take(batch) ?? batch.slice());
      if (given.length === 0 && batch.length > 0) yield given;
      else yield* pieces(given, host);
    }
    yield* pieces(check.given(filter?.end() ?? []), host);
  } catch (error) {
    // A rule is broken while the plugin has more: it may have a cursor open. One that fails has
    // not.
    leave(source);
    throw asReadFailure(error, host.name, signal);
  }
}

/** @throws {StoreUnavailableError} the plugin fails before the first batch */
function iteratorOf(
  events: AsyncIterable<readonly PersistentRepr[]>,
  { host, signal }: ReplayCall,
): AsyncIterator<readonly PersistentRepr[]> {
  try {
    return events[Symbol.asyncIterator]();
  } catch (cause) {
    throw asReadFailure(cause, host.name, signal);
  }
}

/** Nobody waits for that, and what it fails with says nothing of why it is left. */
function leave(source: AsyncIterator<unknown>): void {
  const left = async (): Promise<unknown> => await source.return?.();
  left().catch(() => {});
}

function* pieces(
  events: readonly PersistentRepr[],
  { settings: { replayBatchSize, replayFilter }, log, name }: ReplayHost,
): Generator<readonly PersistentRepr[], void> {
  if (events.length === 0) return;
  if (replayFilter.debug) {
    for (const { persistenceId, seqNr, writerUuid } of events) {
      log.debug({ persistenceId, seqNr, writerUuid, plugin: name }, 'an event is replayed');
    }
  }
  if (events.length <= replayBatchSize) {
    yield events;
    return;
  }
  for (let at = 0; at < events.length; at += replayBatchSize) {
    yield events.slice(at, at + replayBatchSize);
  }
}

function filterOf({ settings, log, name }: ReplayHost): ReplayFilter | undefined {
  const { mode } = settings.replayFilter;
  if (mode === 'off') return undefined;
  const text = mode === 'warn' ? 'is replayed all the same' : 'is left out of the replay';
  const report = ({ event: { persistenceId, seqNr, writerUuid }, why }: FilterFinding): void => {
    const fields = { persistenceId, seqNr, writerUuid, why, plugin: name };
    log.warn(fields, `an event of a writer that overlaps with another one ${text}`);
  };
  return new ReplayFilter({ ...settings.replayFilter, mode, name, report });
}

/** The rules of the port that a replay has to keep. */
class ReplayCheck {
  readonly #request: ReplayRequest;
  readonly #name: string;
  #room: number;
  #last = 0;

  constructor(request: ReplayRequest, name: string) {
    this.#request = request;
    this.#name = name;
    this.#room = request.maxEvents;
  }

  /** Of what the plugin gives. */
  taken(batch: readonly PersistentRepr[]): void {
    const { from, to, persistenceId } = this.#request;
    if (!Array.isArray(batch))
      this.#broken(undefined, `gave ${shown(batch)}, not a batch of events`);
    for (const event of batch) {
      const fault = faultOf(event);
      if (fault !== undefined) this.#broken(undefined, `gave ${fault}`);
      const { seqNr } = event;
      if (event.persistenceId !== persistenceId) {
        this.#broken(seqNr, `gave an event of ${event.persistenceId} for ${persistenceId}`);
      }
      if (seqNr < from || seqNr > to) {
        this.#broken(seqNr, `gave event ${seqNr}, where ${from} to ${to} were asked for`);
      }
    }
    this.#room -= batch.length;
    if (this.#room >= 0) return;
    const { maxEvents } = this.#request;
    this.#broken(batch.at(-1)?.seqNr ?? from, `gave more than the ${maxEvents} events asked for`);
  }

  /** Of what the entity gets. */
  given(events: readonly PersistentRepr[]): readonly PersistentRepr[] {
    for (const { seqNr } of events) {
      if (seqNr <= this.#last) this.#broken(seqNr, `gave event ${seqNr} after event ${this.#last}`);
      this.#last = seqNr;
    }
    return events;
  }

  #broken(seqNr: number | undefined, text: string): never {
    const { persistenceId: id } = this.#request;
    const place = seqNr === undefined ? { id } : { id, seqNr };
    throw new DataIntegrityError(`${this.#name} ${text}`, { place });
  }
}

/**
 * What an event lacks that the host reads; `undefined` = nothing. Its payload is looked at later.
 */
function faultOf(event: PersistentRepr): string | undefined {
  if (typeof event !== 'object' || event === null) return `an event that is ${shown(event)}`;
  const { seqNr, writerUuid, manifest, facts, timestampMs } = event;
  if (!Number.isSafeInteger(seqNr)) return `an event with ${shown(seqNr)} as its seqNr`;
  if (typeof writerUuid !== 'string')
    return `event ${seqNr} with ${shown(writerUuid)} as its writerUuid`;
  if (typeof manifest !== 'string') return `event ${seqNr} with ${shown(manifest)} as its manifest`;
  if (timestampMs !== undefined && !Number.isFinite(timestampMs))
    return `event ${seqNr} with ${shown(timestampMs)} as its timestampMs`;
  const hasFacts = typeof facts === 'object' && facts !== null;
  return hasFacts ? undefined : `event ${seqNr} with ${shown(facts)} as its facts`;
}
