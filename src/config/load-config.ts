import { existsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { ConfigError } from '../model/errors.ts';
import { Config } from './config.ts';
import { hoconError } from './hocon/origin.ts';
import { parseFile, parseText } from './hocon/parse/parse-file.ts';
import { treeOf } from './hocon/parse/plain.ts';
import { withFallback } from './hocon/resolve/merge.ts';
import { resolveConfig } from './hocon/resolve/resolver.ts';
import type { ObjectValue } from './hocon/values.ts';
import { rootProblems } from './keys/keys-beside-sections.ts';
import {
  withAliasDefaults,
  withoutAliasDefaults,
  withPekkoAlias,
  writtenIn,
} from './keys/pekko-alias.ts';
import { isReferenceFile, referenceFolder } from './reference-folder.ts';
import { systemProperties } from './system-properties.ts';

/** Where the application's configuration comes from; each part may be absent. */
export interface LoadConfigOptions {
  /** The application's file; must exist. Relative to the working directory. */
  readonly file?: string;
  /**
   * The application's configuration as text, over `file`; its includes are relative to the folder
   * of `file`, or to the working directory. In messages it is `config text`.
   */
  readonly text?: string;
  /** Values from code over both; keys are paths. */
  readonly overrides?: Readonly<Record<string, unknown>>;
  /** Where `${NAME}` is looked up last; by default the environment of the process. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/**
 * The application's configuration over our defaults (`plugin-config/reference.conf` and
 * `replicator.conf`). References are resolved once, over the whole.
 *
 * @throws {ConfigError} with all problems found: syntax, references, keys set differently under
 * `akka.persistence` and `pekko.persistence`, unknown keys beside our sections
 */
export async function loadConfig(options: LoadConfigOptions = {}): Promise<Config> {
  const { config, checkKeys } = readConfig(options);
  checkKeys();
  return config;
}

/** A configuration whose keys have still to be checked, together with the settings in it. */
export interface ReadConfig {
  readonly config: Config;
  /**
   * @throws {ConfigError} keys set differently under both roots, unknown keys beside our sections
   */
  readonly checkKeys: () => void;
}

/**
 * As {@link loadConfig}, for readers that report all problems at once.
 *
 * @throws {ConfigError} syntax, references
 */
export function readConfig(options: LoadConfigOptions): ReadConfig {
  const outside = { env: options.env ?? process.env, properties: systemProperties() };
  const reference = referenceTree();
  const application = applicationTree(options);
  const whole = layered(application, withAliasDefaults(reference, application));
  const defaults = resolveConfig(reference, outside);
  const resolved = withoutAliasDefaults(resolveConfig(whole, outside), defaults, isReferenceFile);
  const { tree, problems } = withPekkoAlias(resolved, isReferenceFile);
  const written = writtenIn(resolved, isReferenceFile);
  const config = Config.of(tree, defaults, written);
  const all = [...problems, ...rootProblems(config)];
  const checkKeys = (): void => {
    if (all.length > 0) throw new ConfigError(all);
  };
  return { config, checkKeys };
}

function applicationTree({ file, text, overrides }: LoadConfigOptions): ObjectValue {
  const path = file === undefined ? undefined : resolve(file);
  const fromFile = path === undefined ? undefined : parseFile(path);
  if (path !== undefined && fromFile === undefined) {
    const what = existsSync(path) ? 'that is a folder, not a file' : 'there is no such file';
    throw hoconError(what, { file: path, line: undefined });
  }
  const folder = path === undefined ? process.cwd() : dirname(path);
  const fromText = text === undefined ? undefined : parseText(text, folder);
  const fromCode = treeOf(overrides ?? {}, { file: 'overrides', line: undefined });
  return [fromText, fromFile].reduce<ObjectValue>(
    (upper, lower) => layered(upper, lower),
    fromCode,
  );
}

function layered(upper: ObjectValue, lower: ObjectValue | undefined): ObjectValue {
  const merged = lower === undefined ? upper : withFallback(upper, lower);
  return merged.kind === 'object' ? merged : upper;
}

function referenceTree(): ObjectValue {
  const [reference, replicator] = ['reference.conf', 'replicator.conf'].map((name) => {
    const tree = parseFile(resolve(referenceFolder, name));
    if (tree === undefined)
      throw hoconError(`${name} is missing from this package`, {
        file: referenceFolder,
        line: undefined,
      });
    return tree;
  });
  return layered(replicator as ObjectValue, reference);
}
