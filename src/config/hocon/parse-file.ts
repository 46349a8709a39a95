import { readFileSync } from 'node:fs';
import { dirname, extname, isAbsolute, resolve } from 'node:path';
import type { IncludeRequest } from './include.ts';
import { withFallback } from './merge.ts';
import { hoconError, type Origin } from './origin.ts';
import { type Includer, parseConfig } from './parser.ts';
import { parseProperties } from './properties.ts';
import type { ObjectValue } from './values.ts';

/** Files that include files; also what ends a file that includes itself. */
const maxIncludeDepth = 50;

/** In the order of precedence, highest first. */
const extensions = ['.conf', '.json', '.properties'] as const;

/**
 * Parses a file of any of the three syntaxes, by its extension (`.json`, `.properties`, else
 * HOCON), with the files it includes. Without extension, every file of that base name counts.
 *
 * Reads synchronously: configuration is loaded once, before there is anything to wait for.
 *
 * @returns `undefined` when there is no such file
 * @throws {ConfigError} when a file cannot be read or parsed
 */
export function parseFile(file: string): ObjectValue | undefined {
  return parseAny(file, 0);
}

/** What origins name for text that is in no file. */
const textName = 'config text';

/** Parses text whose includes are relative to the folder of `beside`; its origins do not name that file. */
export function parseText(text: string, beside: string | undefined): ObjectValue {
  const include = includerOf(0);
  return parseConfig(text, {
    file: textName,
    includer: (request, origin) => include(request, origin, beside ?? textName),
  });
}

function parseAny(file: string, depth: number): ObjectValue | undefined {
  if (extensions.some((extension) => extname(file) === extension)) return parseOne(file, depth);
  let merged: ObjectValue | undefined = parseOne(file, depth);
  for (const extension of extensions) {
    const tree = parseOne(file + extension, depth);
    if (tree === undefined) continue;
    const both = merged === undefined ? tree : withFallback(merged, tree);
    merged = both.kind === 'object' ? both : merged;
  }
  return merged;
}

function parseOne(file: string, depth: number): ObjectValue | undefined {
  const text = readText(file);
  if (text === undefined) return undefined;
  if (extname(file) === '.properties') return parseProperties(text, file);
  if (extname(file) === '.json') checkJson(text, file);
  return parseConfig(text, { file, includer: includerOf(depth) });
}

function readText(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'EISDIR') return undefined;
    throw hoconError(`the file cannot be read: ${String(error)}`, { file, line: undefined });
  }
}

/** JSON is HOCON, but HOCON in a JSON file is a mistake. */
function checkJson(text: string, file: string): void {
  try {
    JSON.parse(text);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const position = Number(/position (\d+)/.exec(message)?.[1] ?? text.length);
    throw hoconError(message, { file, line: text.slice(0, position).split('\n').length });
  }
}

function includerOf(depth: number) {
  return (request: IncludeRequest, origin: Origin, beside = origin.file): ReturnType<Includer> => {
    if (request.kind === 'url') throw hoconError('include url() is not allowed', origin);
    if (depth >= maxIncludeDepth)
      throw hoconError(`includes nest deeper than ${maxIncludeDepth}`, origin);
    for (const file of candidates(request, beside)) {
      const tree = parseAny(file, depth + 1);
      if (tree !== undefined) return tree;
    }
    return undefined;
  };
}

/** Relative to the including file; `file()` also to the working directory, as on the JVM. */
function candidates({ kind, name }: IncludeRequest, file: string | undefined): readonly string[] {
  if (isAbsolute(name) && kind !== 'classpath') return [name];
  const relative = name.replace(/^\/+/, '');
  const beside = resolve(file === undefined ? '.' : dirname(file), relative);
  return kind === 'file' ? [beside, resolve(relative)] : [beside];
}
