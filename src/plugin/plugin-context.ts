import type { Config } from '../config/config.ts';
import type { Logger } from '../observability/logger.ts';
import type { Clock } from '../runtime/clock.ts';

/** What a plugin is made from: its section of the configuration, and what it shares with others. */
export interface PluginContext {
  /** The plugin's section, over the fallback section of its kind. */
  readonly config: Config;
  /** Where that section is, such as `my.journal`. */
  readonly configPath: string;
  readonly rootConfig: Config;
  readonly log: Logger;
  readonly clock: Clock;
  /**
   * Fires when the plugin could not be made, or not in the time that its section allows, or is no
   * longer wanted: in a shutdown after the last actor has ended, just before plugins are closed.
   */
  readonly signal: AbortSignal;
}

/** Makes a plugin, which then belongs to the caller. */
export type PluginFactory<T> = (context: PluginContext) => T | Promise<T>;

/** What a plugin is made by: a function, a class, or an object with `create`. */
export type PluginSource<T> =
  | PluginFactory<T>
  | (new (
      context: PluginContext,
    ) => T)
  | { readonly create: PluginFactory<T> };
