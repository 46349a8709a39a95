import type { EventObject } from 'xstate';
import { InvalidInputError } from '../../model/errors.ts';
import { checkSerializers } from './check-serializers.ts';
import type { EntityKeys } from './entity-cipher.ts';
import type { EventAdapter } from './event-adapter.ts';
import type { Evolution, UnknownStoredEvent } from './event-coding.ts';
import { checkRenamed, type Renamed, Renaming } from './renamed.ts';
import { checkSchema, type StandardSchema, validated } from './schema.ts';
import type { SerializersOfActor } from './stored-payload.ts';

/** How events of an actor change over the years: docs/evolution.md has each situation. */
export interface EvolutionOptions<E extends EventObject> {
  /** Between the events and what is stored of them; `upcasters` makes one. */
  // A conditional type, so that TypeScript knows the events before it looks at the adapter. If it
  // inferred them from the adapter, it would take old events for events of today.
  readonly eventAdapter?: ([E] extends [unknown] ? EventAdapter<NoInfer<E>> : never) | undefined;
  /** Names that changed since events were stored. */
  readonly renamed?: Renamed | undefined;
  /**
   * What writes events that JSON cannot hold, by `type`, `prefix.*`, `class:Name` or `*`. What it
   * wrote is read by it for ever.
   */
  readonly serializers?: SerializersOfActor | undefined;
  /** A command that is not valid is rejected; `decide` gets what the validator gives back. */
  readonly commandSchema?: StandardSchema | undefined;
  /**
   * An event that is not valid is rejected, and a stored one fails the recovery. It changes no
   * event: that is what `eventAdapter` is for.
   */
  readonly eventSchema?: StandardSchema | undefined;
  /**
   * Encrypts what the entity stores with a key of its own, so that it is gone for good once the key
   * is forgotten. Events that were stored before stay readable.
   */
  readonly encryption?: EntityKeys | undefined;
  /**
   * Version of the program's rules, stored with each event. `decide` is told the version with which
   * an entity was born, and a machine may have `earlierMachines`.
   */
  readonly machineVersion?: string | undefined;
}

/**
 * The part of the options that reads and writes events; `undefined` = they are stored as they are.
 *
 * @throws {InvalidInputError} a wrong option; names it
 */
export function resolveEvolution<E extends EventObject>(
  options: EvolutionOptions<E>,
  unknown: Evolution['unknown'],
): Evolution | undefined {
  const { eventAdapter, renamed, serializers, commandSchema, eventSchema } = options;
  const keys = options.encryption;
  for (const [option, schema] of Object.entries({ commandSchema, eventSchema })) {
    if (schema !== undefined) checkSchema(schema, option);
  }
  checkVersion(options.machineVersion, 'machineVersion');
  if (eventAdapter !== undefined) checkAdapter(eventAdapter, 'the option "eventAdapter"');
  if (serializers !== undefined) checkSerializers(serializers);
  if (renamed !== undefined) checkRenamed(renamed);
  if (keys !== undefined && typeof keys.keyOf !== 'function') {
    throw new InvalidInputError('the option "encryption" needs the function "keyOf"');
  }
  const parts = [eventAdapter, renamed, serializers, keys, eventSchema, unknown];
  if (parts.every((part) => part === undefined)) return undefined;
  return {
    renaming: renamed && new Renaming(renamed),
    adapter: eventAdapter as EventAdapter | undefined,
    serializers,
    keys,
    check: eventSchema && ((event) => void validated(eventSchema, event, 'event')),
    unknown,
  };
}

/** @throws {InvalidInputError} it lacks a function; `what` names it */
export function checkAdapter(adapter: unknown, what: string): asserts adapter is EventAdapter {
  const fault = adapterFault(adapter);
  if (fault !== undefined) throw new InvalidInputError(`${what} ${fault}`);
}

/** Why it is no adapter; `undefined` = it is one. */
export function adapterFault(adapter: unknown): string | undefined {
  const { toJournal, fromJournal } = (adapter ?? {}) as Partial<EventAdapter>;
  if (typeof toJournal === 'function' && typeof fromJournal === 'function') return undefined;
  return 'needs the functions "toJournal" and "fromJournal"';
}

/** @throws {InvalidInputError} no text, or a blank one */
function checkVersion(version: unknown, option: string): void {
  if (version === undefined || (typeof version === 'string' && version.trim() !== '')) return;
  throw new InvalidInputError(`the option "${option}" must be a text that is not blank`);
}

/** @throws {InvalidInputError} none of those */
export function checkUnknownPolicy(policy: unknown): asserts policy is UnknownStoredEvent {
  if (policy === 'fail' || policy === 'skip' || typeof policy === 'function') return;
  const text = 'the option "unknownStoredEvent" must be "fail", "skip" or a function';
  throw new InvalidInputError(text);
}
