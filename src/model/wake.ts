/**
 * What an entity waits for once an append is stored: the earliest deadline of its timers, ms since
 * the epoch; work of its own that is under way (`now`); or nothing (`none`).
 */
export type Wake = number | 'now' | 'none';
