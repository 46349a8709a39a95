import type { CrashPoint } from '../crash-points.ts';

/**
 * What showed a mutant the last time that `npm run simulate -- --mutants` looked for it: a seed, or
 * a crash point. It is tried first; where it shows nothing any more, because the histories are
 * others now, the mutant is hunted as ever, which only takes longer. Mutants that the first history
 * shows are not listed.
 */
export const shownBy: ReadonlyMap<string, number | CrashPoint> = new Map<
  string,
  number | CrashPoint
>([
  ['a write of unknown outcome leaves no doubt', 1_497],
  ['late marks of the own process are harmless', 417],
  ['a journal is not told of actions without a tenure', 177],
  ['only a journal that is being written is told', 177],
  ['an action without a tenure before an acknowledged write is not looked at', 2_687],
  ['opening marks of other scopes take the tenure', 237],
  ['a write past the held journal is not noticed', 387],
  ['the row is read before R', 26],
  [
    'a gap before the first event does not restart',
    { scenario: 'a slow read beside a purge, replicator in polls of 2', seed: 1, call: 7 },
  ],
  [
    'a purge under way is not recognised',
    { scenario: 'a slow read beside a purge, replicator in polls of 2', seed: 1, call: 30 },
  ],
  ['a delete after the end passes for one before it', 336],
  [
    'a purge after the end passes for a journal that begins later',
    { scenario: 'a slow read beside a purge, replicator in polls of 2', seed: 1, call: 36 },
  ],
  ['a last number that nothing tells counts as none', 49],
  ['an empty segment ends the walk', 31],
  ['a purge in the tail leaves the store alive', 21],
  ['conflicting rows are not seen', 23],
  ['a conditional purge of the tail always counts', 44],
  ['the cache forgets what it dropped', 222],
  ['the cache forgets a purge', 255],
  [
    'a delete moves the offset first',
    { scenario: 'delete, replicator in polls of 1', seed: 1, call: 77 },
  ],
  [
    'a purge without a row leaves rows',
    { scenario: 'purge after delete, replicator in polls of 2', seed: 3, call: 56 },
  ],
  ['a purge that was cut short is not resumed', 46],
  ['the row of a purged journal goes before its events', 420],
  ['the row of a journal comes before its events', 86],
  [
    'a batch that was applied in part counts as applied',
    { scenario: 'append, replicator in polls of 2', seed: 1, call: 28 },
  ],
  ['a conditional purge is applied always', 80],
  ['R moves whoever moved it before', 388],
  ['R moves over keys that failed', 26],
  ['a record that loses leaves rows above the last number', 63],
  ['appends that are left out claim no numbers', 482],
  ['a delete of nothing makes a row', 29],
  ['an append is refused by what the cache has seen', 169],
  ['the last append before a delete is dropped', 41],
  ['a void action is read', 41],
  ['the head cache takes a void action', 137],
  ['an opening mark counts for all scopes', 22],
  ['an applied action is applied again', 200],
  ['rows are not cut at R', 3],
  ['the row is not looked at again', 3],
  ['a conditional purge that names the row does not count', 3],
  ['a row ahead of R tells the last number', 3],
  ['rows that end early are not missed', 3],
  ['a purge in the tail leaves its appends alive', 5],
  ['a delete reaches beyond the end', 8],
  ['a conflicting record of the tail wins', 9],
  ['deleteTo goes back', 5],
  ['rows are written with the time of the statement', 2],
  ['a conditional purge that only the row can settle is dropped', 3],
  ['a record that loses moves the last number', 10],
  ['a void action is applied', 14],
  ['the tenures before R are not asked for', 7],
  ['R moves before the opening marks are stored', 2],
  ['the tenures of an earlier topic stay', 11],
  ['a W that is after R is believed', 11],
  ['a write names the tenure of the moment', 7],
  ['what is acknowledged counts at once', 17],
  ['the follower is asked before it has passed', 17],
  ['the follower goes on with a break', 7],
  ['a tenure is opened although W is before R', 7],
]);
