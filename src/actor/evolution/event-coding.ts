import type { EventObject } from 'xstate';
import { atOnce } from '../../model/at-once.ts';
import {
  CodecError,
  InvalidInputError,
  JournalError,
  RecoveryFailedError,
  WriteRejectedError,
} from '../../model/errors.ts';
import { SerializedPayload } from '../../model/serialized-payload.ts';
import { shown, thrownText } from '../../model/shown.ts';
import type { StoredForm } from '../../model/stored-form.ts';
import type { AtomicWrite, EventFacts, PersistentRepr } from '../../ports/journal-plugin.ts';
import type { Bindings } from './bindings.ts';
import { type EntityCipher, type EntityKeys, encryptedSerializer } from './entity-cipher.ts';
import type { EventAdapter, StoredEventPlace } from './event-adapter.ts';
import type { Renaming } from './renamed.ts';
import { isReservedType } from './reserved-types.ts';
import type { EventCheck } from './schema.ts';
import { PayloadSerializers, type SerializersOfActor } from './stored-payload.ts';
import { mayKnow, versionIn } from './upcasters.ts';

/** What a stored event is that the machine has no transition for anywhere. */
export interface UnknownEvent extends StoredEventPlace {
  readonly event: EventObject;
  readonly manifest: string;
}

/** What becomes of a stored event whose type the machine does not know. */
export type UnknownStoredEvent =
  | 'fail'
  | 'skip'
  | ((unknown: UnknownEvent) => EventObject | readonly EventObject[]);

/** What stands between the events of one kind of actor and their journal. */
export interface Evolution {
  readonly renaming: Renaming | undefined;
  readonly adapter: EventAdapter | undefined;
  readonly check: EventCheck | undefined;
  /** Bound to events of this actor, before what the configuration binds. */
  readonly serializers: SerializersOfActor | undefined;
  readonly keys: EntityKeys | undefined;
  /** With what it is asked: whether the machine knows a type. */
  readonly unknown:
    | { readonly policy: UnknownStoredEvent; knows(type: string): boolean }
    | undefined;
}

/** What the configuration binds to the events of one journal; `undefined` = nothing. */
export interface JournalCoding {
  /** One adapter writes and reads; several only read, and their events follow each other. */
  readonly adapters: Bindings<readonly EventAdapter[]> | undefined;
  readonly serializers: PayloadSerializers | undefined;
}

/** An event on its way into a journal. */
export interface CodedEvent {
  readonly payload: unknown;
  readonly form: StoredForm<object> | undefined;
  readonly manifest: string;
  readonly encoding: string | undefined;
  /** What a replay will apply: at least one event. */
  readonly events: readonly unknown[];
}

/** The parts of an `EventCoding`. */
export interface CodingParts {
  readonly persistenceId: string;
  readonly evolution: Evolution | undefined;
  readonly adapters: JournalCoding['adapters'];
  readonly serializers: PayloadSerializers;
  /** `undefined` = nothing is encrypted. */
  readonly cipher: EntityCipher | undefined;
}

/**
 * The way of the events of one entity to its journal and back, from the outer layer to the inner:
 *
 * ```
 *                    adapter of   adapter of
 * event ─→ schema ─→ the actor ─→ the journal ─→──────────→─ serializer ─→ cipher
 * event ←─ schema ←─ the actor ←─ the journal ←─ new names ←─ serializer ←─ cipher
 * ```
 *
 * What the actor itself stores, the init record and events of xstate, is only encrypted, and only
 * gets new names.
 */
export class EventCoding {
  readonly #id: string;
  readonly #evolution: Partial<Evolution>;
  readonly #adapters: JournalCoding['adapters'];
  readonly #serializers: PayloadSerializers;
  readonly cipher: EntityCipher | undefined;
  #renaming: Renaming | undefined;

  constructor({ persistenceId, evolution, adapters, serializers, cipher }: CodingParts) {
    this.#id = persistenceId;
    this.#evolution = evolution ?? {};
    this.#renaming = evolution?.renaming;
    this.#adapters = adapters;
    this.#serializers = serializers;
    this.cipher = cipher;
  }

