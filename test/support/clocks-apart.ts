/**
 * How far the time of day of a test is ahead of its steady clock: whoever takes one for the other
 * waits for ever, or not at all.
 */
export const clocksApartMs = 1_600_000_000_000;
