import type { Config, ConfigNote } from '../config/config.ts';
import type { Logger } from '../observability/logger.ts';

/**
 * Logs the keys that are set and have no effect, each once for the life of `config`: one warning
 * about those that are to have an effect one day, one line of information about those that never
 * will.
 */
export function noteIgnoredKeys(config: Config, log: Logger): void {
  const notes = config.takeNotes();
  const promised = notes.filter(({ isPromised }) => isPromised);
  const ignored = notes.filter(({ isPromised }) => !isPromised);
  if (promised.length > 0) log.warn({}, `settings without effect so far: ${listed(promised)}`);
  if (ignored.length > 0) log.info({}, `settings without effect: ${listed(ignored)}`);
}

function listed(notes: readonly ConfigNote[]): string {
  return notes
    .map(({ path, file, line, why }) => {
      const place = file === undefined ? '' : ` (${file}${line === undefined ? '' : `:${line}`})`;
      return `${path}${place}: ${why}`;
    })
    .join('; ');
}