  /** Of an actor without one: events are as they are stored. */
  static none(persistenceId: string): EventCoding {
    const nothing = { evolution: undefined, adapters: undefined, cipher: undefined };
    return new EventCoding({ persistenceId, ...nothing, serializers: PayloadSerializers.none });
  }

  /** From now on events have the names of the machine that the entity uses. */
  useNames({ isEarlier }: { readonly isEarlier: boolean }): void {
    const { renaming } = this.#evolution;
    this.#renaming = isEarlier ? renaming?.ofProgram : renaming;
  }

  /**
   * A new event, which is to get the number `seqNr`.
   *
   * @throws {InvalidInputError} {@link WriteRejectedError} it cannot be stored
   */
  write(event: EventObject, seqNr: number): CodedEvent {
    const { adapter, check } = this.#evolution;
    checkName(event.type, this.#renaming);
    if (adapter !== undefined) check?.(event);
    const adapted = this.adapt(event);
    const stored = this.#serializers.write(adapted.value);
    const { manifest } = adapted;
    const events = this.#readBack(stored.payload, stored.encoding, manifest, seqNr);
    if (events.length === 0) {
      const text = `its event adapter gives nothing back of "${event.type}"`;
      throw new InvalidInputError(`${text}: stored, it would have no effect; nothing was stored`);
    }
    // What is acknowledged has to be valid for whoever reads it.
    for (const one of events) check?.(one);
    return { ...stored, manifest, events };
  }

  /**
   * Writes as the journal is to hold them: what is certain of them by now stays as it is.
   *
   * @throws {WriteRejectedError} there is no key to encrypt them with
   */
  async seal(writes: readonly AtomicWrite[]): Promise<readonly AtomicWrite[]> {
    const { cipher } = this;
    if (cipher === undefined) return writes;
    await cipher.ready();
    return writes.map((write) => {
      const [first, ...others] = write.events;
      const seal = (repr: PersistentRepr): PersistentRepr => cipher.sealEvent(repr);
      return { ...write, events: [seal(first), ...others.map(seal)] };
    });
  }

  /**
   * The facts beside a stored event, with messages and replies decrypted, and with the names of
   * today for destinations.
   *
   * @throws {RecoveryFailedError} one of them cannot be decrypted
   */
  openFacts(repr: PersistentRepr): EventFacts {
    const facts = isSealed(repr.facts) ? this.#decryptedFacts(repr) : repr.facts;
    const renaming = this.#renaming;
    const { deliveries } = facts;
    if (renaming === undefined || deliveries === undefined) return facts;
    const today = deliveries.map((one) => ({ ...one, to: renaming.destinationOf(one.to) }));
    return { ...facts, deliveries: today };
  }

  #decryptedFacts({ seqNr, facts }: PersistentRepr): EventFacts {
    const { cipher } = this;
    try {
      if (cipher === undefined)
        throw new Error('it is encrypted, and the actor has no "encryption"');
      return cipher.openFacts(facts);
    } catch (cause) {
      const text = `a delivery or a reply of event ${seqNr} of ${this.#id} cannot be read`;
      throw new RecoveryFailedError(`${text}: ${thrownText(cause)}`, { cause });
    }
  }

