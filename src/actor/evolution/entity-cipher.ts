import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { parsePlainJson } from '../../codec/json/plain-json.ts';
import {
  DeadlineExceededError,
  InvalidInputError,
  KeyForgottenError,
  WriteRejectedError,
} from '../../model/errors.ts';
import { SerializedPayload } from '../../model/serialized-payload.ts';
import type {
  CommandFact,
  DeliveryFact,
  EventFacts,
  PersistentRepr,
} from '../../ports/journal-plugin.ts';
import type { Clock } from '../../runtime/clock.ts';
import { within } from '../../runtime/waiting.ts';

/**
 * Where the keys of entities are kept: outside of journals and their stores. An entity whose key is
 * forgotten cannot be read by anybody any more, in no copy of its journal.
 */
export interface EntityKeys {
  /**
   * The 32 bytes of the entity, always the same until they are forgotten; `undefined` = there are
   * none. `create` = make them if there are none: at once for all processes, so that two which ask
   * at one time get the same.
   *
   * @throws what keeps them from being read or made: the recovery fails, or the write is rejected
   */
  keyOf(
    persistenceId: string,
    options: { readonly create: boolean },
  ): Promise<Uint8Array | undefined>;
  /**
   * No process gets the key any more. A live entity keeps it until it stops.
   *
   * @throws when processes may still get it: forget it again
   */
  forget(persistenceId: string): Promise<void>;
}

/** Identifier of the wrapper, with which the bytes of an encrypted payload are stored. */
export const encryptedSerializer = 60;
const version = 'v1';
const answerLimitMs = 10_000;
const algorithm = 'aes-256-gcm';
const [keyBytes, nonceBytes, tagBytes] = [32, 12, 16];

/**
 * Encrypts and decrypts what one entity stores (docs/format.md#encrypted-payloads). The key is
 * looked up once for a recovery, and made by the first write.
 */
export class EntityCipher {
  readonly #id: string;
  readonly #keys: EntityKeys;
  readonly #clock: Clock;
  #key: Uint8Array | undefined;

  private constructor(id: string, keys: EntityKeys, clock: Clock) {
    this.#id = id;
    this.#keys = keys;
    this.#clock = clock;
  }

  /**
   * @throws what the keys reject with, or {InvalidInputError} they gave something else
   * @throws {DeadlineExceededError} they do not answer
   */
  static async open(persistenceId: string, keys: EntityKeys, clock: Clock): Promise<EntityCipher> {
    const cipher = new EntityCipher(persistenceId, keys, clock);
    cipher.#key = await cipher.#ask(false);
    return cipher;
  }

