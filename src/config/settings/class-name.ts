import { dirname, resolve } from 'node:path';
import { ConfigError } from '../../model/errors.ts';
import type { Config } from '../config.ts';
import type { Value } from '../hocon/values.ts';
import { nearest } from '../keys/nearest.ts';
import { text } from '../kinds.ts';
import { isReferenceFile } from '../reference-folder.ts';

/** What a key that names a class may stand for. */
export interface ClassKind<B> {
  /** What it is, with its article: `a journal`. */
  readonly what: string;
  /** Those of this package, by every name that they have: `builtin#KafkaJournal`, JVM names. */
  readonly builtins: ReadonlyMap<string, B>;
}

/** An export of a module that is no part of this package. */
export interface ModuleExport {
  readonly type: 'module';
  /** As `import()` takes it: package, subpath, or a path. */
  readonly specifier: string;
  readonly exportName: string;
  /** Folder that a relative path starts from: that of the file in which the key was written. */
  readonly relativeTo: string;
}

/** What a key that names a class stands for. */
export type ClassName<B> = { readonly type: 'builtin'; readonly value: B } | ModuleExport;

const nowhere = { file: undefined, line: undefined } as const;

/**
 * Which class the key names: `builtin#Name`, a JVM name that stands for one, or `module#export`;
 * without `#` it is the default export.
 *
 * @throws {ConfigError} at the place of the key, when it is missing or malformed, or names nothing
 * that can be here
 */
export function classNameAt<B>(config: Config, key: string, kind: ClassKind<B>): ClassName<B> {
  const name = nameIn(config.value(key));
  const builtin = kind.builtins.get(name);
  if (builtin !== undefined) return { type: 'builtin', value: builtin };
  const [specifier = '', exportName = 'default', ...rest] = name.split('#');
  const fault = faultOf({ name, specifier, malformed: rest.length > 0 || exportName === '' }, kind);
  if (fault !== undefined) throw new ConfigError([problemAt(config, key, fault)]);
  const { file } = config.originOf(key) ?? {};
  const relativeTo = file === undefined ? process.cwd() : resolve(dirname(file));
  return { type: 'module', specifier, exportName, relativeTo };
}

/** The class as the value names it; `''` when there is none. */
export function nameIn(value: Value | undefined): string {
  return value === undefined ? '' : (text.read(value) ?? '').trim();
}

/** The problem at the place where the user has written the key; our defaults are no such place. */
export function problemAt(config: Config, key: string, message: string) {
  const found = config.originOf(key);
  const origin = found !== undefined && !isReferenceFile(found.file) ? found : nowhere;
  return { path: config.fullPath(key), ...origin, message };
}

interface WrittenName {
  readonly name: string;
  readonly specifier: string;
  readonly malformed: boolean;
}

/** Why `name` is neither one of this package nor the export of a module. */
function faultOf<B>(
  { name, specifier, malformed }: WrittenName,
  { what, builtins }: ClassKind<B>,
): string | undefined {
  const known = [...builtins.keys()].filter((key) => key.startsWith('builtin#'));
  const examples = ['"./mine.ts#Mine"', ...known.slice(0, 1).map((one) => `"${one}"`)];
  if (name === '') return `is missing or empty; an example is ${examples.at(-1)}`;
  const near = nearest(name, [...builtins.keys()]);
  const all = known.length === 0 ? 'there are none' : `known are ${known.join(', ')}`;
  const hint = near === undefined ? all : `did you mean ${near}?`;
  if (specifier === 'builtin') {
    const kind = what.replace(/^an? /, '');
    return `must not be ${name}: there is no such built-in ${kind}; ${hint}`;
  }
  if (/^(?:[a-z_]\w*\.){2,}[A-Z]\w*$/.test(name)) {
    return `must not be ${name}: no plugin here replaces that JVM class; ${hint}`;
  }
  if (/^(?:https?|data|blob):/i.test(specifier)) {
    return `must not be ${name}: ${what} is not loaded from the network`;
  }
  return malformed || specifier === '' ? `must be "module#export", not ${name}` : undefined;
}
