import { registerHooks } from 'node:module';
import { dirname, isAbsolute, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Config } from '../config/config.ts';
import {
  type ClassKind,
  classNameAt,
  type ModuleExport,
  problemAt,
} from '../config/settings/class-name.ts';
import { ConfigError } from '../model/errors.ts';
import { shown } from '../model/shown.ts';

/** What a key that names a class leads to. */
export type ResolvedExport<B> =
  | { readonly type: 'builtin'; readonly value: B }
  /** As the module exports it; nobody has looked at it yet, but that it is there. */
  | { readonly type: 'export'; readonly value: unknown };

/**
 * Loads what the key names: something of this package, or the export of a module. A path such as
 * `./mine.ts` starts in the folder of the file in which the key was written. A package is looked
 * for from the application on: the folder of the program that runs, then the working directory.
 *
 * @throws {ConfigError} at the place of the key: it is malformed, there is no such module or
 * export, or the module fails while it is loaded
 */
export async function resolveExport<B>(
  config: Config,
  key: string,
  kind: ClassKind<B>,
): Promise<ResolvedExport<B>> {
  const name = classNameAt(config, key, kind);
  if (name.type === 'builtin') return name;
  const { exportName } = name;
  const exports = await load(name, (message, cause) => {
    return new ConfigError([problemAt(config, key, message)], { cause });
  });
  if (exportName in exports) return { type: 'export', value: exports[exportName] };
  const names = Object.keys(exports);
  const found = names.length === 0 ? 'none' : names.join(', ');
  const text = `names export ${exportName}, which ${name.specifier} does not have; it has ${found}`;
  throw new ConfigError([problemAt(config, key, text)]);
}

/**
 * Makes something from what a module exports: a class, a function, or an object with `create`.
 *
 * @throws {ConfigError} at the place of the key, when it is nothing of these
 * @throws what it throws itself
 */
export async function makeFrom<C>(
  exported: unknown,
  context: C,
  place: MadeFrom,
): Promise<unknown> {
  if (typeof exported === 'function') {
    type Constructor = new (context: C) => unknown;
    type Maker = (context: C) => unknown;
    return isClass(exported)
      ? new (exported as Constructor)(context)
      : await (exported as Maker)(context);
  }
  const { create } = Object(exported) as { readonly create?: unknown };
  if (typeof create === 'function') return await create.call(exported, context);
  const expected = 'a class, a function, or an object with create()';
  const text = `must name ${expected} that makes ${place.what}, not ${shown(exported)}`;
  throw new ConfigError([problemAt(place.config, place.key, text)]);
}

/** Which key names what something is made from. */
export interface MadeFrom {
  readonly config: Config;
  readonly key: string;
  /** What is to be made, with its article. */
  readonly what: string;
}

/**
 * Names of the methods that `made` lacks. What a class inherits counts.
 */
export function missingMethods(made: unknown, methods: readonly PropertyKey[]): readonly string[] {
  const members = Object(made) as Readonly<Record<PropertyKey, unknown>>;
  return methods.filter((name) => typeof members[name] !== 'function').map(String);
}

/** A function whose prototype has methods was a class before it was compiled for old engines. */
function isClass(value: object & { readonly prototype?: object }): boolean {
  if (/^class\b/.test(Function.prototype.toString.call(value))) return true;
  return Object.getOwnPropertyNames(value.prototype ?? {}).some((name) => name !== 'constructor');
}

type Failure = (message: string, cause: unknown) => ConfigError;

async function load(
  name: ModuleExport,
  failure: Failure,
): Promise<Readonly<Record<string, unknown>>> {
  const url = urlOf(name, failure);
  try {
    return (await import(url)) as Readonly<Record<string, unknown>>;
  } catch (cause) {
    const isMissing = (cause as { readonly url?: unknown } | undefined)?.url === url;
    if (isMissing) throw failure(notFound(name, [name.relativeTo]), cause);
    throw failure(
      `names ${name.specifier}, which fails while it is loaded: ${String(cause)}`,
      cause,
    );
  }
}

function urlOf(name: ModuleExport, failure: Failure): string {
  const { specifier, relativeTo } = name;
  if (specifier.startsWith('file:')) return specifier;
  const isPath = /^\.{1,2}(?:\/|$)/.test(specifier) || isAbsolute(specifier);
  if (isPath) return pathToFileURL(resolve(relativeTo, specifier)).href;
  const folders = applicationFolders();
  let first: unknown;
  for (const folder of folders) {
    try {
      return resolveFrom(specifier, folder);
    } catch (cause) {
      first ??= cause;
    }
  }
  throw failure(notFound(name, folders), first);
}

function notFound({ specifier }: ModuleExport, folders: readonly string[]): string {
  return `names module ${specifier}, which was not found; looked for from ${folders.join(', ')}`;
}

/** Where the application is: this package may be in a folder that does not see its packages. */
function applicationFolders(): readonly string[] {
  const program = process.argv[1];
  const folders = program === undefined ? [] : [dirname(resolve(program))];
  return [...new Set([...folders, process.cwd()])];
}

/**
 * Where an `import` in a file of `folder` would find the package. `createRequire` would not do: it
 * finds no package that only has exports for `import`.
 *
 * @throws as `import` does
 */
function resolveFrom(specifier: string, folder: string): string {
  const parentURL = pathToFileURL(`${folder}/`).href;
  const hooks = registerHooks({
    resolve: (name, context, next) =>
      next(name, name === specifier ? { ...context, parentURL } : context),
  });
  try {
    return import.meta.resolve(specifier);
  } finally {
    hooks.deregister();
  }
}
