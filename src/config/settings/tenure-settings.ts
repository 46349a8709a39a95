import { isScope, maxScopeLength } from '../../model/tenure.ts';
import { boolean, duration, type Kind, text } from '../kinds.ts';
import type { SettingReader } from '../setting-reader.ts';

/** How a process holds the tenures of the partitions that it writes. */
export interface TenureSettings {
  /** Services that share a topic, but never a journal, have different ones. */
  readonly scope: string;
  /** How long a partition is left to another process that was seen to open it. */
  readonly holdingTimeMs: number;
  /** Entities that wait for a time, or have work to do, are opened without being asked. */
  readonly wakeUp: boolean;
}

/** A command that waits for a partition should not wait longer. */
const longestHoldingTimeMs = 60_000;

const scope: Kind<string> = {
  ...text,
  expected: `a text of at most ${maxScopeLength} characters without unpaired surrogates`,
  read(value) {
    const written = text.read(value);
    return written !== undefined && isScope(written) ? written : undefined;
  },
};

/** `undefined` = nothing is held. */
export function readTenures(reader: SettingReader): TenureSettings | undefined {
  const on = reader.read('tenures', boolean);
  const settings: TenureSettings = {
    scope: reader.read('tenure-scope', scope),
    holdingTimeMs: reader.read(
      'tenure-holding-time',
      duration({ min: 0, max: longestHoldingTimeMs }),
    ),
    wakeUp: reader.read('wake-up', boolean),
  };
  return on ? settings : undefined;
}
