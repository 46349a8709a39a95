import type { Entity } from '../entity/entity.ts';
import type { HostedState } from '../entity/entity-logic.ts';
import { EntityCipher } from '../evolution/entity-cipher.ts';
import { EventCoding } from '../evolution/event-coding.ts';
import { PayloadSerializers } from '../evolution/stored-payload.ts';

/**
 * How the events of the entity are stored; `undefined` = as they are.
 *
 * @throws {ConfigError} an adapter or a serializer of the journal cannot be loaded
 * @throws as `EntityCipher.open`
 */
export async function openCoding<S extends HostedState>(
  { persistenceId, deps, settings }: Entity<S>,
  signal: AbortSignal,
): Promise<EventCoding | undefined> {
  const { evolution, journalPluginId } = settings;
  const { adapters, serializers } = (await deps.journalCoding(journalPluginId, signal)) ?? {};
  const own = evolution?.serializers;
  if (evolution === undefined && adapters === undefined && serializers === undefined)
    return undefined;
  const known = serializers ?? PayloadSerializers.none;
  const all = own === undefined ? known : known.with(own);
  const keys = evolution?.keys;
  const cipher = keys && (await EntityCipher.open(persistenceId, keys, deps.clock));
  return new EventCoding({ persistenceId, evolution, adapters, serializers: all, cipher });
}
