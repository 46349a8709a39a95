/**
 * The seed of a run: given by the environment to repeat one, else a new one. It stands in the
 * test's title.
 */
export const seed = Number(
  process.env.KAFKA_JOURNAL_TEST_SEED ?? Math.floor(Math.random() * 2 ** 31),
);

/** A repeatable stream of numbers, 0 <= n < `below` (mulberry32). */
export function numbersOf(start: number): (below: number) => number {
  let state = start >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}
