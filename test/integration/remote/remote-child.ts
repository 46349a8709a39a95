import { silentLogger } from '../../../src/observability/logger.ts';
import { openHttpRemoteCalls } from '../../../src/remote/open-http-remote-calls.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import { fired, plain } from './remote-world.ts';

/**
 * A process of its own that takes calls: `hold` is answered when it is aborted, and said to the
 * parent; `count` says how many are held, and how much memory the process has; others are answered
 * at once.
 */
let held = 0;
const settings = { ...plain, maxCallsInFlight: Number(process.argv[2] ?? 100) };
const calls = await openHttpRemoteCalls(
  settings,
  async ({ name }, signal) => {
    if (name === 'hold') {
      held += 1;
      process.send?.('held');
      await fired(signal);
      held -= 1;
    }
    const body = name === 'count' ? { held, rss: process.memoryUsage().rss } : {};
    return { type: 'answered', body: JSON.stringify(body) };
  },
  { log: silentLogger, clock: systemClock },
);
process.send?.(calls.address);
process.once('disconnect', () => process.exit());
