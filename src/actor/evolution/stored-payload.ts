import { atOnce } from '../../model/at-once.ts';
import { InvalidInputError, WriteRejectedError } from '../../model/errors.ts';
import { SerializedPayload } from '../../model/serialized-payload.ts';
import { shown, thrownText } from '../../model/shown.ts';
import { StoredForm, storedForm } from '../../model/stored-form.ts';
import { Bindings } from './bindings.ts';
import {
  type EventSerializer,
  isSerializer,
  type JsonCodec,
  type Serializer,
} from './event-serializer.ts';
import { taggedJson } from './tagged-json.ts';

/** An event as its journal is to hold it. */
export interface StoredPayload {
  /** JSON, bytes or a `SerializedPayload`. */
  readonly payload: unknown;
  readonly form: StoredForm<object> | undefined;
  /** Name of the `JsonCodec` that made the payload; `undefined` = none did. */
  readonly encoding: string | undefined;
}

/**
 * Pattern of `Bindings` to the serializer of the events that it stands for. Of several the first
 * one writes; the others only read what they wrote earlier.
 */
export type SerializersOfActor = Readonly<
  Record<string, EventSerializer | readonly EventSerializer[]>
>;

/** Bound to events that are to be plain JSON although a wider pattern binds them to another one. */
export const plainJson: JsonCodec = {
  name: 'json',
  toJson: (value) => value,
  fromJson: (json) => json,
};

/** The serializers that may have written a journal, and those that events are bound to. */
export class PayloadSerializers {
  /** Events are JSON, which refuses what it cannot hold. */
  static readonly none = new PayloadSerializers([], []);

  readonly #all: readonly EventSerializer[];
  /** The first layer with a serializer for an event counts. */
  readonly #bindings: readonly Bindings<EventSerializer>[];
  readonly #byId = new Map<number, Serializer>();
  readonly #byName = new Map<string, JsonCodec>([[taggedJson.name, taggedJson]]);

  /** `all` = those that can be read; `bindings` = what is written with which. */
  constructor(all: readonly EventSerializer[], bindings: readonly Bindings<EventSerializer>[]) {
    this.#all = all;
    this.#bindings = bindings;
    for (const serializer of all) {
      if (isSerializer(serializer)) this.#byId.set(serializer.identifier, serializer);
      else this.#byName.set(serializer.name, serializer);
    }
  }

  /** These, with the ones that an actor binds before them. */
  with(own: SerializersOfActor): PayloadSerializers {
    const lists = Object.entries(own).map(([pattern, some]) => [pattern, [some].flat()] as const);
    const bindings = lists.flatMap(([pattern, [first]]) =>
      first === undefined ? [] : [[pattern, first] as const],
    );
    const all = [...this.#all, ...lists.flatMap(([, some]) => some)];
    return new PayloadSerializers(all, [new Bindings(bindings), ...this.#bindings]);
  }

  /**
   * @throws {WriteRejectedError} the value cannot be stored, or its serializer failed
   */
  write(value: unknown): StoredPayload {
    let serializer: EventSerializer | undefined;
    for (const bindings of this.#bindings) serializer ??= bindings.of(value);
    if (serializer === undefined || serializer === plainJson) return plain(value, undefined);
    try {
      if (!isSerializer(serializer)) {
        return plain(atOnce(serializer.toJson(value), 'toJson'), serializer.name);
      }
      const manifest: unknown = atOnce(serializer.manifest(value), 'manifest');
      const given: unknown = atOnce(serializer.toBinary(value), 'toBinary');
      if (typeof manifest !== 'string' || !(given instanceof Uint8Array)) {
        const gave = `manifest and toBinary gave ${shown(manifest)} and ${shown(given)}`;
        throw new TypeError(`${gave}, not a text and bytes`);
      }
      // A copy: the serializer may use its buffer again.
      const bytes = Uint8Array.from(given);
      const payload = new SerializedPayload(serializer.identifier, manifest, bytes);
      return { payload, form: undefined, encoding: undefined };
    } catch (cause) {
      if (cause instanceof WriteRejectedError || cause instanceof InvalidInputError) throw cause;
      throw new WriteRejectedError(`its serializer failed: ${thrownText(cause)}`, { cause });
    }
  }

  /** @throws what the serializer throws, or an error that names the one that is missing */
  read(payload: unknown, encoding: string | undefined): unknown {
    if (payload instanceof SerializedPayload) {
      const { serializer: id, manifest, bytes } = payload;
      const serializer = this.#byId.get(id);
      if (serializer !== undefined) {
        return atOnce(serializer.fromBinary(bytes, manifest), 'fromBinary');
      }
      throw new Error(unknownSerializer(payload));
    }
    if (encoding === undefined) return payload;
    const codec = this.#byName.get(encoding);
    if (codec !== undefined) return atOnce(codec.fromJson(payload), 'fromJson');
    throw new Error(`it was written by the JSON codec "${encoding}", which is not known here`);
  }
}

/** Why bytes cannot be read here. */
export function unknownSerializer({ serializer, manifest }: SerializedPayload): string {
  const name = JSON.stringify(manifest);
  return `no serializer for id ${serializer} with manifest ${name} is known here`;
}

function plain(value: unknown, encoding: string | undefined): StoredPayload {
  if (value instanceof Uint8Array) {
    return { payload: Uint8Array.from(value), form: undefined, encoding };
  }
  if (typeof value !== 'object' || value === null) {
    return { payload: storedForm(value), form: undefined, encoding };
  }
  const form = new StoredForm(value);
  return { payload: form.value, form, encoding };
}
