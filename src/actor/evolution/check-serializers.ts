import { InvalidInputError } from '../../model/errors.ts';
import { patternFault } from '../../model/event-pattern.ts';
import { type EventSerializer, isSerializer } from './event-serializer.ts';
import type { SerializersOfActor } from './stored-payload.ts';
import { taggedJson } from './tagged-json.ts';

/** Identifiers below this one belong to the frameworks; one of them marks what is encrypted. */
const firstIdentifier = 100;

/** What the journal says of an event that the serializer wrote. */
export function storedAs(serializer: EventSerializer): number | string {
  return isSerializer(serializer) ? serializer.identifier : serializer.name;
}

/** Why it is no serializer; `undefined` = it is one. */
export function serializerFault(serializer: unknown): string | undefined {
  const one = (serializer ?? {}) as Readonly<Record<string, unknown>>;
  const needs = (names: readonly string[]): boolean =>
    names.every((name) => typeof one[name] === 'function');
  if (typeof one.name === 'string' && one.name !== '' && needs(['toJson', 'fromJson'])) {
    if (one.name !== taggedJson.name || serializer === taggedJson) return undefined;
    return `has the name "${one.name}": that is the one of taggedJson`;
  }
  if (!needs(['manifest', 'toBinary', 'fromBinary'])) {
    return 'is neither a Serializer (identifier, manifest, toBinary, fromBinary) nor a JsonCodec (name, toJson, fromJson)';
  }
  const { identifier } = one;
  if (Number.isInteger(identifier) && (identifier as number) <= 0x7fffffff) {
    if ((identifier as number) >= firstIdentifier) return undefined;
  }
  return `has the identifier ${String(identifier)}: it must be an integer from ${firstIdentifier} to 2147483647`;
}

/**
 * Two serializers with one identifier or one name could not be told apart in a journal, so an event
 * would be read by the wrong one.
 *
 * @throws {InvalidInputError} one is no serializer, or is bound to nothing; or two are stored as
 *   the same; names both
 */
export function checkSerializers(serializers: SerializersOfActor): void {
  const known = new Map<number | string, readonly [pattern: string, EventSerializer]>();
  for (const [pattern, bound] of Object.entries(serializers)) {
    const wrong = patternFault(pattern);
    if (wrong !== undefined) throw new InvalidInputError(`the option "serializers" ${wrong}`);
    for (const serializer of [bound].flat() as readonly EventSerializer[]) {
      const fault = serializerFault(serializer);
      if (fault !== undefined) {
        throw new InvalidInputError(`a serializer of "${pattern}" ${fault}`);
      }
      const key = storedAs(serializer);
      const [other, first] = known.get(key) ?? [pattern, serializer];
      if (first !== serializer) {
        const text = `two serializers, of "${other}" and of "${pattern}", are both stored as`;
        throw new InvalidInputError(`${text} ${JSON.stringify(key)}`);
      }
      known.set(key, [other, serializer]);
    }
  }
}
