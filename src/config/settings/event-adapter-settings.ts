import { type Origin, renderPath } from '../hocon/origin.ts';
import { listOf, mapOf, nonEmptyText } from '../kinds.ts';
import type { SettingReader } from '../setting-reader.ts';

/** The `class` of something that an application brings, and where it is written. */
export interface NamedClass {
  readonly name: string;
  /** As written: `module#export`, or `builtin#Name`. */
  readonly class: string;
  /** Path of the key that names it, for messages. */
  readonly path: string;
  /** A relative module starts from the folder of this file. */
  readonly origin: Origin | undefined;
}

/** What a section binds to events: the classes by name, and the names by pattern. */
export interface BoundClasses {
  readonly classes: readonly NamedClass[];
  /** `type`, `prefix.*`, `class:Name` or `*`, each with the names bound to it. */
  readonly bindings: readonly (readonly [pattern: string, names: readonly string[]])[];
}

/** Reads `event-adapters` and `event-adapter-bindings` of a journal section. */
export function readEventAdapters(reader: SettingReader): BoundClasses {
  return readBoundClasses(reader, 'event-adapters', 'event-adapter-bindings');
}

/** Reads `serialization.serializers` and the bindings to them. */
export function readSerializers(reader: SettingReader): BoundClasses {
  return readBoundClasses(
    reader,
    'serialization.serializers',
    'serialization.serialization-bindings',
  );
}

function readBoundClasses(
  reader: SettingReader,
  classesKey: string,
  bindingsKey: string,
): BoundClasses {
  const named = reader.optional(classesKey, mapOf(nonEmptyText)) ?? new Map<string, string>();
  const bound =
    reader.optional(bindingsKey, mapOf(listOf(nonEmptyText))) ??
    new Map<string, readonly string[]>();
  for (const [pattern, names] of bound) {
    for (const name of names.filter((one) => !named.has(one))) {
      const known =
        named.size === 0 ? 'none is declared' : `declared are ${[...named.keys()].join(', ')}`;
      reader.problem(
        bindingsKey,
        `binds "${pattern}" to "${name}", which ${classesKey} does not have; ${known}`,
      );
    }
  }
  const { config } = reader;
  const path = config.fullPath(classesKey);
  const classes = [...named].map(([name, written]) => {
    const origin = config.originOf(`${classesKey}.${renderPath([name])}`);
    return { name, class: written, path: `${path}.${renderPath([name])}`, origin };
  });
  return { classes, bindings: [...bound] };
}