  /**
   * An event of xstate's own that is to be stored as it is.
   *
   * @throws {InvalidInputError} a recovery would take it for another one
   */
  checkReserved({ type }: EventObject): void {
    checkName(type, this.#renaming);
  }

  /**
   * What a stored event stands for: none or several have the number of it.
   *
   * @throws {RecoveryFailedError} it cannot be read; names it
   */
  read(repr: PersistentRepr): readonly PersistentRepr[] {
    const { seqNr, manifest, facts } = repr;
    let payload: unknown;
    try {
      payload = this.#serializers.read(this.#decrypted(repr), facts.encoding);
      const stored = this.#withNewName(payload);
      const read = isReserved(stored) ? [stored] : this.#unadapt(stored, manifest, seqNr);
      const events = read.flatMap((event) => this.#known(event, repr));
      if (!isReserved(stored)) for (const event of events) this.#check(event);
      const first = this.#withTimerOfToday(facts);
      // The child has ended, and the timer has fired, whatever is applied in place of the event.
      const isGone = isReserved(stored)
        ? events[0] !== stored
        : facts.timer !== undefined && events.length === 0;
      const parts = events.map((event, part) => {
        const said = part === 0 && !isGone ? first : withoutTimer(first);
        return { ...repr, payload: event, facts: said };
      });
      if (!isGone) return parts;
      return [{ ...repr, payload: stored, facts: { ...first, unhandled: true } }, ...parts];
    } catch (cause) {
      if (cause instanceof RecoveryFailedError) throw cause;
      const text = `${this.#name(payload ?? repr.payload, repr)} cannot be read`;
      throw new RecoveryFailedError(`${text}: ${thrownText(cause)}`, { cause });
    }
  }

  #withTimerOfToday(facts: EventFacts): EventFacts {
    const { timer } = facts;
    if (timer === undefined || this.#renaming === undefined) return facts;
    return { ...facts, timer: this.#renaming.timerOf(timer) };
  }

  /** @throws what the schema throws, or an error that says what is wrong */
  #check(event: unknown): void {
    if (isReserved(event)) {
      throw new CodecError(`an adapter gives "${event.type}", which only the library may store`);
    }
    this.#evolution.check?.(event);
  }

  #decrypted(repr: PersistentRepr): unknown {
    const { payload } = repr;
    if (!(payload instanceof SerializedPayload) || payload.serializer !== encryptedSerializer) {
      return payload;
    }
    if (this.cipher !== undefined) return this.cipher.openEvent(payload, repr);
    throw new Error('it is encrypted, and the actor has no "encryption"');
  }

  /**
   * An event as the adapters store it, and the manifest that they give it.
   *
   * @throws {JournalError} an adapter failed
   */
  adapt(event: EventObject): { readonly value: unknown; readonly manifest: string } {
    let value: unknown = event;
    let manifest = '';
    try {
      const adapters = [this.#evolution.adapter, only(this.#adapters?.of(event))];
      for (const adapter of adapters) {
        if (adapter === undefined) continue;
        const own = checkManifest(adapter.manifest?.(value as EventObject) ?? '');
        value = atOnce(adapter.toJournal(value as EventObject), 'toJournal');
        if (own !== '' && manifest !== '') {
          const text = `two event adapters name a manifest for "${event.type}"`;
          throw new InvalidInputError(`${text}, and one of them alone can be stored`);
        }
        manifest ||= own;
      }
      return { value, manifest };
    } catch (cause) {
      if (cause instanceof JournalError) throw cause;
      throw new WriteRejectedError(`its event adapter failed: ${thrownText(cause)}`, { cause });
    }
  }

  /**
   * The reverse of `adapt`: events of today. An earlier version of the program may have adapted it.
   *
   * @throws what an adapter throws, or an error that says what is wrong
   */
  restore(adapted: unknown, manifest: string, seqNr: number): readonly unknown[] {
    const events = this.#unadapt(this.#withNewName(adapted), manifest, seqNr);
    for (const event of events) this.#check(event);
    return events;
  }

  #readBack(
    payload: unknown,
    encoding: string | undefined,
    manifest: string,
    seqNr: number,
  ): readonly unknown[] {
    try {
      const stored = this.#withNewName(this.#serializers.read(payload, encoding));
      if (!isReserved(stored)) return this.#unadapt(stored, manifest, seqNr);
      throw new CodecError(`its adapter gives "${stored.type}", which only the library may store`);
    } catch (cause) {
      const text = 'it could not be read again, so it was not stored';
      throw new WriteRejectedError(`${text}: ${thrownText(cause)}`, { cause });
    }
  }

  #unadapt(stored: unknown, manifest: string, seqNr: number): readonly unknown[] {
    const { adapter } = this.#evolution;
    const readers = this.#adapters?.of(stored);
    const version = versionIn(manifest);
    if (version > 1 && ![...(readers ?? []), adapter].some((one) => one && mayKnow(one, stored))) {
      // A later program wrote it. Taken as it is, it would lead to a wrong state.
      throw new CodecError(`it has version ${version}, and this program has no upcaster for it`);
    }
    const place: StoredEventPlace = { persistenceId: this.#id, seqNr };
    const by = (one: EventAdapter, event: unknown): readonly unknown[] => {
      return atOnce(one.fromJournal(event, manifest, place), 'fromJournal');
    };
    const read = readers?.flatMap((reader) => by(reader, stored)) ?? [stored];
    return adapter === undefined ? read : read.flatMap((event) => by(adapter, event));
  }

  #withNewName(stored: unknown): unknown {
    const renaming = this.#renaming;
    const { type } = (stored ?? {}) as { readonly type?: unknown };
    if (renaming === undefined || typeof type !== 'string') return stored;
    return renaming.eventOf(stored as EventObject);
  }

