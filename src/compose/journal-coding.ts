import { Bindings } from '../actor/evolution/bindings.ts';
import { serializerFault, storedAs } from '../actor/evolution/check-serializers.ts';
import type { EventAdapter } from '../actor/evolution/event-adapter.ts';
import type { JournalCoding } from '../actor/evolution/event-coding.ts';
import type { EventSerializer } from '../actor/evolution/event-serializer.ts';
import { adapterFault } from '../actor/evolution/resolve-evolution.ts';
import { PayloadSerializers, plainJson } from '../actor/evolution/stored-payload.ts';
import { taggedJson } from '../actor/evolution/tagged-json.ts';
import type { Config } from '../config/config.ts';
import { canonicalPath } from '../config/keys/pekko-alias.ts';
import { readAllTogether } from '../config/read-together.ts';
import type { ClassKind } from '../config/settings/class-name.ts';
import type { BoundClasses, NamedClass } from '../config/settings/event-adapter-settings.ts';
import { ConfigError } from '../model/errors.ts';
import type { Logger } from '../observability/logger.ts';
import { madeInTime, makeBy } from '../plugin/make-named.ts';
import { type MadeFrom, resolveExport } from '../plugin/resolve-export.ts';
import type { Clock } from '../runtime/clock.ts';

/** What the configuration says of the events of one journal. */
export interface CodingSettings {
  readonly eventAdapters: BoundClasses;
  readonly serializers: BoundClasses;
}

/** What an adapter or a serializer of a user may be made from. */
interface CodingContext {
  /** All of the configuration. */
  readonly config: Config;
  readonly log: Logger;
}

interface CodingDeps extends CodingContext {
  readonly clock: Clock;
}

interface BoundKind extends ClassKind<unknown> {
  /** Why it is none; `undefined` = it is one. */
  readonly faultOf: (value: unknown) => string | undefined;
}

const anAdapter: BoundKind = {
  what: 'an event adapter',
  builtins: new Map(),
  faultOf: adapterFault,
};

const aSerializer: BoundKind = {
  what: 'a serializer',
  builtins: new Map<string, EventSerializer>([
    ['builtin#TaggedJson', taggedJson],
    ['builtin#JsonSerializer', plainJson],
  ]),
  faultOf: serializerFault,
};

/**
 * What is bound to the events of a journal; `undefined` = nothing.
 *
 * @throws {ConfigError} all classes that cannot be loaded, take longer than 10 s, or give no
 *   adapter or serializer
 */
export async function openJournalCoding(
  { eventAdapters, serializers }: CodingSettings,
  deps: CodingDeps,
): Promise<JournalCoding | undefined> {
  const [adapters, written] = await readAllTogether<
    [JournalCoding['adapters'], PayloadSerializers | undefined]
  >(
    () => bindAdapters(eventAdapters, deps),
    () => bindSerializers(serializers, deps),
  );
  if (adapters === undefined && written === undefined) return undefined;
  return { adapters, serializers: written };
}

async function bindAdapters(
  { classes, bindings }: BoundClasses,
  deps: CodingDeps,
): Promise<JournalCoding['adapters']> {
  const adapters = await loadAll<EventAdapter>(classes, anAdapter, deps);
  if (bindings.length === 0) return undefined;
  const byName = new Map(classes.map(({ name }, index) => [name, adapters[index]]));
  return new Bindings(bindings.map(([pattern, names]) => [pattern, found(byName, names)] as const));
}

async function bindSerializers(
  { classes, bindings }: BoundClasses,
  deps: CodingDeps,
): Promise<PayloadSerializers | undefined> {
  if (classes.length === 0) return undefined;
  const byName = new Map<string, EventSerializer>();
  const keyOf = new Map<number | string, string>();
  const loaded = await loadAll<EventSerializer>(classes, aSerializer, deps);
  for (const [index, serializer] of loaded.entries()) {
    const named = classes[index] as NamedClass;
    const key = storedAs(serializer);
    const other = keyOf.get(key);
    if (other !== undefined) {
      const both = `"${named.name}" and "${other}" are both stored as ${JSON.stringify(key)}`;
      throw wrong(named, both);
    }
    keyOf.set(key, named.name);
    byName.set(named.name, serializer);
  }
  const bound = bindings.flatMap(([pattern, [name = '']]) => {
    return found(byName, [name]).map((serializer) => [pattern, serializer] as const);
  });
  return new PayloadSerializers(loaded, [new Bindings(bound)]);
}

/** In the order of the classes. */
async function loadAll<T>(
  classes: readonly NamedClass[],
  kind: BoundKind,
  deps: CodingDeps,
): Promise<readonly T[]> {
  return (await readAllTogether(
    ...classes.map((named) => () => load(named, kind, deps)),
  )) as readonly T[];
}

async function load(
  named: NamedClass,
  kind: BoundKind,
  { config, log, clock }: CodingDeps,
): Promise<unknown> {
  const place = { config, key: canonicalPath(named.path), what: kind.what };
  const loaded = await madeInTime(loadOrMake(place, kind, { config, log }), place, clock);
  const fault = kind.faultOf(loaded);
  if (fault === undefined) return loaded;
  throw wrong(named, `"${named.class}" ${fault}`);
}

/** What is exported may be one already; otherwise it makes one, as it makes a plugin. */
async function loadOrMake(
  place: MadeFrom,
  kind: BoundKind,
  context: CodingContext,
): Promise<unknown> {
  const { value } = await resolveExport(place.config, place.key, kind);
  const makes = typeof value === 'function' || typeof Object(value).create === 'function';
  const isMade = kind.faultOf(value) !== undefined && makes;
  return isMade ? await makeBy(value, context, place) : value;
}

/** Names that nobody declared were refused with the section. */
function found<T>(
  byName: ReadonlyMap<string, T | undefined>,
  names: readonly string[],
): readonly T[] {
  return names.flatMap((name) => byName.get(name) ?? []);
}

function wrong({ path, origin }: NamedClass, message: string): ConfigError {
  return new ConfigError([{ path, file: origin?.file, line: origin?.line, message }]);
}
