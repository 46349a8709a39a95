import { ConfigError } from '../model/errors.ts';
import { type Origin, renderPath } from './hocon/origin.ts';
import { pathOf } from './hocon/parse/path.ts';
import { withFallback } from './hocon/resolve/merge.ts';
import { emptyObject, type ObjectValue, type Plain, toPlain, type Value } from './hocon/values.ts';
import { boolean, duration, type Kind, listOf, number, size, text } from './kinds.ts';
import { isReferenceFile } from './reference-folder.ts';
import { shownValue } from './shown-value.ts';

/** A key that is set and has no effect. */
export interface ConfigNote extends Origin {
  readonly path: string;
  readonly why: string;
  /** It is to have an effect one day: whoever sets it counts on something that is not there yet. */
  readonly isPromised: boolean;
}

/** What the sections of one configuration share. */
interface Shared {
  /** The defaults alone, for plugin sections under paths of the user's choice. */
  readonly reference: ObjectValue;
  readonly notes: Map<string, ConfigNote>;
  readonly notesTaken: Set<string>;
  readonly keysRead: Set<string>;
  /** The path as the user wrote it. */
  readonly written: (path: readonly string[]) => readonly string[];
}

/**
 * A resolved configuration, read by path (`a.b."c.d"`). A value of `null` counts as absent. Every
 * getter throws {ConfigError} with path, file and line when the value is absent or of another kind.
 */
export class Config {
  readonly #root: ObjectValue;
  readonly #prefix: readonly string[];
  readonly #shared: Shared;

  private constructor(root: ObjectValue, shared: Shared, prefix: readonly string[] = []) {
    this.#root = root;
    this.#shared = shared;
    this.#prefix = prefix;
  }

  /**
   * @param reference the defaults alone, for plugin sections under paths of the user's choice
   * @param written the path as the user wrote it, for messages
   */
  static of(
    root: ObjectValue,
    reference: ObjectValue,
    written: Shared['written'] = (path) => path,
  ): Config {
    const noted = { notes: new Map(), notesTaken: new Set<string>() };
    return new Config(root, { reference, written, ...noted, keysRead: new Set() });
  }

  /** Keys that are set and have no effect, one note a path; settings readers add to it. */
  get notes(): ReadonlyMap<string, ConfigNote> {
    return this.#shared.notes;
  }

  /** The notes that nobody has taken before. */
  takeNotes(): readonly ConfigNote[] {
    const { notes, notesTaken } = this.#shared;
    const fresh = [...notes.values()].filter(({ path }) => !notesTaken.has(path));
    for (const { path } of fresh) notesTaken.add(path);
    return fresh;
  }

  /** Notes the key at `path` of this section. */
  note(path: string, why: string, { isPromised = false } = {}): void {
    const full = this.fullPath(path);
    const { file, line } = this.originOf(path) ?? { file: undefined, line: undefined };
    this.#shared.notes.set(full, { path: full, file, line, why, isPromised });
  }

  /** Paths that settings readers have asked for so far; tests compare them with `plugin-config`. */
  get keysRead(): Set<string> {
    return this.#shared.keysRead;
  }

  /** The value, or `undefined` when it is absent or `null`. */
  value(path: string): Value | undefined {
    let value: Value | undefined = this.#root;
    for (const key of pathOf(path))
      value = value?.kind === 'object' ? value.fields.get(key) : undefined;
    return value?.kind === 'scalar' && value.value === null ? undefined : value;
  }

  /** Whether the user has set the value at `path`, or any inside it: not all are defaults. */
  isSet(path: string): boolean {
    const value = this.value(path);
    return value !== undefined && isSet(value);
  }

  has(path: string): boolean {
    return this.value(path) !== undefined;
  }

  /** Keys of the object at `path`, or of the whole; none when there is no object. */
  keys(path?: string): readonly string[] {
    const value = path === undefined ? this.#root : this.value(path);
    if (value?.kind !== 'object') return [];
    return [...value.fields]
      .filter(([, field]) => field.kind !== 'scalar' || field.value !== null)
      .map(([key]) => key);
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
    return new Config(this.#objectAt(path), this.#shared, prefix);
  }

  /** The section at `path` over the defaults that `plugin-config` has at `defaults`. */
  sectionOver(path: string, defaults: string): Config {
    if (this.has(path)) return this.section(path).over(defaults);
    const reference = new Config(this.#shared.reference, this.#shared).#objectAt(defaults);
    return new Config(reference, this.#shared, [...this.#prefix, ...pathOf(path)]);
  }

  /** This section over the defaults that `plugin-config` has at `defaults`. */
  over(defaults: string): Config {
    const reference = new Config(this.#shared.reference, this.#shared).#objectAt(defaults);
    const own = withFallback(this.#root, reference);
    return new Config(own.kind === 'object' ? own : reference, this.#shared, this.#prefix);
  }

  /** This section, with what it lacks from another one. */
  laidOver(fallback: Config): Config {
    const merged = withFallback(this.#root, fallback.#root);
    return new Config(merged.kind === 'object' ? merged : this.#root, this.#shared, this.#prefix);
  }

  /** Where the value was written; `undefined` when it is absent. */
  originOf(path: string): Origin | undefined {
    return this.value(path)?.origin;
  }

  /** The whole path, from the root of the configuration, as the user wrote it. */
  fullPath(path: string): string {
    return renderPath(this.#shared.written([...this.#prefix, ...pathOf(path)]));
  }

  #objectAt(path: string): ObjectValue {
    const value = this.value(path);
    if (value?.kind !== 'object') throw this.#problem(path, 'must be an object');
    return value;
  }

  #problem(path: string, message: string): ConfigError {
    const origin = this.originOf(path) ?? { file: undefined, line: undefined };
    const value = this.value(path);
    const found = value === undefined ? ', and is missing' : `, not ${shownValue(path, value)}`;
    return new ConfigError([{ path: this.fullPath(path), ...origin, message: message + found }]);
  }

  /** A configuration of nothing. */
  static empty(): Config {
    const nothing = emptyObject({ file: undefined, line: undefined });
    return Config.of(nothing, nothing);
  }
}

function isSet(value: Value): boolean {
  if (value.kind === 'object') return [...value.fields.values()].some(isSet);
  return !isReferenceFile(value.origin.file);
}
