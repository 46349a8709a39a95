import { ConfigError } from '../model/errors.ts';
import { withFallback } from './hocon/merge.ts';
import { type Origin, renderPath } from './hocon/origin.ts';
import { pathOf } from './hocon/path.ts';
import { emptyObject, type ObjectValue, type Plain, toPlain, type Value } from './hocon/values.ts';
import { boolean, duration, type Kind, listOf, number, size, text } from './kinds.ts';

/**
 * A resolved configuration, read by path (`a.b."c.d"`). A value of `null` counts as absent. Every
 * getter throws {ConfigError} with path, file and line when the value is absent or of another kind.
 */
export class Config {
  readonly #root: ObjectValue;
  readonly #prefix: readonly string[];
  readonly #reference: ObjectValue;
  /** Sentences about keys that mean nothing in Node, one a key; settings readers add to it. */
  readonly notes: Set<string>;
  /** Paths that settings readers have asked for so far; tests compare them with `plugin-config`. */
  readonly keysRead: Set<string>;

  /** @param reference the defaults alone, for plugin sections under paths of the user's choice */
  constructor(
    root: ObjectValue,
    reference: ObjectValue,
    parent?: { config: Config; prefix: readonly string[] },
  ) {
    this.#root = root;
    this.#reference = reference;
    this.#prefix = parent?.prefix ?? [];
    this.notes = parent?.config.notes ?? new Set();
    this.keysRead = parent?.config.keysRead ?? new Set();
  }

  /** The value, or `undefined` when it is absent or `null`. */
  value(path: string): Value | undefined {
    let value: Value | undefined = this.#root;
    for (const key of pathOf(path))
      value = value?.kind === 'object' ? value.fields.get(key) : undefined;
    return value?.kind === 'scalar' && value.value === null ? undefined : value;
  }

  has(path: string): boolean {
    return this.value(path) !== undefined;
  }

  /** Keys of the object at `path`, or of the whole; none when there is no object. */
  keys(path?: string): readonly string[] {
    const value = path === undefined ? this.#root : this.value(path);
    if (value?.kind !== 'object') return [];
    return [...value.fields].filter(([, field]) => !isNull(field)).map(([key]) => key);
  }

  getString(path: string): string {
    return this.get(path, text);
  }

  getNumber(path: string): number {
    return this.get(path, number);
  }

  /** `true`, `on`, `yes`; `false`, `off`, `no`. */
  getBoolean(path: string): boolean {
    return this.get(path, boolean);
  }

  /** Milliseconds, rounded up; a bare number is milliseconds. */
  getDurationMs(path: string): number {
    return this.get(path, duration());
  }

  getSizeBytes(path: string): number {
    return this.get(path, size());
  }

  getStringList(path: string): readonly string[] {
    const value = this.value(path);
    return value?.kind === 'list' && value.items.length === 0 ? [] : this.get(path, listOf(text));
  }

  /** The object at `path` as plain values. */
  getObject(path: string): Readonly<Record<string, Plain>> {
    return toPlain(this.#objectAt(path)) as Readonly<Record<string, Plain>>;
  }

  get<T>(path: string, kind: Kind<T>): T {
    const value = this.value(path);
    const read = value === undefined ? undefined : kind.read(value);
    if (read === undefined) throw this.#problem(path, `must be ${kind.expected}`);
    return read;
  }

  /** The object at `path`; messages keep naming whole paths. */
  section(path: string): Config {
    const prefix = [...this.#prefix, ...pathOf(path)];
    return new Config(this.#objectAt(path), this.#reference, { config: this, prefix });
  }

  /** The section at `path` over the defaults that `plugin-config` has at `defaults`. */
  sectionOver(path: string, defaults: string): Config {
    const reference = new Config(this.#reference, this.#reference).#objectAt(defaults);
    const own = this.has(path) ? withFallback(this.#objectAt(path), reference) : reference;
    const prefix = [...this.#prefix, ...pathOf(path)];
    return new Config(own.kind === 'object' ? own : reference, this.#reference, {
      config: this,
      prefix,
    });
  }

  /** Where the value was written; `undefined` when it is absent. */
  originOf(path: string): Origin | undefined {
    return this.value(path)?.origin;
  }

  /** The whole path, from the root of the configuration. */
  fullPath(path: string): string {
    return renderPath([...this.#prefix, ...pathOf(path)]);
  }

  #objectAt(path: string): ObjectValue {
    const value = this.value(path);
    if (value?.kind !== 'object') throw this.#problem(path, 'must be an object');
    return value;
  }

  #problem(path: string, message: string): ConfigError {
    const origin = this.originOf(path) ?? { file: undefined, line: undefined };
    const found = this.has(path) ? '' : ', and is missing';
    return new ConfigError([{ path: this.fullPath(path), ...origin, message: message + found }]);
  }

  /** A configuration of nothing. */
  static empty(): Config {
    const nothing = emptyObject({ file: undefined, line: undefined });
    return new Config(nothing, nothing);
  }
}

function isNull(value: Value): boolean {
  return value.kind === 'scalar' && value.value === null;
}
