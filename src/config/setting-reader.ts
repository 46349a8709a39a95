import { ConfigError, type ConfigProblem } from '../model/errors.ts';
import { Config } from './config.ts';
import { renderPath } from './hocon/origin.ts';
import { pathOf } from './hocon/parse/path.ts';
import type { AcceptedKeys, SectionKind } from './keys/keys-without-effect.ts';
import { acceptedFor, matchesKey } from './keys/keys-without-effect.ts';
import { nearest } from './keys/nearest.ts';
import type { Kind } from './kinds.ts';
import { noObject, shownValue } from './shown-value.ts';

/**
 * Reads the settings of one section and remembers what it was asked for, so that `finish` can
 * report every problem at once: values of the wrong kind, missing ones, and keys that nobody reads.
 */
export class SettingReader {
  readonly config: Config;
  /** Shared with the reader of the section around this one. */
  readonly #problems: ConfigProblem[];
  /** Keys that are accepted unread. */
  readonly #accepted: readonly AcceptedKeys[];
  readonly #known = new Set<string>();
  readonly #children: SettingReader[] = [];
  #isOfSome = false;

  /** @param kind which keys of this section are accepted without being read */
  constructor(config: Config, kind: SectionKind, problems: ConfigProblem[] = []) {
    this.config = config;
    this.#problems = problems;
    this.#accepted = acceptedFor(kind);
  }

  /**
   * A reader of some keys of a section; others are read by somebody else, but not those of an
   * object of which it reads a key.
   */
  static ofSome(config: Config): SettingReader {
    const reader = new SettingReader(config, 'root');
    reader.#isOfSome = true;
    return reader;
  }

  read<T>(key: string, kind: Kind<T>): T {
    if (this.has(key)) return this.optional(key, kind) ?? kind.placeholder;
    if (!this.#isCutOff(key)) this.problem(key, `is missing; it must be ${kind.expected}`);
    return kind.placeholder;
  }

  /** `undefined` when the key is absent or `null`. */
  optional<T>(key: string, kind: Kind<T>): T | undefined {
    this.#asksFor(key);
    const value = this.config.value(key);
    if (value === undefined) {
      this.#isCutOff(key);
      return undefined;
    }
    const read = kind.read(value);
    if (read !== undefined) return read;
    this.problem(key, `must be ${kind.expected}, not ${shownValue(key, value)}`);
    return kind.placeholder;
  }

  has(key: string): boolean {
    this.#asksFor(key);
    return this.config.has(key);
  }

  /** A reader of the object at `key`, finished together with this one. */
  section(key: string, kind: SectionKind): SettingReader {
    this.#asksFor(key);
    const value = this.config.value(key);
    if (value?.kind === 'object') {
      const reader = new SettingReader(this.config.section(key), kind, this.#problems);
      this.#children.push(reader);
      return reader;
    }
    this.problem(key, noObject(key, value));
    return new SettingReader(Config.empty(), kind);
  }

  /** Where a section should be, around the key, there is something else, which is a problem. */
  #isCutOff(key: string): boolean {
    const path = pathOf(key);
    for (let length = 1; length < path.length; length++) {
      const around = renderPath(path.slice(0, length));
      const value = this.config.value(around);
      if (value?.kind === 'object') continue;
      if (value === undefined) return false;
      this.know(around);
      this.problem(around, noObject(around, value));
      return true;
    }
    return false;
  }

  /** The keys that were asked for so far. */
  get known(): readonly string[] {
    return [...this.#known];
  }

  /** Counts as known although it is read elsewhere, or in another spelling. */
  know(key: string): void {
    this.#known.add(renderPath(pathOf(key)));
  }

  /** A known key whose use is a problem. */
  refuse(key: string, why: string): void {
    this.know(key);
    if (this.config.has(key)) this.problem(key, why);
  }

  #asksFor(key: string): void {
    this.know(key);
    this.config.keysRead.add(this.config.fullPath(key));
  }

  /** @param place the key whose line is named */
  problem(key: string, message: string, place = key): void {
    const origin = this.config.originOf(place) ?? { file: undefined, line: undefined };
    this.#problems.push({ path: this.config.fullPath(key), ...origin, message });
  }

  /**
   * Two keys whose values do not go together. The place is that of the one which the user has
   * written: mostly the other is a default of ours. Nothing is said where one of them is wrong by
   * itself, since a placeholder stands for its value.
   */
  clash(key: string, other: string, message: string): void {
    const paths = [key, other].map((one) => this.config.fullPath(one));
    if (this.#problems.some(({ path }) => paths.includes(path))) return;
    this.problem(key, message, this.config.isSet(key) ? key : other);
  }

  /** A key that is set and has no effect. */
  note(key: string, why: string): void {
    this.config.note(key, why);
  }

  /** @throws {ConfigError} with every problem of this section and those inside it */
  finish<T>(settings: T): T {
    this.#checkKeys();
    if (this.#problems.length > 0) throw new ConfigError(this.#problems);
    return settings;
  }

  #checkKeys(): void {
    for (const child of this.#children) child.#checkKeys();
    const { known } = this;
    for (const key of this.config.keys()) {
      const inside = `${renderPath([key])}.`;
      if (this.#isOfSome && !known.some((other) => other.startsWith(inside))) continue;
      this.#checkKey([key], known);
    }
  }

  #checkKey(path: readonly string[], known: readonly string[]): void {
    const key = renderPath(path);
    if (this.#known.has(key)) return;
    const value = this.config.value(key);
    const accepted = this.#accepted.find(({ keys }) =>
      keys.some((pattern) => matchesKey(pattern, path)),
    );
    if (accepted !== undefined) this.config.note(key, accepted.why, accepted);
    else {
      const all = [...known, ...this.#accepted.flatMap(({ keys }) => keys)];
      const prefix = `${path.join('.')}.`;
      const isSection = all.some((other) => other.startsWith(prefix));
      if (isSection && value?.kind === 'object') {
        // An object around known keys: what else it holds is unknown.
        for (const inner of value.fields.keys()) {
          const inside = [...path, inner];
          if (this.config.has(renderPath(inside))) this.#checkKey(inside, known);
        }
        return;
      }
      if (isSection) {
        this.problem(key, noObject(key, value));
        return;
      }
      // A misspelt section is near the name of a section, which is the beginning of a key.
      const paths = all.map((other) => other.replace(/\.\*\*$/, '').split('.'));
      const names = paths.flatMap((one) => one.map((_, at) => one.slice(0, at + 1).join('.')));
      const near = nearest(key, [...new Set(names)]);
      const hint = near === undefined ? '' : `; did you mean ${near}?`;
      this.problem(key, `is not a known key${hint}`);
    }
  }
}