  /** Keys that never answer would hold the entity, its permit to recover, and a shutdown. */
  async #ask(create: boolean): Promise<Uint8Array | undefined> {
    const asked = this.#keys.keyOf(this.#id, { create });
    const key = await within(asked, answerLimitMs, this.#clock);
    if (key !== 'expired') return checkKey(this.#id, key);
    const text = `the keys did not answer within ${answerLimitMs} ms for "${this.#id}"`;
    throw new DeadlineExceededError(text);
  }

  /**
   * To be awaited before `seal`.
   *
   * @throws {WriteRejectedError} there is no key, so nothing can be stored
   */
  async ready(): Promise<void> {
    if (this.#key !== undefined) return;
    try {
      this.#key = await this.#ask(true);
    } catch (cause) {
      throw new WriteRejectedError(`no key of "${this.#id}" could be made`, { cause });
    }
    if (this.#key !== undefined) return;
    throw new WriteRejectedError(`the keys made none for "${this.#id}"; nothing was stored`);
  }

  /** The event as the journal is to hold it. */
  sealEvent(repr: PersistentRepr): PersistentRepr {
    const sealed = this.seal(plainOf(repr), eventPlace(repr));
    const payload = new SerializedPayload(encryptedSerializer, version, sealed);
    const { form: _, ...rest } = repr;
    const facts = withEach(repr.facts, {
      delivery: ({ message, ...fact }) =>
        message === undefined
          ? fact
          : { ...fact, sealed: this.#sealJson(message, deliveryPlace(fact)) },
      command: ({ reply, ...fact }) =>
        reply === undefined ? fact : { ...fact, sealed: this.#sealJson(reply, replyPlace(fact)) },
    });
    return { ...rest, payload, facts };
  }

  /** @throws as of `open` */
  openFacts(facts: EventFacts): EventFacts {
    return withEach(facts, {
      delivery: ({ sealed, ...fact }) =>
        sealed === undefined
          ? fact
          : { ...fact, message: this.#openJson(sealed, deliveryPlace(fact)) },
      command: ({ sealed, ...fact }) =>
        sealed === undefined ? fact : { ...fact, reply: this.#openJson(sealed, replyPlace(fact)) },
    });
  }

  #sealJson(value: unknown, place: string): string {
    return Buffer.from(this.seal(Buffer.from(JSON.stringify(value)), place)).toString('base64');
  }

  #openJson(sealed: string, place: string): unknown {
    return parsePlainJson(Buffer.from(this.open(Buffer.from(sealed, 'base64'), place)).toString());
  }

  /** @throws as of `open` */
  openEvent(payload: SerializedPayload, repr: PersistentRepr): unknown {
    if (payload.manifest !== version)
      throw new Error(`encryption "${payload.manifest}" is unknown`);
    return payloadOf(this.open(payload.bytes, eventPlace(repr)));
  }

  /** `place` = what is encrypted and where it belongs: it opens at no other place. */
  seal(plain: Uint8Array, place: string): Uint8Array {
    if (this.#key === undefined) throw new Error('there is no key yet');
    const nonce = randomBytes(nonceBytes);
    const cipher = createCipheriv(algorithm, this.#key, nonce);
    cipher.setAAD(this.#boundTo(place));
    const sealed = [cipher.update(plain), cipher.final()];
    return Buffer.concat([nonce, cipher.getAuthTag(), ...sealed]);
  }

  /**
   * @throws {KeyForgottenError} the entity has no key any more
   * @throws when the bytes were changed, or sealed with another key or for another place
   */
  open(sealed: Uint8Array, place: string): Uint8Array {
    if (this.#key === undefined) {
      const text = `the key of "${this.#id}" is gone: what it stored can never be read again`;
      throw new KeyForgottenError(text);
    }
    const nonce = sealed.subarray(0, nonceBytes);
    const tag = sealed.subarray(nonceBytes, nonceBytes + tagBytes);
    if (tag.length < tagBytes) throw new Error('the encrypted payload is cut short');
    const decipher = createDecipheriv(algorithm, this.#key, nonce, { authTagLength: tagBytes });
    decipher.setAuthTag(tag);
    decipher.setAAD(this.#boundTo(place));
    const plain = decipher.update(sealed.subarray(nonceBytes + tagBytes));
    try {
      return Buffer.concat([plain, decipher.final()]);
    } catch (cause) {
      const text = 'it was encrypted with another key or for another place, or was changed';
      throw new Error(text, { cause });
    }
  }

  #boundTo(place: string): Buffer {
    return Buffer.from(`${this.#id}\n${place}`);
  }
}

function eventPlace({ seqNr }: PersistentRepr): string {
  return `event ${seqNr}`;
}

interface FactChanges {
  readonly delivery: (fact: DeliveryFact) => DeliveryFact;
  readonly command: (fact: CommandFact) => CommandFact;
}

/** The facts with these changes to all that may hold what a user wrote. */
function withEach(facts: EventFacts, change: FactChanges): EventFacts {
  const { deliveries, command } = facts;
  return {
    ...facts,
    ...(deliveries !== undefined && { deliveries: deliveries.map(change.delivery) }),
    ...(command !== undefined && { command: change.command(command) }),
  };
}

function replyPlace({ last }: CommandFact): string {
  return `reply ${last}`;
}

function deliveryPlace({ id }: DeliveryFact): string {
  return `delivery ${id}`;
}

function checkKey(id: string, key: Uint8Array | undefined): Uint8Array | undefined {
  if (key === undefined) return key;
  // A copy: the caller may wipe the bytes that it gave.
  if (key instanceof Uint8Array && key.length === keyBytes) return Uint8Array.from(key);
  throw new InvalidInputError(`the key of "${id}" must have ${keyBytes} bytes`);
}

/** First byte of what is encrypted: what follows it. */
const kinds = { json: 0, bytes: 1, serialized: 2 } as const;

function plainOf({ payload, form }: PersistentRepr): Uint8Array {
  if (payload instanceof Uint8Array) return Buffer.concat([Buffer.of(kinds.bytes), payload]);
  if (payload instanceof SerializedPayload) {
    const manifest = Buffer.from(payload.manifest);
    const head = Buffer.alloc(9);
    head.writeUInt8(kinds.serialized, 0);
    head.writeInt32BE(payload.serializer, 1);
    head.writeInt32BE(manifest.length, 5);
    return Buffer.concat([head, manifest, payload.bytes]);
  }
  // The form has the text of the very moment at which the event was applied.
  const json = form?.json ?? JSON.stringify(payload);
  return Buffer.concat([Buffer.of(kinds.json), Buffer.from(json)]);
}

function payloadOf(plain: Uint8Array): unknown {
  const bytes = Buffer.from(plain);
  const rest = bytes.subarray(1);
  if (bytes[0] === kinds.json) return parsePlainJson(rest.toString());
  if (bytes[0] === kinds.bytes) return Uint8Array.from(rest);
  if (bytes[0] !== kinds.serialized) {
    throw new Error(`the encrypted payload is of the unknown kind ${bytes[0]}`);
  }
  const end = 8 + rest.readInt32BE(4);
  const manifest = rest.subarray(8, end).toString();
  return new SerializedPayload(rest.readInt32BE(0), manifest, Uint8Array.from(rest.subarray(end)));
}
