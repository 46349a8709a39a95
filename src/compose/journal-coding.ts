import { Bindings } from '../actor/evolution/bindings.ts';
import { serializerFault, storedAs } from '../actor/evolution/check-serializers.ts';
import type { EventAdapter } from '../actor/evolution/event-adapter.ts';
import type { JournalCoding } from '../actor/evolution/event-coding.ts';
import type { EventSerializer } from '../actor/evolution/event-serializer.ts';
import { checkAdapter } from '../actor/evolution/resolve-evolution.ts';
import { PayloadSerializers, plainJson } from '../actor/evolution/stored-payload.ts';
import { taggedJson } from '../actor/evolution/tagged-json.ts';
import type { Config } from '../config/config.ts';
import type { BoundClasses, NamedClass } from '../config/settings/event-adapter-settings.ts';
import { ConfigError } from '../model/errors.ts';
import { resolveExport } from '../plugin/resolve-export.ts';

/** What the configuration says of the events of one journal. */
export interface CodingSettings {
  readonly eventAdapters: BoundClasses;
  readonly serializers: BoundClasses;
}

const anAdapter = { what: 'an event adapter', builtins: new Map<string, never>() };

const aSerializer = {
  what: 'a serializer',
  builtins: new Map<string, EventSerializer>([
    ['builtin#TaggedJson', taggedJson],
    ['builtin#JsonSerializer', plainJson],
  ]),
};

/**
 * What is bound to the events of a journal; `undefined` = nothing.
 *
 * @throws {ConfigError} a class cannot be loaded, or what it exports is no adapter or serializer
 */
export async function openJournalCoding(
  { eventAdapters, serializers }: CodingSettings,
  config: Config,
): Promise<JournalCoding | undefined> {
  const adapters = await bindAdapters(eventAdapters, config);
  const written = await bindSerializers(serializers, config);
  if (adapters === undefined && written === undefined) return undefined;
  return { adapters, serializers: written };
}

async function bindAdapters(
  { classes, bindings }: BoundClasses,
  config: Config,
): Promise<JournalCoding['adapters']> {
  if (bindings.length === 0) return undefined;
  const byName = new Map<string, EventAdapter>();
  for (const named of classes) {
    const adapter = made((await resolveExport(config, named.path, anAdapter)).value);
    try {
      checkAdapter(adapter, `"${named.class}"`);
    } catch (cause) {
      throw wrong(named, (cause as Error).message);
    }
    byName.set(named.name, adapter);
  }
  return new Bindings(bindings.map(([pattern, names]) => [pattern, found(byName, names)] as const));
}

async function bindSerializers(
  { classes, bindings }: BoundClasses,
  config: Config,
): Promise<PayloadSerializers | undefined> {
  if (classes.length === 0) return undefined;
  const byName = new Map<string, EventSerializer>();
  const keyOf = new Map<number | string, string>();
  for (const named of classes) {
    const serializer = made((await resolveExport(config, named.path, aSerializer)).value);
    const fault = serializerFault(serializer);
    if (fault !== undefined) throw wrong(named, `"${named.class}" ${fault}`);
    const known = serializer as EventSerializer;
    const key = storedAs(known);
    const other = keyOf.get(key);
    if (other !== undefined) {
      throw wrong(
        named,
        `"${named.name}" and "${other}" are both stored as ${JSON.stringify(key)}`,
      );
    }
    keyOf.set(key, named.name);
    byName.set(named.name, known);
  }
  const bound = bindings.flatMap(([pattern, [name = '']]) => {
    return found(byName, [name]).map((serializer) => [pattern, serializer] as const);
  });
  return new PayloadSerializers([...byName.values()], [new Bindings(bound)]);
}

/** Names that nobody declared were refused with the section. */
function found<T>(byName: ReadonlyMap<string, T>, names: readonly string[]): readonly T[] {
  return names.flatMap((name) => byName.get(name) ?? []);
}

/** A class is made; anything else is what it is. */
function made(exported: unknown): unknown {
  const isClass = typeof exported === 'function' && /^class\b/.test(String(exported));
  return isClass ? new (exported as new () => unknown)() : exported;
}

function wrong({ path, origin }: NamedClass, message: string): ConfigError {
  return new ConfigError([{ path, file: origin?.file, line: origin?.line, message }]);
}
