import type { EventObject } from 'xstate';
import { atOnce } from '../../model/at-once.ts';
import { CodecError, InvalidInputError } from '../../model/errors.ts';
import { checkOptionNames, type OptionNames } from '../../model/option-names.ts';
import { shown } from '../../model/shown.ts';
import type { EventAdapter, StoredEventPlace } from './event-adapter.ts';
import { isReservedType } from './reserved-types.ts';

/** One step of an event type from a version to the next one. */
export interface Upcast {
  /** As it is named today: renaming comes first. */
  readonly type: string;
  /** An event without a version is version 1. */
  readonly from: number;
  /** `from` + 1. */
  readonly to: number;
  /**
   * The payload in its next version, or several payloads, or none. One with another type counts as
   * an event of today, and takes no further step. A pure function, which leaves what it gets alone.
   */
  readonly up: (payload: never, place: StoredEventPlace) => EventObject | readonly EventObject[];
  /** The way back, for `writeVersions`. */
  readonly down?: ((payload: never) => EventObject) | undefined;
}

/** How new events are written. */
export interface UpcasterOptions {
  /**
   * The version in which events of a type are written; the newest unless given. While a new program
   * is rolled out, the old one has to read them: each step above that version needs its `down`.
   */
  readonly writeVersions?: Readonly<Record<string, number>> | undefined;
}

const optionNames: OptionNames<UpcasterOptions> = { writeVersions: true };

/** The steps of one type, in order: the one at index 0 leads from version 1 to 2. */
type Chain = readonly Upcast[];

type AnyUp = (
  payload: EventObject,
  place: StoredEventPlace,
) => EventObject | readonly EventObject[];
type AnyDown = (payload: EventObject) => EventObject;

/** What `upcasters` makes: an adapter for any actor, unless `E` names the events. */
export interface UpcasterAdapter<E extends EventObject = never> extends EventAdapter<E> {
  manifest(event: EventObject): string;
  toJournal(event: EventObject): EventObject;
}

/**
 * An event adapter that brings stored events to the newest version of their type, step by step. A
 * new event of a type that has steps is stored with the manifest `<type>#v<version>`. Nothing here
 * checks that the steps lead to the events `E` of the actor: `eventSchema` can.
 *
 * @throws {InvalidInputError} a type has a gap in its steps, or two steps from one version; names
 *   all of them; or an option does not exist
 */
export function upcasters<E extends EventObject = never>(
  steps: readonly Upcast[],
  options: UpcasterOptions = {},
): UpcasterAdapter<E> {
  checkOptionNames(options, optionNames, 'upcasters()');
  const { writeVersions = {} } = options;
  const chains = chainsOf(steps);
  checkWriteVersions(writeVersions, chains);
  const versionOf = (type: string, chain: Chain): number =>
    Object.hasOwn(writeVersions, type) ? (writeVersions[type] ?? 0) : chain.length + 1;
  const adapter: UpcasterAdapter<EventObject> = {
    manifest({ type }) {
      const chain = chains.get(type);
      return chain === undefined ? '' : `${type}#v${versionOf(type, chain)}`;
    },
    toJournal(event) {
      const chain = chains.get(event.type);
      if (chain === undefined) return event;
      // The steps above the version that is written all have their way back.
      const above = chain.slice(versionOf(event.type, chain) - 1).reverse();
      let payload = event;
      for (const { down } of above) payload = atOnce((down as AnyDown)(payload), 'down');
      return payload;
    },
    fromJournal(stored, manifest, place) {
      const { type } = stored as EventObject;
      const chain = chains.get(type);
      if (chain === undefined) return [stored as EventObject];
      const version = versionIn(manifest);
      if (version > chain.length + 1) {
        const newest = `this program knows "${type}" up to version ${chain.length + 1}`;
        throw new CodecError(`it has version ${version}; ${newest}`);
      }
      let payloads: readonly EventObject[] = [stored as EventObject];
      for (const step of chain.slice(version - 1)) {
        payloads = payloads.flatMap((payload) =>
          payload.type === type ? stepped(payload, step, place) : payload,
        );
      }
      return payloads;
    },
  };
  chainsOfAdapters.set(adapter, chains);
  return adapter as UpcasterAdapter<E>;
}

const chainsOfAdapters = new WeakMap<EventAdapter, ReadonlyMap<string, Chain>>();

/**
 * Whether an adapter may know what a stored event of a later version means. Upcasters that have no
 * step for its type do not: they would pass it on unchanged.
 */
export function mayKnow(adapter: EventAdapter, stored: unknown): boolean {
  const chains = chainsOfAdapters.get(adapter);
  return chains === undefined || chains.has(Object(stored).type);
}

/** @throws {CodecError} the step gave something that is no event: it may lack a `return` */
function stepped(
  payload: EventObject,
  { type, from, to, up }: Upcast,
  place: StoredEventPlace,
): readonly EventObject[] {
  const name = `the upcaster of "${type}" from version ${from} to ${to}`;
  const result: unknown = atOnce((up as AnyUp)(payload, place), name);
  const events: readonly unknown[] = Array.isArray(result) ? result : [result];
  for (const event of events) {
    const { type: given } = Object(event) as { readonly type?: unknown };
    if (typeof given === 'string') continue;
    const text = `${name} gave ${shown(event)}, which is no event: it needs a text "type"`;
    throw new CodecError(text);
  }
  return events as readonly EventObject[];
}

/** The version that a manifest names; what names none was written before there were any. */
export function versionIn(manifest: string): number {
  const version = /#v([1-9]\d*)$/.exec(manifest)?.[1];
  return version === undefined ? 1 : Number(version);
}

function chainsOf(steps: readonly Upcast[]): ReadonlyMap<string, Chain> {
  const chains = new Map<string, Upcast[]>();
  for (const step of steps) chains.set(step.type, [...(chains.get(step.type) ?? []), step]);
  const problems: string[] = [];
  for (const { type, from, up } of steps) {
    if (typeof up !== 'function') {
      problems.push(`the step of "${type}" from version ${from} has no "up"`);
    }
    if (isReservedType(String(type))) problems.push(`"${type}" is xstate's own: see "renamed"`);
  }
  for (const [type, chain] of chains) {
    chain.sort((a, b) => a.from - b.from);
    for (const [i, { from, to }] of chain.entries()) {
      if (from !== i + 1) problems.push(`"${type}" has no single step from version ${i + 1}`);
      else if (to !== from + 1) problems.push(`a step of "${type}" leads from ${from} to ${to}`);
      else continue;
      break;
    }
  }
  if (problems.length === 0) return chains;
  throw new InvalidInputError(
    `upcasters lead from each version to the next: ${problems.join('; ')}`,
  );
}

function checkWriteVersions(
  versions: Readonly<Record<string, number>>,
  chains: ReadonlyMap<string, Chain>,
): void {
  for (const [type, version] of Object.entries(versions)) {
    const chain = chains.get(type) ?? [];
    const isKnown = Number.isSafeInteger(version) && version >= 1 && version <= chain.length + 1;
    const ways = chain.slice(version - 1);
    if (isKnown && ways.every(({ down }) => down !== undefined)) continue;
    const text = `"${type}" cannot be written in version ${version}`;
    throw new InvalidInputError(
      isKnown ? `${text}: a step above it has no "down"` : `${text}: no step knows that version`,
    );
  }
}
