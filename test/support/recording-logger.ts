import type { LogFields, Logger } from '../../src/observability/logger.ts';

/** Keeps what is logged. */
export class RecordingLogger implements Logger {
  readonly lines: {
    readonly level: string;
    readonly fields: LogFields;
    readonly message: string;
  }[] = [];

  debug = (fields: LogFields, message: string): void => this.#add('debug', fields, message);
  info = (fields: LogFields, message: string): void => this.#add('info', fields, message);
  warn = (fields: LogFields, message: string): void => this.#add('warn', fields, message);
  error = (fields: LogFields, message: string): void => this.#add('error', fields, message);

  child(): Logger {
    return this;
  }

  #add(level: string, fields: LogFields, message: string): void {
    this.lines.push({ level, fields, message });
  }

  of(level: string): string[] {
    return this.lines.filter((line) => line.level === level).map(({ message }) => message);
  }
}
