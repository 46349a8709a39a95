/**
 * Where log lines go. The shape is pino's: fields first, then the message; `child` binds fields.
 * A library does not choose its user's logger: pass one in, or get `silentLogger`.
 */
export interface Logger {
  debug(fields: LogFields, message: string): void;
  info(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  error(fields: LogFields, message: string): void;
  child(fields: LogFields): Logger;
}

export type LogFields = Readonly<Record<string, unknown>>;

export const silentLogger: Logger = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  child: () => silentLogger,
};

/** Warnings and errors on standard error, one line each: for commands without a logger of their own. */
export const consoleLogger: Logger = {
  ...silentLogger,
  warn: (fields, message) => console.error(`warning: ${message}`, fields),
  error: (fields, message) => console.error(`error: ${message}`, fields),
  child: () => consoleLogger,
};