  /** The event, if the machine knows its type; else what the policy makes of it. */
  #known(event: unknown, repr: PersistentRepr): readonly unknown[] {
    const { unknown } = this.#evolution;
    const { type } = (event ?? {}) as { readonly type?: unknown };
    if (unknown === undefined || typeof type !== 'string' || type === initType) return [event];
    // What nothing handled when it was stored need not be known.
    if (repr.facts.unhandled === true || unknown.knows(type)) return [event];
    if (unknown.policy === 'skip') return [];
    if (unknown.policy === 'fail') {
      throw new RecoveryFailedError(`${this.#name(event, repr)} is unknown to the machine`);
    }
    const { manifest, seqNr } = repr;
    const place = { persistenceId: this.#id, seqNr, manifest };
    const given = unknown.policy({ event: event as EventObject, ...place });
    const events = atOnce(given, 'unknownStoredEvent');
    return Array.isArray(events) ? events : [events];
  }

  #name(payload: unknown, { seqNr, manifest }: PersistentRepr): string {
    const { type } = (payload ?? {}) as { readonly type?: unknown };
    const what = [
      ...(typeof type === 'string' ? [JSON.stringify(type)] : []),
      ...(manifest === '' ? [] : [`manifest ${JSON.stringify(manifest)}`]),
    ];
    const text = what.length === 0 ? '' : ` (${what.join(', ')})`;
    return `event ${seqNr}${text} of ${this.#id}`;
  }
}

const initType = 'xstate.init';

function isSealed({ deliveries, command }: EventFacts): boolean {
  return (
    command?.sealed !== undefined || deliveries?.some(({ sealed }) => sealed !== undefined) === true
  );
}

/** A timer fires only once, however many events are applied for it. */
function withoutTimer(facts: EventFacts): EventFacts {
  const { timer: _, ...others } = facts;
  return others;
}

/** Of a type that only xstate and the library store. */
function isReserved(stored: unknown): stored is EventObject {
  const { type } = (stored ?? {}) as { readonly type?: unknown };
  return typeof type === 'string' && isReservedType(type);
}

/** Several adapters only read. */
function only(adapters: readonly EventAdapter[] | undefined): EventAdapter | undefined {
  return adapters?.length === 1 ? adapters[0] : undefined;
}

/** @throws {InvalidInputError} the name is an old one: a recovery would read another event */
function checkName(type: string, renaming: Renaming | undefined): void {
  const named = renaming?.typeOf(type) ?? type;
  if (named === type) return;
  const text = `"${type}" is an old name of "${named}" as "renamed" says`;
  throw new InvalidInputError(`${text}, so no new event may have it; nothing was stored`);
}

/** @throws {InvalidInputError} no journal could give it back */
function checkManifest(manifest: unknown): string {
  if (typeof atOnce(manifest, 'manifest') === 'string') return manifest as string;
  throw new InvalidInputError(
    `its event adapter gave the manifest ${shown(manifest)}, which is not a text`,
  );
}
