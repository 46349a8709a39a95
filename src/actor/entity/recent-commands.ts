import type { EventObject } from 'xstate';
import { readArray, readCount, readObject, readText } from '../../model/plain-members.ts';
import type { CommandFact } from '../../ports/journal-plugin.ts';
import { isEvent } from './check-input.ts';

/** For how long an entity remembers the commands that were stored with an id. */
export interface CommandIdSettings {
  /** At least 1: the last ones are kept. */
  readonly maxCount: number;
  /** Since they were stored. */
  readonly maxAgeMs: number;
}

/** The answer to a command that was stored. */
export interface RecentCommand {
  /** Number of its last event. */
  readonly sequenceNr: number;
  readonly events: readonly EventObject[];
  readonly reply: unknown;
  /** When it was stored, ms since the epoch. */
  readonly atMs: number;
}

/**
 * The commands with an id that an entity has stored last, and their answers: whoever asks again
 * gets the first answer. It follows from the journal alone, so a recovery finds the same.
 */
export class RecentCommands {
  readonly #settings: CommandIdSettings;
  /** By id, in the order in which they were stored; most entities have none. */
  #byId: Map<string, RecentCommand> | undefined;

  constructor(settings: CommandIdSettings) {
    this.#settings = settings;
  }

  /**
   * Notes a stored event of a command, or what is read of it: none or several events. Commands
   * without an id are not remembered.
   */
  note(
    { commandId, last, reply }: CommandFact,
    events: readonly EventObject[],
    atMs: number,
  ): void {
    if (commandId === undefined) return;
    this.#byId ??= new Map();
    const known = this.#byId.get(commandId);
    if (known?.sequenceNr === last) {
      this.#byId.set(commandId, { ...known, events: [...known.events, ...events] });
      return;
    }
    // One that was forgotten may have been stored anew: it is the youngest then.
    this.#byId.delete(commandId);
    this.#byId.set(commandId, { sequenceNr: last, events, reply, atMs });
    this.#forget(atMs);
  }

  /** `undefined` = it was not stored, or is forgotten. */
  find(commandId: string | undefined, nowMs: number): RecentCommand | undefined {
    const command = commandId === undefined ? undefined : this.#byId?.get(commandId);
    return command === undefined || this.#isOld(command, nowMs) ? undefined : command;
  }

  /**
   * What a snapshot of the entity keeps; `undefined` = nothing is remembered.
   *
   * @param pack an event in a form that the snapshot can hold, and the number of its command
   * @throws what `pack` throws
   */
  toPlain(pack: (event: EventObject, seqNr: number) => unknown = (event) => event): unknown {
    if (this.#byId === undefined || this.#byId.size === 0) return undefined;
    return Array.from(this.#byId, ([id, { reply, ...command }]) => {
      const events = command.events.map((event) => pack(event, command.sequenceNr));
      const kept = { id, ...command, events };
      return reply === undefined ? kept : { ...kept, reply };
    });
  }

  /**
   * @param unpack the reverse of `pack`, for what is not an event by itself
   * @throws {CodecError} `plain` is not what `toPlain` gives; names the place
   * @throws what `unpack` throws
   */
  static ofPlain(
    plain: unknown,
    settings: CommandIdSettings,
    unpack: (packed: unknown, seqNr: number, at: string) => readonly unknown[] = () => [],
  ): RecentCommands {
    const recent = new RecentCommands(settings);
    if (plain === undefined) return recent;
    recent.#byId = new Map(
      readArray(plain, 'commands').map((item, index) => {
        const at = `commands[${index}]`;
        const { id, sequenceNr, events, atMs, reply } = readObject(item, at);
        const last = readCount(sequenceNr, `${at}.sequenceNr`);
        const command = {
          sequenceNr: last,
          events: readArray(events, `${at}.events`)
            .flatMap((one, i) => (isEvent(one) ? [one] : unpack(one, last, `${at}.events[${i}]`)))
            .filter(isEvent),
          atMs: readCount(atMs, `${at}.atMs`),
          reply,
        };
        return [readText(id, `${at}.id`), command] as const;
      }),
    );
    // The program that took the snapshot may have remembered more of them.
    recent.#forget(Number.NEGATIVE_INFINITY);
    return recent;
  }

  #forget(nowMs: number): void {
    for (const [id, command] of this.#byId ?? []) {
      const isTooMany = (this.#byId?.size ?? 0) > this.#settings.maxCount;
      if (!isTooMany && !this.#isOld(command, nowMs)) return;
      this.#byId?.delete(id);
    }
  }

  #isOld({ atMs }: RecentCommand, nowMs: number): boolean {
    return nowMs - atMs > this.#settings.maxAgeMs;
  }
}
