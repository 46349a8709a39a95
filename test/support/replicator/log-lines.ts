import type { LogFields, Logger } from '../../../src/observability/logger.ts';

export interface LogLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly fields: LogFields;
  readonly message: string;
}

/** A logger that keeps what it is told. */
export function logLines(
  lines: LogLine[] = [],
  bound: LogFields = {},
): Logger & { lines: LogLine[] } {
  const at = (level: LogLine['level']) => (fields: LogFields, message: string) => {
    lines.push({ level, fields: { ...bound, ...fields }, message });
  };
  return {
    lines,
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: (fields) => logLines(lines, { ...bound, ...fields }),
  };
}
