import { createRequire } from 'node:module';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { NamedClass } from '../config/settings/event-adapter-settings.ts';
import { ConfigError } from '../model/errors.ts';

/**
 * The export that `module#export` names: of a package of the application, or of a file, relative to
 * the one that names it. Without `#` it is the default export.
 *
 * @throws {ConfigError} there is no such module or export; names the place
 */
export async function loadExport({ class: written, path, origin }: NamedClass): Promise<unknown> {
  const fail = (message: string, cause?: unknown): never => {
    const place = { path, file: origin?.file, line: origin?.line };
    throw new ConfigError([{ ...place, message }], { cause });
  };
  const [specifier = '', name = 'default'] = written.split('#');
  if (specifier === 'builtin' || /^(?:https?|data|blob|node):/i.test(specifier)) {
    fail(`must be "module#export" of a file or a package, not ${written}`);
  }
  const folder = origin?.file === undefined ? process.cwd() : resolve(dirname(origin.file));
  let exports: Readonly<Record<string, unknown>>;
  try {
    const isFile = specifier.startsWith('.') || isAbsolute(specifier);
    const file = isFile
      ? resolve(folder, specifier)
      : createRequire(join(process.cwd(), 'package.json')).resolve(specifier);
    exports = (await import(pathToFileURL(file).href)) as typeof exports;
  } catch (cause) {
    return fail(`${written} cannot be loaded from ${folder}: ${(cause as Error).message}`, cause);
  }
  if (Object.hasOwn(exports, name)) return exports[name];
  return fail(`${specifier} has no export "${name}"; it has ${Object.keys(exports).join(', ')}`);
}
