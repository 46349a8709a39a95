import { inspect } from 'node:util';
import { describeError } from './describe-error.ts';

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

/**
 * What a line carries beside its message. An error goes under `err`: there pino prints its message
 * and its causes. Under `error` pino would print `{}`, so that is no legal field.
 */
export type LogFields = Readonly<Record<string, unknown>> & { readonly error?: never };

/** Drops every line. */
export const silentLogger: Logger = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  child: () => silentLogger,
};

const levels = ['debug', 'info', 'warn', 'error'] as const;

/**
 * The logger of a user, whose lines never fail: nothing may go wrong, or be left undone, because a
 * line cannot be written. What it throws, or rejects with, is left out.
 */
export function unfailing(log: Logger): Logger {
  if (log === silentLogger) return log;
  const at =
    (level: Level) =>
    (fields: LogFields, message: string): void => {
      try {
        const answer: unknown = log[level](fields, message);
        if (answer instanceof Promise) answer.catch(() => {});
      } catch {
        // Whom should it be told?
      }
    };
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: (fields) => {
      try {
        return unfailing(log.child(fields));
      } catch {
        return silentLogger;
      }
    },
  };
}

type Level = (typeof levels)[number];

/**
 * Lines on standard error, for programs without a logger of their own: information, warnings and
 * errors; what is for debugging is left out. A line is `warn: message {"topic":"journal"}`, with
 * the fields as JSON. An error under `err` follows on lines of its own, as {@link describeError}
 * puts it: message, then each cause.
 *
 * ```
 * error: entity failed {"type":"account","id":"a-1"}
 *   RECOVERY_FAILED: a-1 could not be recovered
 *   caused by: STORE_UNAVAILABLE: Cassandra at cassandra-1:9042 does not answer
 * ```
 */
export const consoleLogger: Logger = consoleLoggerFrom('info');

/** Like {@link consoleLogger}, from the level `lowest` on; each line has the `bound` fields. */
export function consoleLoggerFrom(lowest: Level, bound: LogFields = {}): Logger {
  const at = (level: Level) =>
    levels.indexOf(level) < levels.indexOf(lowest)
      ? () => {}
      : (given: LogFields, message: string) => {
          const { err, ...fields } = { ...bound, ...given };
          const shown = Object.keys(fields).length === 0 ? '' : ` ${jsonOf(fields)}`;
          const error = err === undefined ? '' : `\n  ${describeError(err)}`;
          console.error(`${level}: ${message}${shown}${error}`);
        };
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: (fields) => consoleLoggerFrom(lowest, { ...bound, ...fields }),
  };
}

/** Whatever the fields hold, the line is printed. */
function jsonOf(fields: LogFields): string {
  try {
    return JSON.stringify(fields, (_, value: unknown) =>
      typeof value === 'bigint' ? String(value) : value,
    );
  } catch {
    return inspect(fields, { breakLength: Number.POSITIVE_INFINITY });
  }
}
