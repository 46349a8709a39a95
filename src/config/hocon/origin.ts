import { ConfigError } from '../../model/errors.ts';

/** Where a value was written. */
export interface Origin {
  /** Path as given to the parser; `config text` or `overrides` for what code gave. */
  readonly file: string | undefined;
  /** 1-based; `undefined` for values that no text holds (overrides in code, environment). */
  readonly line: number | undefined;
}

/** A ConfigError of one problem; `path` is empty where the text is wrong before it has a path. */
export function hoconError(
  message: string,
  origin: Origin,
  path: readonly string[] = [],
): ConfigError {
  return new ConfigError([
    { path: renderPath(path) || '(document)', file: origin.file, line: origin.line, message },
  ]);
}

/** The path as HOCON writes it: elements that need quotes have them. */
export function renderPath(path: readonly string[]): string {
  return path.map((key) => (/^[\w-]+$/.test(key) ? key : JSON.stringify(key))).join('.');
}
