import { type Mutant, mutant } from './mutant.ts';

const observe = 'src/journal/read/observe.ts';
const attempt = 'src/journal/read/attempt.ts';
const rows = 'src/journal/read/deliver-rows.ts';
const judge = 'src/history/judge-cut.ts';
const head = 'src/history/head.ts';
const applyChange = 'src/stores/cassandra/apply-row-change.ts';
const row = 'src/stores/cassandra/metajournal-row.ts';
const pointers = 'src/stores/cassandra/partition-pointers.ts';
const batch = 'src/history/batch.ts';
const keptWakeUps = 'src/stores/cassandra/kept-wake-up-tables.ts';
const cache = 'src/journal/head-cache/partition-cache.ts';
const flow = 'replicator/topic/partition-flow.ts';
const action = 'src/history/apply-action.ts';
const change = 'src/history/row-change.ts';

/** As the JVM system's replicator does. */
const purgesEarly = [
  'replicator/apply/replicate-records.ts',
  'return isChangedBefore || row.at.offset > replicated ? index : undefined;',
  'return undefined;',
] as const;

/** Rules of reading, of the head cache and of replication, each removed by itself. */
export const mutants: readonly Mutant[] = [
  mutant(
    'the row is read before R',
    'R before rows',
    [
      observe,
      'const end = await readEnd.find(key, { signal });',
      `const end = await readEnd.find(key, { signal });
       const early = await deps.eventual.pointer(key, { signal });`,
    ],
    [
      observe,
      'head.purged ? Promise.resolve(undefined) : readRow(deps, key, { signal }),',
      'Promise.resolve(early),',
    ],
  ),
  mutant('a moved key is read from its new partition alone', 'the store has what came before', [
    observe,
    'head.purged ? Promise.resolve(undefined) : readRow(deps, key, { signal }),',
    `head.purged || replicated === undefined
      ? Promise.resolve(undefined) : readRow(deps, key, { signal }),`,
  ]),
  mutant('rows of another partition are cut at R', 'R is of one partition', [
    rows,
    'if (at.partition === partition && at.offset > replicated) return false;',
    'if (at.offset > replicated) return false;',
  ]),
  mutant('the row of another partition tells what is applied', 'offsets are of one partition', [
    change,
    'return row.at.partition === at.partition && at.offset <= row.at.offset;',
    'return at.offset <= row.at.offset;',
  ]),
  mutant('the row of another partition tells the last action', 'offsets are of one partition', [
    'src/history/life.ts',
    'const lastAt = at.partition === partition ? at.offset : undefined;',
    'const lastAt = at.offset;',
  ]),
  mutant('rows of two partitions conflict', 'offsets are of one partition', [
    rows,
    'return to.offset < from.offset && to.partition === from.partition;',
    'return to.offset < from.offset;',
  ]),
  mutant('rows are not cut at R', 'rows up to R only', [
    rows,
    'if (at.partition === partition && at.offset > replicated) return false;',
    '',
  ]),
  mutant('the row is not looked at again', 'a torn read begins again', [
    judge,
    "missing: missingRows, rowAgain: ['changed'] },\n    verdict: 'torn',",
    "missing: missingRows, rowAgain: ['changed'] },\n    verdict: 'whole',",
  ]),
  mutant('a gap before the first event does not restart', 'a torn read begins again', [
    attempt,
    'return this.#sightings >= minLooks;',
    'return true;',
  ]),
  mutant(
    'a purge under way is not recognised',
    'a purge under way shows itself',
    ['src/history/read-view.ts', "hides: isPurging ? 'being purged' : ", 'hides: '],
    [
      judge,
      "row: standing, hides: ['all'] },\n    verdict: lookAfterEnd,",
      "row: standing, hides: ['all'] },\n    verdict: lastOfRow,",
    ],
  ),
  mutant('a delete after the end passes for one before it', 'a row ahead of R is doubted', [
    observe,
    "|| (header.type === 'delete' && header.to >= hidden)",
    '',
  ]),
  mutant(
    'a purge after the end passes for a journal that begins later',
    'a row ahead of R is doubted',
    [observe, "header.type === 'purge' || (header.type", '(header.type'],
    purgesEarly,
  ),
  mutant(
    'a conditional purge that names the row does not count',
    'a conditional purge counts at its offset only',
    [judge, "never: { purge: ['none'] },\n    verdict: purged,", 'verdict: lastOfRow,'],
  ),
  mutant('a row ahead of R tells the last number', 'the last number is that at R', [
    judge,
    "purge: ['none'], row: ['ahead'], hides: explained },\n    verdict: lastOfEventRows,",
    "purge: ['none'], row: ['ahead'], hides: explained },\n    verdict: lastOfRow,",
  ]),
  mutant('rows that end early are not missed', 'a torn read begins again', [
    rows,
    'const isShort = order.lacks(highest) || (lastRow ?? highest) < highest;',
    'const isShort = false;',
  ]),
  mutant('a last number that nothing tells counts as none', 'the last number is that at R', [
    judge,
    "append: ['none'] },\n    verdict: 'torn',",
    "append: ['none'] },\n    verdict: 'whole',",
  ]),
  mutant('an empty segment ends the walk', 'walk every segment', [
    'src/stores/cassandra/segment-reader.ts',
    'yield* rowsOf(walk, current, options);',
    `let found = false;
     for await (const page of rowsOf(walk, current, options)) {
       found = true;
       yield page;
     }
     if (!found) return;`,
  ]),
  mutant('a purge in the tail leaves the store alive', 'a purge ends what was before it', [
    head,
    'this.#purgedAt = purgedAt;\n    this.#undecided = [];',
    'this.#undecided = [];',
  ]),
  mutant('a purge in the tail leaves its appends alive', 'a purge ends what was before it', [
    head,
    'this.#undecided = [];\n    this.#steps = [];',
    'this.#undecided = [];',
  ]),
  mutant(
    'a delete reaches beyond the end',
    'min(to, next - 1)',
    [
      action,
      'const upTo = SeqNr.greaterOf(SeqNr.lesserOf(to, highest), deletedTo);',
      'const upTo = SeqNr.greaterOf(to, deletedTo);',
    ],
    [
      action,
      'const reached = isCapped ? SeqNr.prev(from) : deletedTo;',
      'const reached = deletedTo;',
    ],
  ),
  mutant('a conflicting record of the tail wins', 'ADR 17', [
    action,
    'if (last !== undefined && from <= last) {',
    'if (last !== undefined && from < 0) {',
  ]),
  mutant('conflicting rows are not seen', 'ADR 17', [
    rows,
    'if (previous !== undefined && conflicts(previous, row)) report(attempt, previous, row);',
    '',
  ]),
  mutant(
    'a conditional purge of the tail always counts',
    'a conditional purge counts only after the action that it names',
    [
      action,
      'if (onlyAt !== undefined && onlyAt !== life.lastAt) {',
      'if (onlyAt !== undefined && at < 0) {',
    ],
  ),
  mutant('the cache forgets what it dropped', 'V5', [
    'src/journal/head-cache/partition-cache.ts',
    'this.#droppedUpTo = cached.last;',
    '',
  ]),
  mutant('the cache forgets a purge', 'fold record by record (V2)', [
    'src/journal/head-cache/cached-head.ts',
    'return Head.afterPurge(isAbove ? purgedAt : undefined);',
    'return Head.afterPurge(isAbove ? undefined : undefined);',
  ]),
  mutant('deleteTo goes back', 'deletes only go forward (V4)', [
    action,
    'const upTo = SeqNr.greaterOf(SeqNr.lesserOf(to, highest), deletedTo);',
    'const upTo = SeqNr.lesserOf(to, highest);',
  ]),
  mutant('a delete moves the offset first', 'the offset moves last (V8)', [
    change,
    'const during = { ...row, seqNr: last ?? row.seqNr, deleteTo: effect.upTo };',
    'const during = { ...row, at, seqNr: last ?? row.seqNr, deleteTo: effect.upTo };',
  ]),
  mutant('a purge without a row leaves rows', 'an append that was cut short leaves rows (V7)', [
    applyChange,
    'if (during === undefined) {',
    'if (during === undefined) {\n      if (doubtfulTo !== 0) return;',
  ]),
  // A purge looks far below what is known to be cleared, for what others may have left; that alone
  // would hide it.
  mutant(
    'a purge that was cut short is not resumed',
    'a purge can be repeated',
    [applyChange, 'const maxDoubtedSegments = 100_000;', 'const maxDoubtedSegments = 0;'],
    [
      applyChange,
      'const known = SegmentNr.of(this.#row.clearedBelow + 1, segmentSize);',
      'const known = SegmentNr.of((this.pointer?.deleteTo ?? 0) + 1, segmentSize);',
    ],
  ),
  mutant('the row of a purged journal goes before its events', 'a purge can be repeated', [
    applyChange,
    'await this.#announce(during, next);\n    const top',
    'await this.#row.remove(next());\n    const top',
  ]),
  mutant('the row of a journal comes before its events', 'rows, then row', [
    applyChange,
    'await insertRows(this.#eventRows(pointer, next), live);\n        const clearedTo =',
    'await this.#row.create({ pointer, clearedTo: undefined, origin }, next());\n' +
      '        await insertRows(this.#eventRows(pointer, next), live);\n        const clearedTo =',
  ]),
  mutant('a batch that was applied in part counts as applied', 'row.offset guard', [
    change,
    'if (isApplied(before, batch.at)) return none;',
    'if (isApplied(before, batch.events[0].record.at)) return none;',
  ]),
  mutant(
    'an applied action is applied again',
    'row.offset guard',
    [change, 'at.partition && at.offset <= row.at.offset;', 'at.partition && at.offset < 0;'],
    [change, 'at.offset <= purgedAt;', 'at.offset < 0;'],
  ),
  mutant(
    'a conditional purge is applied always',
    'a conditional purge counts only after the action that it names',
    [
      change,
      "applyAction(life, { type: 'purge', onlyAt }, at.offset);",
      "applyAction(life, { type: 'purge' }, at.offset);",
    ],
  ),
  mutant(
    'rows are written with the time of the statement',
    'ADR 29',
    [
      row,
      'await session.write(statements.insert, params, timestamp);',
      'await session.write(statements.insert, params);',
    ],
    [row, 'await session.write(cql, params, timestamp);', 'await session.write(cql, params);'],
  ),
  mutant(
    'R moves whoever moved it before',
    'ADR 29',
    ['src/stores/cassandra/tables/pointer-table.ts', ' IF offset = ? AND updated = ?`', '`'],
    [pointers, "return answer['[applied]'] === true;", 'return answer !== undefined;'],
  ),
  mutant('R moves over keys that failed', 'R last', [
    flow,
    'this.#appliedBelow = firstHeld(held) ?? batch.nextOffset;',
    'this.#appliedBelow = batch.nextOffset;',
  ]),
  mutant(
    'a delete of nothing makes a row',
    'ADR 17: void without life',
    [action, 'if (!beganUnseen) return [life, nothing];', ''],
    [
      change,
      "if (row === undefined || effect.type !== 'deleted') return none;",
      `if (effect.type !== 'deleted') return none;
      if (row === undefined) {
        const nothing = { expiry: undefined, recordId: undefined };
        const pointer = { at, segmentSize: 2, seqNr: to, deleteTo: to, ...nothing };
        return { type: 'create', pointer, live: [], origin: undefined, doubtfulTo: undefined };
      }`,
    ],
  ),
  mutant(
    'a conditional purge that only the row can settle is dropped',
    'a conditional purge counts only after the action that it names',
    [
      action,
      'const isUnseen = life.beganUnseen && life.lastAt === undefined;',
      'const isUnseen = false;',
    ],
  ),
  mutant('a record that loses moves the last number', 'ADR 17: it loses whole', [
    action,
    'return [{ ...life, lastAt: at, claimed }, isSure',
    'return [{ ...life, last: SeqNr.greaterOf(to, last), lastAt: at, claimed }, isSure',
  ]),
  mutant('a record that loses leaves rows above the last number', 'ADR 17: it loses whole', [
    change,
    'return last !== undefined && gone < seqNr && seqNr <= last;',
    'return last !== undefined && gone < seqNr;',
  ]),
  mutant('appends that are left out claim no numbers', 'I11', [
    batch,
    'next.ranges.push(range);',
    'if (!isCovered(to)) next.ranges.push(range);',
  ]),
  mutant('an append is refused by what the cache has seen', 'ADR 17: certain', [
    'src/journal/head-cache/writer-watch.ts',
    'const isSure = await this.#cache.catchUp(key, journal.partition, options);',
    'const isSure = true;',
  ]),
  mutant('the last append before a delete is dropped', 'the append carries the expiry', [
    batch,
    "if (next?.type !== 'appends') {",
    "if (next?.type !== 'appends' && isCovered(to)) continue;\n" +
      "      if (next?.type !== 'appends') {",
  ]),
  mutant('a void action is read', 'I25: one fate for every reader', [
    observe,
    "(record) => after.tenures.judge(record) === 'counts' && isOfKey(record, key),",
    "(record) => after.tenures.judge(record) !== 'opens' && isOfKey(record, key),",
  ]),
  mutant('the head cache takes a void action', 'I25: one fate for every reader', [
    cache,
    "if (verdict === 'void') {",
    "if (verdict === 'void' && !Action.isAppend(action)) {",
  ]),
  mutant('a void action is applied', 'I25: one fate for the replicator, too', [
    'replicator/topic/partition-work.ts',
    "if (tenures.judge(action) !== 'counts') continue;",
    "if (tenures.judge(action) === 'opens') continue;",
  ]),
  mutant('the tenures before R are not asked for', 'R, then W, then tenures', [
    'src/journal/learn-tenures.ts',
    'const isEmpty = replicated === undefined;',
    'const isEmpty = true;',
  ]),
  mutant('R moves before the opening marks are stored', 'tenures before R', [
    flow,
    'await settleBoth(this.#tenures.save(offset, nowMs), this.#wakeUps.save(offset, nowMs));',
    'await this.#wakeUps.save(offset, nowMs);',
  ]),
  mutant('the tenures of an earlier topic stay', 'the tables of tenures are cleared with R', [
    'src/stores/cassandra/stored-tenures.ts',
    'if (isFirst) await this.session.write(clear, [topic, partition], claimedAt);',
    '',
  ]),
  mutant('a W that is after R is believed', 'each owner stores W before it moves R', [
    'replicator/topic/partition-tenures.ts',
    'this.#upTo = isAfter ? replicated : tenuresUpTo;',
    'this.#upTo = tenuresUpTo;',
  ]),
  mutant('an opening mark counts for all scopes', 'scopes are apart', [
    'src/history/tenures.ts',
    'this.#last.set(header.opens.scope, at.offset);',
    'for (const scope of [...this.#last.keys(), header.opens.scope]) this.#last.set(scope, at.offset);',
  ]),
  mutant('a slow clock goes on below what was written', 'above the times of the last owner', [
    'src/stores/cassandra/write-clock.ts',
    'if (micros > this.#last) this.#last = micros;',
    '',
  ]),
  mutant('a purge leaves the wake-up', 'a purge leaves no entry', [
    'src/history/wake-ups.ts',
    "change = { type: 'remove', offset: at.offset };",
    '',
  ]),
  mutant(
    'a wake-up is stored after the row that its append has changed',
    'its wake-up comes first',
    [
      keptWakeUps,
      'await write(insertKey, [share, id, dueMs, reason, offset]);',
      'void write(insertKey, [share, id, dueMs, reason, offset]).catch(() => {});',
    ],
  ),
];
