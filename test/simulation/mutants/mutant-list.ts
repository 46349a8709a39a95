/** One place of a product file, exactly once there, and what stands there instead. */
export interface Edit {
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

/** A rule of the algorithm, taken out. */
export interface Mutant {
  readonly name: string;
  /** Where the rule is written: a section of the reference. */
  readonly rule: string;
  readonly edits: readonly Edit[];
}

const snapshot = 'src/journal/read/take-snapshot.ts';
const rows = 'src/journal/read/read-stored.ts';
const events = 'src/journal/read/read-events.ts';
const head = 'src/history/head.ts';
const keyJournal = 'src/stores/cassandra/key-journal.ts';
const row = 'src/stores/cassandra/metajournal-row.ts';
const pointers = 'src/stores/cassandra/partition-pointers.ts';
const batch = 'src/history/batch.ts';
const flow = 'replicator/topic/partition-flow.ts';
const ranges = 'src/model/appended-range.ts';

function mutant(
  name: string,
  rule: string,
  ...edits: readonly (readonly [string, string, string])[]
) {
  return { name, rule, edits: edits.map(([file, find, replace]) => ({ file, find, replace })) };
}

/** Rules of B.12, C and D.7.5, each removed by itself. */
export const mutants: readonly Mutant[] = [
  mutant(
    'the row is read before R',
    'B.12: R before rows',
    [
      snapshot,
      'const unread = await findHead({ ...parts, headCache }, { key, end }, { signal });',
      `const early = await parts.eventual.pointer(key, { signal });
       const unread = await findHead({ ...parts, headCache }, { key, end }, { signal });`,
    ],
    [snapshot, 'readRow(parts, { key, unread }, { signal }),', 'Promise.resolve(early),'],
  ),
  mutant('rows are not cut at R', 'B.12: offset <= R', [
    rows,
    '(replicated === undefined || at.offset > replicated)',
    'false',
  ]),
  mutant('the row is not looked at again', 'B.12: restart', [events, 'if (!same) throw torn;', '']),
  mutant('a gap in front does not restart', 'B.12: restart', [
    events,
    'if (order.isLeadingGap(page) && !gap.stays(page)) throw torn;',
    '',
  ]),
  mutant(
    'a purge under way is not recognised',
    'B.12: evidence',
    [
      snapshot,
      'if (pointer?.deleteTo === undefined || pointer.deleteTo < pointer.seqNr) return false;',
      'return false;',
    ],
    [snapshot, 'isPurgedBehind(snapshot) || ', ''],
  ),
  mutant('an empty segment ends the walk', 'B.12: walk every segment', [
    'src/stores/cassandra/segment-reader.ts',
    'yield* rowsOf(walk, current, options);',
    `let found = false;
     for await (const page of rowsOf(walk, current, options)) {
       found = true;
       yield page;
     }
     if (!found) return;`,
  ]),
  mutant('a purge in the tail leaves the store alive', 'B.12: purged', [
    head,
    'this.#purgedAt = at;\n    this.#lastAt = at;\n    this.#steps = [];',
    'this.#lastAt = at;\n    this.#steps = [];',
  ]),
  mutant('a purge in the tail leaves its appends alive', 'B.12: purged', [
    head,
    'this.#lastAt = at;\n    this.#steps = [];',
    'this.#lastAt = at;',
  ]),
  mutant(
    'a delete reaches beyond the end',
    'B.12: min(to, next - 1)',
    [
      head,
      'const reached = this.#last === undefined ? to : SeqNr.lesserOf(to, this.#last);',
      'const reached = to;',
    ],
    [
      head,
      'if (this.#deleteTo !== undefined && this.#deleteTo >= from) this.#deleteTo = SeqNr.prev(from);',
      '',
    ],
  ),
  mutant('a conflicting record of the tail wins', 'decision 17', [
    head,
    'if (this.#last !== undefined && from <= this.#last) {',
    'if (this.#last === undefined && from < 0) {',
  ]),
  mutant('conflicting rows are not seen', 'decision 17', [
    rows,
    'if (previous !== undefined && conflicts(previous, row)) report(rows, previous, row);',
    '',
  ]),
  mutant('a conditional purge of the tail always counts', 'D.11', [
    head,
    'if (onlyAt !== undefined && onlyAt !== this.#lastAt) {',
    'if (onlyAt !== undefined && at < 0) {',
  ]),
  mutant('the cache forgets what it dropped', 'C.6, V5', [
    'src/journal/head-cache/partition-cache.ts',
    'this.#droppedUpTo = cached.last;',
    '',
  ]),
  mutant('the cache forgets a purge', 'B.12: fold record by record, V2', [
    'src/journal/head-cache/cached-head.ts',
    'return Head.afterPurge(isAbove ? purgedAt : undefined);',
    'return Head.afterPurge(isAbove ? undefined : undefined);',
  ]),
  mutant('deleteTo goes back', 'D.7.5-2, V4', [
    keyJournal,
    'const deleteTo = highest(SeqNr.lesserOf(to, seqNr), head.deleteTo);',
    'const deleteTo = SeqNr.lesserOf(to, seqNr);',
  ]),
  mutant('a delete moves the offset first', 'D.7.5-3, V8', [
    keyJournal,
    'const pointer = { ...head, seqNr, deleteTo };\n    await this.row.change({ pointer, clearedTo: this',
    'const pointer = { ...head, at: unit.at, seqNr, deleteTo };\n    await this.row.change({ pointer, clearedTo: this',
  ]),
  mutant('a purge without a row leaves rows', 'D.7.5-5, V7', [
    keyJournal,
    'else await this.removeOrphans(upTo, unit);',
    '',
  ]),
  // A purge looks far below what is known to be cleared, for what others may have left; that alone would hide it.
  mutant(
    'a purge that was cut short is not resumed',
    'D.7.5-6',
    [keyJournal, 'const maxDoubtedSegments = 100_000;', 'const maxDoubtedSegments = 0;'],
    [
      keyJournal,
      'const known = SegmentNr.of(this.row.clearedBelow + 1, head.segmentSize);',
      'const known = SegmentNr.of((head.deleteTo ?? 0) + 1, head.segmentSize);',
    ],
  ),
  mutant('the row of a purged journal goes before its events', 'D.7.5-6', [
    keyJournal,
    'await this.align({ ...head, purgingAt: unit.at.offset }, { seqNr: last, deleteTo: last }, unit);',
    'await this.row.remove(timeOf(unit));',
  ]),
  mutant('the row of a journal comes before its events', 'D.7.4: rows, then row', [
    keyJournal,
    'await insertRows(this.eventRows(pointer, unit), live);\n    // An attempt',
    'await this.row.create({ pointer, clearedTo: undefined, origin: record.origin }, timeOf(unit));\n' +
      '    await insertRows(this.eventRows(pointer, unit), live);\n    return;\n    // An attempt',
  ]),
  mutant('a batch that was applied in part counts as applied', 'D.7.4: row.offset guard', [
    keyJournal,
    'if (this.isApplied(batch.at)) return await this.own(unit);\n' +
      '    if (pointer === undefined) await this.create(',
    'if (this.isApplied(batch.events[0].record.at)) return await this.own(unit);\n' +
      '    if (pointer === undefined) await this.create(',
  ]),
  mutant('an applied action is applied again', 'D.7.4: row.offset guard', [
    keyJournal,
    'return applied !== undefined && offset <= applied;',
    'return applied !== undefined && offset < 0;',
  ]),
  mutant('a conditional purge is applied always', 'D.11', [
    keyJournal,
    'if (onlyAt !== undefined && !isAt(pointer, { ...at, offset: onlyAt }))\n      return await this.own(unit);',
    '',
  ]),
  mutant(
    'rows are written with the time of the statement',
    'D.7.5-8',
    [
      row,
      'await session.write(statements.insert, params, timestamp);',
      'await session.write(statements.insert, params);',
    ],
    [
      row,
      'await this.#parts.session.write(cql, params, timestamp);',
      'await this.#parts.session.write(cql, params);',
    ],
  ),
  mutant(
    'R moves whoever moved it before',
    'D.7.5-8: fencing',
    ['src/stores/cassandra/tables/pointer-table.ts', ' IF offset = ? AND updated = ?`', '`'],
    [pointers, "return answer['[applied]'] === true;", 'return answer !== undefined;'],
  ),
  mutant('the first round has many records', 'ADR 29', [
    flow,
    'if (this.#replicated !== undefined || first === undefined',
    'if (this.#replicated === undefined || first === undefined',
  ]),
  mutant('R moves over keys that failed', 'D.7.4: R last', [
    flow,
    'this.#appliedBelow = firstUnapplied(left) ?? batch.nextOffset;',
    'this.#appliedBelow = batch.nextOffset;',
  ]),
  mutant('a delete of nothing makes a row', 'decision 17: void without life', [
    keyJournal,
    '// Of nothing: void.\n    if (pointer === undefined) return false;',
    `if (pointer === undefined) {
      const { at, to } = batch;
      const none = { expiry: undefined, recordId: undefined };
      const made = { at, segmentSize: this.state.segmentSize, seqNr: to, deleteTo: to, ...none };
      await this.row.create({ pointer: made, clearedTo: undefined, origin: undefined }, timeOf(unit));
      return true;
    }`,
  ]),
  mutant('a record that loses moves the last number', 'decision 17: it loses whole', [
    ranges,
    'if (from > this.#last) this.#last = to;',
    'if (to > this.#last) this.#last = to;',
  ]),
  mutant('a record that loses leaves rows above the last number', 'decision 17: it loses whole', [
    ranges,
    'return seqNr <= (this.#behind.get(offset) ?? this.#last);',
    'return seqNr > 0 && offset >= 0;',
  ]),
  mutant('appends that are left out claim no numbers', 'D.6, I11', [
    batch,
    'next.ranges.push(range);',
    'if (!this.#covers(to)) next.ranges.push(range);',
  ]),
  mutant('an append is refused by what the cache has seen', 'decision 17: certain', [
    'src/journal/head-cache/writer-watch.ts',
    'const isSure = await this.#cache.catchUp(key, journal.partition, options);',
    'const isSure = true;',
  ]),
  mutant('the last append before a delete is dropped', 'D.6', [
    batch,
    "if (next?.type !== 'appends') {",
    "if (next?.type !== 'appends' && this.#cover >= record.action.header.range.to) {\n" +
      "    } else if (next?.type !== 'appends') {",
  ]),
];
