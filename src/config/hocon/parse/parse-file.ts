import { readFileSync } from 'node:fs';
import { dirname, isAbsolute, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { limits } from '../limits.ts';
import { hoconError, type Origin } from '../origin.ts';
import { withFallback } from '../resolve/merge.ts';
import { isResolved, type ObjectValue } from '../values.ts';
import type { IncludeRequest } from './include.ts';
import { type Includer, parseConfig } from './parser.ts';
import { parseProperties } from './properties.ts';
import { relativized } from './relativize.ts';

/** In the order of precedence, highest first. */
const syntaxes = ['conf', 'json', 'properties'] as const;
type Syntax = (typeof syntaxes)[number];

/**
 * Parses a file with the files it includes: `.json` and `.properties` as such, anything else as
 * HOCON. Where there is no such file, those of that name with an extension count together.
 *
 * Reads synchronously: configuration is loaded once, before there is anything to wait for.
 *
 * @returns `undefined` when there is no such file
 * @throws {ConfigError} when a file cannot be read or parsed
 */
export function parseFile(file: string): ObjectValue | undefined {
  const files = new Files();
  return files.parse(file, syntaxOf(file) ?? 'conf') ?? files.parseBaseName(file);
}

/** What origins name for text that is in no file. */
const textName = 'config text';

/** Parses text that no file holds; its includes are relative to `folder`. */
export function parseText(text: string, folder: string): ObjectValue {
  return new Files().parseText(text, textName, folder);
}

/** The files of one configuration: each is read once, however many others include it. */
class Files {
  /** `undefined` = there is no such file. */
  readonly #known = new Map<string, ObjectValue | undefined>();
  /** Those being parsed, the including ones first. */
  readonly #open: string[] = [];
  #included = 0;

  parse(file: string, syntax: Syntax): ObjectValue | undefined {
    const name = `${syntax} ${file}`;
    if (this.#known.has(name)) return this.#known.get(name);
    const text = readText(file);
    this.#open.push(name);
    let tree: ObjectValue | undefined;
    if (text !== undefined) {
      if (syntax === 'properties') tree = parseProperties(text, file);
      else if (syntax === 'conf') tree = this.parseText(text, file, dirname(file));
      else {
        checkJson(text, file);
        tree = parseConfig(text, { file, uniqueKeys: true });
      }
    }
    this.#open.pop();
    if (tree !== undefined && tree.size > limits.values)
      throw hoconError(`includes make it more than ${limits.values} values`, tree.origin);
    this.#known.set(name, tree);
    return tree;
  }

  parseText(text: string, name: string, folder: string): ObjectValue {
    const includer: Includer = (request, origin, prefix) => {
      const tree = this.#find(request, origin, folder);
      if (tree === undefined) return undefined;
      this.#included += isResolved(tree) ? tree.fields.size : tree.size;
      if (this.#included > limits.included)
        throw hoconError(`includes bring in more than ${limits.included} values`, origin, prefix);
      const copy = relativized(tree, prefix);
      return copy.kind === 'object' ? copy : tree;
    };
    return parseConfig(text, { file: name, includer });
  }

  parseBaseName(file: string): ObjectValue | undefined {
    const trees = syntaxes.map((syntax) => this.parse(`${file}.${syntax}`, syntax));
    return trees.reduce((upper, lower) => {
      const merged = upper && lower ? withFallback(upper, lower) : (upper ?? lower);
      return merged?.kind === 'object' ? merged : upper;
    });
  }

  #find(request: IncludeRequest, origin: Origin, folder: string): ObjectValue | undefined {
    const { name } = request;
    const url = urlOf(request, origin);
    if (url !== undefined && url.protocol !== 'file:')
      throw hoconError('include url() is not allowed: nothing is loaded from the network', origin);
    if (url !== undefined) return this.#include(fileURLToPath(url), undefined, origin);
    // The bare form hands the syntax of the including file on to a file with an extension.
    const syntax = request.kind === 'any' ? 'conf' : syntaxOf(name);
    for (const file of placesOf(request, folder)) {
      if (syntaxOf(name) === undefined) {
        for (const each of syntaxes) this.#include(`${file}.${each}`, each, origin);
      }
      const tree =
        syntaxOf(name) === undefined
          ? this.parseBaseName(file)
          : this.#include(file, syntax, origin);
      if (tree !== undefined) return tree;
    }
    return undefined;
  }

  #include(file: string, as: Syntax | undefined, origin: Origin): ObjectValue | undefined {
    const syntax = as ?? syntaxOf(file) ?? 'conf';
    const isOpen = this.#open.includes(`${syntax} ${file}`);
    if (isOpen || this.#open.length >= limits.includes) {
      const why = isOpen ? `${file} includes itself` : 'end them here';
      throw hoconError(`includes nest deeper than ${limits.includes}: ${why}`, origin);
    }
    return this.parse(file, syntax);
  }
}

function syntaxOf(file: string): Syntax | undefined {
  return syntaxes.find((syntax) => file.endsWith(`.${syntax}`));
}

function readText(file: string): string | undefined {
  const place = { file, line: undefined };
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'EISDIR') return undefined;
    throw hoconError(`the file cannot be read: ${String(error)}`, place);
  }
  // Every second byte would be read as a letter of its own. Shells of Windows write such files.
  const isUtf16 = bytes.length >= 2 && [0xfeff, 0xfffe].includes(bytes.readUInt16BE(0));
  if (isUtf16) throw hoconError('the file is in UTF-16: save it in UTF-8', place);
  return bytes.toString('utf8');
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

/** The bare form takes what looks like an address for one. */
function urlOf({ kind, name }: IncludeRequest, origin: Origin): URL | undefined {
  const isUrl = kind === 'any' && /^(?:https?|ftp|file|jar|mailto|jrt|jmod):/i.test(name);
  if (kind !== 'url' && !isUrl) return undefined;
  if (URL.canParse(name)) return new URL(name);
  throw hoconError(`${name} is not a URL to include`, origin);
}

/** Relative to the including file; `file()` to the working directory first, as on the JVM. */
function placesOf({ kind, name }: IncludeRequest, folder: string): readonly string[] {
  if (isAbsolute(name) && kind !== 'classpath') return [name];
  const relative = name.replace(/^\/+/, '');
  const beside = resolve(folder, relative);
  return kind === 'file' ? [...new Set([resolve(relative), beside])] : [beside];
}
