import type { Config } from '../config/config.ts';
import { type ClassKind, problemAt } from '../config/settings/class-name.ts';
import {
  ConfigError,
  DeadlineExceededError,
  JournalError,
  StoreUnavailableError,
} from '../model/errors.ts';
import { shown } from '../model/shown.ts';
import type { Logger } from '../observability/logger.ts';
import type { Clock } from '../runtime/clock.ts';
import { unlessAborted, within } from '../runtime/waiting.ts';
import type { PluginContext } from './plugin-context.ts';
import { makeFrom, missingMethods, resolveExport } from './resolve-export.ts';

/** A kind of plugin. */
export interface PluginKind<T, B> extends ClassKind<B> {
  /** What every one of them can do. */
  readonly methods: readonly (keyof T)[];
}

/** A section, and what makes its plugin: nothing is opened yet. */
export interface PluginPlace {
  /** The section over its defaults. */
  readonly config: Config;
  readonly configPath: string;
  readonly rootConfig: Config;
}

/** What opening a plugin works with. */
export interface OpenPluginDeps {
  readonly startTimeoutMs: number;
  readonly log: Logger;
  readonly clock: Clock;
  /** Fires when the program is to end: a plugin that is being made is no longer wanted. */
  readonly closing: AbortSignal;
  /** Fires when no actor uses the plugin any more. */
  readonly unused: AbortSignal;
}

/** Sections whose plugins are made by code: what makes each, by path. */
export type RegisteredPlugins = ReadonlyMap<string, unknown>;

/**
 * What makes the plugin of the section at `path`: what is registered in code, or what `class`
 * names. Modules are loaded for that.
 *
 * @throws {ConfigError} as of {@link resolveExport}
 */
export async function pluginSourceAt<B>(
  config: Config,
  path: string,
  kind: ClassKind<B>,
  registered: RegisteredPlugins,
): Promise<
  | { readonly type: 'builtin'; readonly value: B }
  | { readonly type: 'export'; readonly value: unknown }
> {
  if (registered.has(path)) return { type: 'export', value: registered.get(path) };
  return await resolveExport(config, `${path}.class`, kind);
}

/**
 * Makes a plugin, which then belongs to the caller.
 *
 * @throws {ConfigError} at the place of its class: what makes it is of the wrong kind or fails, or
 * what it makes is no such plugin
 * @throws {StoreUnavailableError} retryable, as what makes it says
 * @throws {JournalError} what a plugin of this package says
 * @throws {DeadlineExceededError} retryable: it took longer than `start-timeout`
 * @throws the abort reason when `closing` fires
 */
export async function openPlugin<T extends AsyncDisposable>(
  source: unknown,
  place: PluginPlace,
  kind: PluginKind<T, unknown>,
  { startTimeoutMs, log, clock, closing, unused }: OpenPluginDeps,
): Promise<T> {
  const { configPath, rootConfig } = place;
  const over = new AbortController();
  const signal = AbortSignal.any([over.signal, unused]);
  const context: PluginContext = { ...place, log, clock, signal };
  const key = `${configPath}.class`;
  const making = makeFrom(source, context, { config: rootConfig, key, what: kind.what });
  let made: unknown;
  try {
    made = await within(unlessAborted(making, closing), startTimeoutMs, clock);
    if (made === 'expired') {
      const text = `${configPath} was not ready within start-timeout, ${startTimeoutMs} ms`;
      throw new DeadlineExceededError(text);
    }
  } catch (cause) {
    const isLate = closing.aborted || made === 'expired';
    if (isLate) making.then(disposeOf).then(undefined, () => {}); // nobody waits for it
    const error = isLate ? cause : whyNotMade(cause, source, place, kind);
    over.abort(error);
    throw error;
  }
  const lacks = missingMethods(made, kind.methods);
  if (lacks.length === 0) return made as T;
  const looks = otherKindOf(made, kind.what);
  const text = `must make ${kind.what}; ${shown(made)} lacks ${lacks.join(', ')}${looks}`;
  const error = new ConfigError([problemAt(rootConfig, key, text)]);
  over.abort(error);
  // How it closes, or whether it does, does not hide what is wrong with it.
  await within(disposeOf(made), startTimeoutMs, clock).catch(() => {});
  throw error;
}

function whyNotMade(
  cause: unknown,
  source: unknown,
  { configPath, rootConfig }: PluginPlace,
  { what, builtins }: ClassKind<unknown>,
): Error {
  if (cause instanceof ConfigError) return cause;
  if (cause instanceof JournalError && cause.retryable) {
    const text = `${what} could not be made by the class of ${configPath}`;
    return new StoreUnavailableError(text, { cause });
  }
  // A plugin of this package says itself what is wrong: a missing right, a missing table.
  const isOurs = [...builtins.values()].includes(source);
  if (isOurs && cause instanceof JournalError) return cause;
  const text = `names what fails: ${String(cause)}`;
  return new ConfigError([problemAt(rootConfig, `${configPath}.class`, text)], { cause });
}

/** What the other kind of plugins begins with. */
const signs = [
  ['a journal', ['write', 'replay']],
  ['a snapshot store', ['save', 'load']],
] as const;

function otherKindOf(made: unknown, what: string): string {
  const other = signs.find(
    ([name, methods]) => name !== what && missingMethods(made, methods).length === 0,
  );
  return other === undefined ? '' : `; it looks like ${other[0]}`;
}

async function disposeOf(made: unknown): Promise<void> {
  const { [Symbol.asyncDispose]: dispose } = Object(made) as Partial<AsyncDisposable>;
  if (typeof dispose === 'function') await dispose.call(made);
}
