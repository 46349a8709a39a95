import { JournalError } from '../model/errors.ts';
import { thrownText } from '../model/shown.ts';

/** Causes that are printed at most. */
const maxCauses = 10;

/**
 * An error as text for people: its message, then one line for each cause, down to the first one.
 * The innermost error brings its stack when it is not of this package: it is a bug, or comes from
 * a driver.
 */
export function describeError(error: unknown): string {
  const chain = [error];
  for (let cause = causeOf(error); cause !== undefined; cause = causeOf(cause)) {
    if (chain.length > maxCauses || chain.includes(cause)) break;
    chain.push(cause);
  }
  const innermost = chain.at(-1);
  const lines = chain.map((link, index) =>
    index === 0 ? textOf(link) : `caused by: ${textOf(link)}`,
  );
  if (innermost instanceof Error && !(innermost instanceof JournalError)) {
    lines.push(...(innermost.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line)));
  }
  return lines.join('\n  ');
}

function causeOf(error: unknown): unknown {
  return error instanceof Error ? error.cause : undefined;
}

function textOf(error: unknown): string {
  if (!(error instanceof Error)) return thrownText(error);
  // Node tries all addresses of a host and then has nothing to say of its own.
  const inner = error instanceof AggregateError ? error.errors.map(textOf).join('; ') : '';
  const message = error.message || inner || error.name;
  return error instanceof JournalError ? `${error.code}: ${message}` : message;
}
