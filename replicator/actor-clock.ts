import type { Clock } from '../src/runtime/clock.ts';

type ActorTimer = AbortController;

/** What an actor system asks of a clock. */
interface ActorClock {
  setTimeout(run: (...args: unknown[]) => void, ms: number): ActorTimer;
  clearTimeout(timer: ActorTimer): void;
}

/** Lets the timers of an actor system run on our clock, so that tests own the time. */
export function actorClock(clock: Clock): ActorClock {
  return {
    setTimeout(run, ms) {
      const timer = new AbortController();
      clock.sleep(ms, { signal: timer.signal }).then(
        () => timer.signal.aborted || run(),
        () => {},
      );
      return timer;
    },
    clearTimeout: (timer) => timer.abort(),
  };
}
