import { patternFault } from '../../model/event-pattern.ts';
import type { Config } from '../config.ts';
import { type Origin, renderPath } from '../hocon/origin.ts';
import { listOf, mapOf, nonEmptyText } from '../kinds.ts';
import { SettingReader } from '../setting-reader.ts';

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

/**
 * Reads `event-adapters` and `event-adapter-bindings` of the section of a journal. What it does not
 * name, of adapters and of patterns, is that of the fallback, whose own problems its reader
 * reports.
 */
export function readEventAdapters(reader: SettingReader, fallback: Config): BoundClasses {
  const below = readBoundClasses(SettingReader.ofSome(fallback), adapterKeys);
  return readBoundClasses(reader, adapterKeys, below);
}

/** Reads those that are laid under the sections of all journals. */
export function readFallbackAdapters(persistence: SettingReader, fallbackKey: string): void {
  readBoundClasses(persistence, {
    classesKey: `${fallbackKey}.${adapterKeys.classesKey}`,
    bindingsKey: `${fallbackKey}.${adapterKeys.bindingsKey}`,
  });
}

/** Reads `serialization.serializers` and the bindings to them. */
export function readSerializers(reader: SettingReader): BoundClasses {
  return readBoundClasses(reader, {
    classesKey: 'serialization.serializers',
    bindingsKey: 'serialization.serialization-bindings',
  });
}

interface BoundKeys {
  readonly classesKey: string;
  readonly bindingsKey: string;
}

const adapterKeys: BoundKeys = {
  classesKey: 'event-adapters',
  bindingsKey: 'event-adapter-bindings',
};

function readBoundClasses(
  reader: SettingReader,
  { classesKey, bindingsKey }: BoundKeys,
  below: BoundClasses = { classes: [], bindings: [] },
): BoundClasses {
  const own = reader.optional(classesKey, mapOf(nonEmptyText)) ?? new Map<string, string>();
  const inherited = below.classes.filter(({ name }) => !own.has(name));
  const declared = [...own.keys(), ...inherited.map(({ name }) => name)];
  const bound =
    reader.optional(bindingsKey, mapOf(listOf(nonEmptyText))) ??
    new Map<string, readonly string[]>();
  for (const [pattern, names] of bound) {
    const fault = patternFault(pattern);
    if (fault !== undefined) reader.problem(bindingsKey, fault);
    for (const name of names.filter((one) => !declared.includes(one))) {
      const known =
        declared.length === 0 ? 'none is declared' : `declared are ${declared.join(', ')}`;
      reader.problem(
        bindingsKey,
        `binds "${pattern}" to "${name}", which ${classesKey} does not have; ${known}`,
      );
    }
  }
  const { config } = reader;
  const path = config.fullPath(classesKey);
  const classes = [...own].map(([name, written]) => {
    const origin = config.originOf(`${classesKey}.${renderPath([name])}`);
    return { name, class: written, path: `${path}.${renderPath([name])}`, origin };
  });
  return {
    classes: [...classes, ...inherited],
    bindings: [...new Map([...below.bindings, ...bound])],
  };
}
